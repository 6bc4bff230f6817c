"""Recognisers trained by ``python -m faces.train``, by name: ``NAME.json`` and a weights file in the weights folder.

The JSON file says what was trained and which bytes belong to it; the weights are plain arrays, never pickled objects.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from faces.align import ARCFACE_PX, ARCFACE_TEMPLATE
from faces.distance import unit_rows
from faces.errors import WeightsError
from faces.models import batches
from faces.models.backbones import build_backbone
from faces.models.compiled import compiled
from faces.models.dlib_resnet import DlibResNet
from faces.models.fused import fuse
from faces.models.sface import SFaceEmbedder
from faces.models.warp import aligned_crops
from faces.types import Detection, Embedder, Embeddings, RGBImage
from faces.weights import verified

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the JSON file beside the weights says.

    Attributes:
        kind: ``head`` or ``full``.
        weights: name of the weights file.
        sha256: of its bytes, hexadecimal.
        threshold_cosine: of open-set identification.
        recognisers: model ids of a head's frozen recognisers, in order.
        input_weights: what their cosines weigh in the head's input, of sum 1.
        score_weights: what the cosines of the recognisers and then of the head weigh in the result, of sum 1.
        backbone: name of a full model's network.
    """

    kind: str
    weights: str
    sha256: str
    threshold_cosine: float
    recognisers: tuple[str, ...] = ()
    input_weights: tuple[float, ...] = ()
    score_weights: tuple[float, ...] = ()
    backbone: str = ""


class HeadEmbedder:
    """Frozen recognisers and a trained head behind the ``Embedder`` protocol: one unit vector of all their scores."""

    def __init__(self, recipe: Recipe, recognisers: Sequence[Embedder], head: dict[str, NDArray[np.float32]]) -> None:
        """Put the parts together.

        Args:
            recipe: of the head.
            recognisers: those that the recipe names, in its order.
            head: ``kernel`` float32 (d, 128), ``bias`` float32 (128,).

        Raises:
            WeightsError: other recognisers than the head was trained on.
        """
        if tuple(one.model_id for one in recognisers) != recipe.recognisers:
            raise WeightsError("The head was trained on recognisers of another version: train it again.")
        self._recognisers = recognisers
        self._head = head
        self._input_weights = np.array(recipe.input_weights)
        self._score_weights = np.array(recipe.score_weights)
        self.model_id = f"head-{recipe.sha256[:12]}"
        self.threshold_cosine = recipe.threshold_cosine
        self.dimensions = sum(one.dimensions for one in recognisers) + len(head["bias"])

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        """Align and embed the faces of a picture; see ``Embedder``."""
        parts = [one.embed(image, detections) for one in self._recognisers]
        return fuse([*parts, apply_head(fuse(parts, self._input_weights), self._head)], self._score_weights)


class BackboneEmbedder:
    """A network trained as a whole behind the ``Embedder`` protocol."""

    def __init__(self, recipe: Recipe, weights: Path) -> None:
        """Build the network and load its weights.

        Args:
            recipe: names the network.
            weights: the verified file.

        Raises:
            WeightsError: the file holds another network.
        """
        backbone = build_backbone(recipe.backbone)
        try:
            backbone.network.load_weights(weights)
        except (ValueError, KeyError) as error:
            raise WeightsError(f"{weights} does not hold the weights of the network {recipe.backbone}.") from error
        self._size_px = backbone.size_px
        self._run = compiled(backbone.network)
        self.model_id = f"{recipe.backbone}-{recipe.sha256[:12]}"
        self.threshold_cosine = recipe.threshold_cosine
        self.dimensions = int(backbone.network.output_shape[-1])

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        """Align and embed the faces of a picture; see ``Embedder``."""
        if not len(detections):
            return np.zeros((0, self.dimensions), dtype=np.float32)
        template = scaled_template(self._size_px)
        return unit_rows(batches.run(self._run, aligned_crops(image, detections, template, self._size_px)))


def apply_head(inputs: Embeddings, head: dict[str, NDArray[np.float32]]) -> Embeddings:
    """Run the head: one linear layer, and the length taken out.

    Args:
        inputs: float32 (n, d), rows of unit L2 norm.
        head: ``kernel`` float32 (d, 128), ``bias`` float32 (128,).

    Returns:
        float32 (n, 128), rows of unit L2 norm.
    """
    return unit_rows(inputs @ head["kernel"] + head["bias"])


def scaled_template(size_px: int) -> NDArray[np.float64]:
    """Give the ArcFace template for crops of another size, float64 (5, 2)."""
    scaled: NDArray[np.float64] = ARCFACE_TEMPLATE * (size_px / ARCFACE_PX)
    return scaled


def frozen_recognisers(directory: Path) -> list[Embedder]:
    """Load the recognisers that heads stand on: SFace and dlib's, both with the mirrored crop.

    Raises:
        WeightsError: a file is missing or not that of the manifest.
    """
    return [
        SFaceEmbedder(verified("sface", directory)),
        DlibResNet(verified("dlib-resnet", directory), mirror_below_px=0.0),
    ]


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write the JSON file of a trained recogniser."""
    path.write_text(json.dumps({"format": _FORMAT, **asdict(recipe)}, indent=1) + "\n", encoding="utf-8")


def read_recipe(path: Path) -> Recipe:
    """Read the JSON file of a trained recogniser.

    Raises:
        WeightsError: it is damaged, or of another format.
    """
    try:
        stated: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if stated.pop("format") != _FORMAT:
            raise WeightsError(f"{path} is of another format: train the recogniser again.")
        lists = ("recognisers", "input_weights", "score_weights")
        return Recipe(**{**stated, **{key: tuple(stated[key]) for key in lists}})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{path} does not describe a trained recogniser.") from error


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_embedder(name: str, directory: Path) -> Embedder:
    """Load a trained recogniser.

    Args:
        name: it was trained under.
        directory: holds ``NAME.json``, its weights, and those of the recognisers it stands on.

    Raises:
        WeightsError: a file is missing, damaged, or not the one that the recipe names.
    """
    recipe = read_recipe(directory / f"{name}.json")
    weights = directory / Path(recipe.weights).name
    if not weights.is_file() or sha256_of(weights) != recipe.sha256:
        raise WeightsError(f"The weights file {weights} is missing, or does not hold the bytes that {name}.json names.")
    if recipe.kind == "full":
        return BackboneEmbedder(recipe, weights)
    with np.load(weights, allow_pickle=False) as arrays:
        head = {key: np.asarray(arrays[key], dtype=np.float32) for key in ("kernel", "bias")}
    return HeadEmbedder(recipe, frozen_recognisers(directory), head)
