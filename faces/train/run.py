"""One training from a folder of people to files in the weights folder."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from faces.errors import FaceError
from faces.evaluate.people import chosen, find_portraits, people_in
from faces.evaluate.small import OpenPipeline, accepted, arranged, embed_small
from faces.models.fused import fuse
from faces.models.trained import BackboneEmbedder, Recipe, sha256_of, write_recipe
from faces.train.cache import Cache, Samples
from faces.train.card import Facts, Shares, card
from faces.train.fit import Fitting
from faces.train.full import album_of, train_backbone
from faces.train.head import TrainedHead, threshold_of, train_head, trial_of, weights_of
from faces.train.sampling import BatchShape
from faces.train.splits import Split, require_no_leak, split_people
from faces.types import Detector, Embedder

INFLUENCES: Final = (1.0, 0.3, 1.0)
"""Of the normalised scores of SFace, dlib's network and the head. dlib's is far weaker on small faces; between 0 and
0.3 for it, and 0.5 and 2 for the head, it made less than three points of difference."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to train.

    Attributes:
        data: a folder a person.
        name: of the result.
        folder: the weights folder, where the result goes.
        fitting: steps and learning rate.
        shape: of a batch.
        seed: of all chance.
        people: how many take part, by a hash of their names; None takes all.
        copies: degraded copies of a photograph beside the three bands (heads only).
        backbone: the network (mode full only).
    """

    data: Path
    name: str
    folder: Path
    fitting: Fitting
    shape: BatchShape
    seed: int = 0
    people: int | None = None
    copies: int = 2
    backbone: str = ""

    @property
    def work(self) -> Path:
        """The folder of checkpoints and cached embeddings."""
        return self.folder / f"{self.name}.train"

    def checkpoints(self, split: Split) -> Path:
        """The folder of the checkpoints of just these settings and people: with others a run starts anew."""
        fixed = {**self.settings(), "steps": None, "checkpoint_every": None, "copies": self.copies}
        stated = json.dumps([fixed, self.backbone, split.train], sort_keys=True)
        return self.work / "checkpoints" / hashlib.sha256(stated.encode()).hexdigest()[:16]

    def settings(self) -> dict[str, object]:
        """What the card lists."""
        about = {"seed": self.seed, **asdict(self.fitting)}
        about["batch"] = f"{self.shape.people} people x {self.shape.pictures} pictures"
        return about


def run_head(
    order: Order, detector: Detector, load_recognisers: Callable[[], Sequence[Embedder]]
) -> tuple[Recipe, dict[str, Shares]]:
    """Train a head and write its files.

    Args:
        order: what to train.
        detector: finds the faces.
        load_recognisers: gives SFace and dlib's network.

    Raises:
        FaceError: too few people, or a split that leaks.
    """
    people, split = _people(order)
    recognisers = load_recognisers()
    cache = Cache(order.work / "embeddings", detector, recognisers, order.copies)
    samples = cache.samples(people, [*split.train, *split.held_out])
    learned = np.isin(samples.people, split.train)
    trained = train_head(
        samples.where(learned), order.fitting, order.shape, seed=order.seed, influences=INFLUENCES,
        folder=order.checkpoints(split),
    )  # fmt: skip
    held_out = samples.where(~learned)
    figures, threshold = _head_figures(held_out, trained)
    weights = order.folder / f"{order.name}.npz"
    np.savez(weights, kernel=trained.head["kernel"], bias=trained.head["bias"])
    recipe = Recipe(
        kind="head", weights=weights.name, sha256=sha256_of(weights), threshold_cosine=threshold,
        recognisers=tuple(one.model_id for one in recognisers),
        input_weights=tuple(trained.input_weights.tolist()), score_weights=tuple(trained.score_weights.tolist()),
    )  # fmt: skip
    photographs = len(set(zip(samples.people[learned].tolist(), samples.files[learned].tolist(), strict=True)))
    _write(order, recipe, split, photographs, figures)
    return recipe, figures


def run_full(order: Order, detector: Detector) -> tuple[Recipe, dict[str, Shares]]:
    """Train a whole network and write its files.

    Args:
        order: what to train.
        detector: finds the faces.

    Raises:
        FaceError: too few people, a split that leaks, or no such network.
    """
    people, split = _people(order)
    portraits = find_portraits(detector, people, split.train)
    held_out = arranged(
        [people[name] for name in split.held_out], find_portraits(detector, people, split.held_out), order.data
    )
    weights, start = (order.folder / f"{order.name}{suffix}.weights.h5" for suffix in ("", ".start"))
    album = album_of(list(portraits.values()))
    backbone, first_weights, _ = train_backbone(
        order.backbone, album, order.fitting, order.shape, seed=order.seed, folder=order.checkpoints(split)
    )
    backbone.network.save_weights(weights)
    trained_weights = backbone.network.get_weights()
    backbone.network.set_weights(first_weights)
    backbone.network.save_weights(start)
    backbone.network.set_weights(trained_weights)
    figures: dict[str, Shares] = {}
    threshold = 0.0
    for what, file in ((f"{order.backbone}, random weights", start), (f"{order.backbone}, trained", weights)):
        recipe = Recipe("full", file.name, sha256_of(file), threshold, backbone=order.backbone)
        enrolled, probes = embed_small(OpenPipeline(detector, BackboneEmbedder(recipe, file)), held_out)
        figures[what] = accepted(enrolled, probes, held_out.same)
        threshold = threshold_of(enrolled, list(probes.values()), held_out.same)
    start.unlink()
    recipe = Recipe("full", weights.name, sha256_of(weights), threshold, backbone=order.backbone)
    _write(order, recipe, split, len(portraits), figures)
    return recipe, figures


def restart(order: Order) -> None:
    """Forget the checkpoints of an earlier run; embeddings stay."""
    shutil.rmtree(order.work / "checkpoints", ignore_errors=True)


def _people(order: Order) -> tuple[dict[str, list[Path]], Split]:
    """Those with two photographs at least, split; no picture is read before the split is known to be clean."""
    listed = {name: files for name, files in people_in(order.data).items() if len(files) > 1}
    people = {name: listed[name] for name in chosen(listed, order.people)}
    split = split_people(people)
    require_no_leak(split, people)
    return people, split


def _head_figures(held_out: Samples, trained: TrainedHead) -> tuple[dict[str, Shares], float]:
    """Measure each recipe on people never learned from; the first is before, the last is what the name stands for."""
    if not len(held_out.people):
        raise FaceError("No face was found of the people to measure on.")
    trial = trial_of(held_out)
    own = trained.own(held_out)
    sface = held_out.parts[0]
    pair = [trained.deviations[0], trained.deviations[2]]
    recipes = {
        "SFace alone": sface,
        "SFace + dlib": fuse(held_out.parts, trained.input_weights),
        "head alone": own,
        "head + SFace": fuse([sface, own], weights_of(pair, (1.0, 1.0))),
        "head + SFace + dlib": trained.embeddings(held_out),
    }
    probes = [recipes["head + SFace + dlib"][rows] for rows in trial.probes.values()]
    threshold = threshold_of(recipes["head + SFace + dlib"][trial.enrolments], probes, trial.same)
    return {what: trial.shares(rows) for what, rows in recipes.items()}, threshold


def _write(order: Order, recipe: Recipe, split: Split, photographs: int, figures: dict[str, Shares]) -> None:
    """Write card and recipe; the recipe last, since it is what makes the name known."""
    facts = Facts(order.name, recipe, order.data, photographs, split, order.settings(), figures)
    (order.folder / f"{order.name}.md").write_text(card(facts), encoding="utf-8")
    write_recipe(recipe, order.folder / f"{order.name}.json")
