"""The neural networks, built once a process and called in workers only."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string

from attendance.services.engine.refusals import as_refusals
from attendance.services.errors import EngineNotReady, InvalidValue, UnknownFaceModel
from faces import images, quality
from faces.errors import FaceError, UnknownModel, WeightsError
from faces.evaluate import pairs
from faces.stages import stage
from faces.types import Engine as Pipeline
from faces.types import Face


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A face of a class photo.

    Attributes:
        face: where it is, and its embedding.
        measures: of its crop, by the names of ``faces.quality.Quality``.
    """

    face: Face
    measures: dict[str, float]


def find_faces(pipeline: Pipeline, jpeg: bytes) -> Sequence[Face]:
    """Find and embed the faces of a stored class photo.

    Raises:
        BadPhoto: the file cannot be read.
    """
    with as_refusals():
        return pipeline.find_faces(images.decode(jpeg))


def find_and_measure(pipeline: Pipeline, jpeg: bytes) -> list[Found]:
    """Find, embed and measure the faces of a stored class photo.

    Raises:
        BadPhoto: the file cannot be read.
    """
    with as_refusals():
        with stage("decode"):
            image = images.decode(jpeg)
        return [Found(face, _measures(quality.assess(image, face.detection))) for face in pipeline.find_faces(image)]


def embed_selfie(pipeline: Pipeline, jpeg: bytes) -> Face:
    """Embed the face of a stored selfie.

    Raises:
        UnusableFace: no face, several, or one that is too small, blurred, dark or turned away.
        BadPhoto: the file cannot be read.
    """
    with as_refusals():
        return pipeline.embed_selfie(images.decode(jpeg))


class _Pipelines:
    """Builds each pipeline once in a process, under a lock; two at most, as a change of model needs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._built: dict[str, Pipeline] = {}

    def get(self, recogniser: str) -> Pipeline:
        with self._lock:
            if recogniser not in self._built:
                while len(self._built) > 1:
                    self._built.pop(next(iter(self._built)))
                self._built[recogniser] = _build(recogniser)
            return self._built[recogniser]

    def forget(self) -> None:
        with self._lock:
            self._built.clear()


_pipelines: Final = _Pipelines()


def pipeline(recogniser: str) -> Pipeline:
    """Give the pipeline with this recogniser, built at the first call in this process.

    Raises:
        EngineNotReady: its weights are missing or are not those of the manifest, or no recogniser has this name.
    """
    return _pipelines.get(recogniser)


def forget_pipelines() -> None:
    """Free the models; the next call builds them again."""
    _pipelines.forget()


def _measures(measured: quality.Quality) -> dict[str, float]:
    """Put measures into a form that JSON can hold: a pose that cannot be told is infinite."""
    return {name: round(min(max(value, -999.0), 99_999.0), 4) for name, value in asdict(measured).items()}


def _build(recogniser: str) -> Pipeline:
    build: Callable[..., Pipeline] = import_string(settings.FACE_PIPELINE_BUILDER)
    try:
        return build(recogniser, detector=settings.FACE_DETECTOR, weights_dir=settings.WEIGHTS_DIR)
    except UnknownModel as error:
        raise UnknownFaceModel(str(error)) from error
    except WeightsError as error:
        raise EngineNotReady(str(error)) from error


def pair_scores(pipeline: Pipeline, images_dir: Path, pairs_file: Path) -> pairs.CrossScores:
    """Compare all pictures of a pairs file in LFW's format.

    Raises:
        InvalidValue: the file or a picture is missing, or cannot be read.
    """
    try:
        return pairs.cross_scores(pipeline, images_dir, pairs_file)
    except (FaceError, OSError) as error:
        raise InvalidValue(str(error)) from error
