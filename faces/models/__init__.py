"""The neural networks, by name. Importing this package loads none of them; building one does."""

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from faces import weights
from faces.errors import UnknownModel
from faces.memory import keep_freed_memory
from faces.pipeline import FacePipeline
from faces.types import Detector, Embedder


@dataclass(frozen=True, slots=True)
class _Entry:
    """A model that the manifest has the weights of.

    Attributes:
        builder: dotted name of a callable that takes the verified file.
        weights_name: of the manifest.
        options: for the builder.
    """

    builder: str
    weights_name: str
    options: tuple[tuple[str, Any], ...] = ()

    def build(self, directory: Path) -> Any:
        return _imported(self.builder)(weights.verified(self.weights_name, directory), **dict(self.options))


DEFAULT_MODEL: Final = "sface-dlib"
"""The recipe that ``docs/recognition.md`` measures."""

_RECOGNISERS: Final = {
    "sface": _Entry("faces.models.sface.SFaceEmbedder", "sface"),
    "sface-plain": _Entry("faces.models.sface.SFaceEmbedder", "sface", (("mirror_below_px", 0.0),)),
    "sface-dlib": _Entry("faces.models.sface_dlib.build_embedder", "sface"),
    "dlib-resnet": _Entry("faces.models.dlib_resnet.DlibResNet", "dlib-resnet"),
}
_DETECTORS: Final = {
    "yunet": _Entry("faces.models.yunet_tf.YuNetTensorFlow", "yunet"),
    "yunet-opencv": _Entry("faces.models.yunet.YuNetDetector", "yunet"),
}

_DEEPFACE_RECOGNISERS: Final = (
    *("Facenet", "Facenet512", "VGG-Face", "ArcFace", "OpenFace", "DeepID", "GhostFaceNet", "DeepFace"),
)
_TRAINED_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DEEPFACE_DETECTORS: Final = ("mtcnn", "retinaface", "ssd", "opencv", "centerface", "dlib", "mediapipe", "yolov8n")


def build_pipeline(
    model: str = DEFAULT_MODEL, *, detector: str = "yunet", weights_dir: Path | None = None
) -> FacePipeline:
    """Load a recogniser and a detector: seconds, and hundreds of MB. The caller keeps the pipeline.

    Args:
        model: name of a recogniser, in any case.
        detector: name of a detector, in any case.
        weights_dir: folder of the weights; None means ``weights.weights_dir()``.

    Raises:
        UnknownModel: no recogniser or detector has this name.
        WeightsError: its weights are missing, or are not those of the manifest.
    """
    keep_freed_memory()
    directory = weights.weights_dir() if weights_dir is None else weights_dir
    detector_builder = _detector(detector)
    embedder_builder = _recogniser(model, directory)
    return FacePipeline(detector_builder(directory), embedder_builder(directory))


def build_embedder(model: str = DEFAULT_MODEL, *, weights_dir: Path | None = None) -> Embedder:
    """Load a recogniser alone; see ``build_pipeline``."""
    directory = weights.weights_dir() if weights_dir is None else weights_dir
    return _recogniser(model, directory)(directory)


def build_detector(detector: str = "yunet", *, weights_dir: Path | None = None) -> Detector:
    """Load a detector alone; see ``build_pipeline``."""
    return _detector(detector)(weights.weights_dir() if weights_dir is None else weights_dir)


def _recogniser(name: str, directory: Path) -> Callable[[Path], Embedder]:
    entry = _RECOGNISERS.get(name.lower())
    if entry is not None:
        return entry.build
    known = _spelt(name, _DEEPFACE_RECOGNISERS)
    if known is None and _is_trained(name, directory):
        return lambda folder: _deepface("faces.models.trained.build_embedder", name, folder)
    if known is None:
        raise UnknownModel(
            f"No recogniser is called {name}. There are: {_listed(_RECOGNISERS, _DEEPFACE_RECOGNISERS)}, and those "
            f"that were trained into {directory}."
        )
    return lambda directory: _deepface("faces.models.deepface_models.build_embedder", known, directory)


def _detector(name: str) -> Callable[[Path], Detector]:
    entry = _DETECTORS.get(name.lower())
    if entry is not None:
        return entry.build
    known = _spelt(name, _DEEPFACE_DETECTORS)
    if known is None:
        raise UnknownModel(f"No detector is called {name}. There are: {_listed(_DETECTORS, _DEEPFACE_DETECTORS)}.")
    return lambda directory: _deepface("faces.models.deepface_detectors.build_detector", known, directory)


def is_taken(name: str) -> bool:
    """Whether a trained recogniser of this name would be mistaken for one of ours, or for the record of weights."""
    ours = [*_RECOGNISERS, *(one.lower() for one in _DEEPFACE_RECOGNISERS), Path(weights.RECORD).stem]
    return name.lower() in ours


def _is_trained(name: str, directory: Path) -> bool:
    """Whether ``python -m faces.train`` left a recogniser of this name. Asked without loading a network."""
    return _TRAINED_NAME.fullmatch(name) is not None and (directory / f"{name}.json").is_file()


def _deepface(builder: str, name: str, directory: Path) -> Any:
    return _imported(builder)(name, directory)


def _imported(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _spelt(name: str, known: tuple[str, ...]) -> str | None:
    return next((one for one in known if one.lower() == name.lower()), None)


def _listed(own: dict[str, _Entry], deepface: tuple[str, ...]) -> str:
    return ", ".join([*own, *deepface])
