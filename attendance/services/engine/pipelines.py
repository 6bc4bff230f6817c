"""The neural networks, built once a process and called in workers only."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from attendance.services import bounded
from attendance.services.engine.refusals import as_refusals
from attendance.services.errors import EngineNotReady, InvalidValue, ModelsLoading, UnknownFaceModel
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
    """Builds each pipeline once in a process; two at most, as a change of model needs.

    Each is built in a thread of its own: a task's time limit ends whoever waits for the models, never the loading.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, bounded.Asked[Pipeline]] = {}

    def get(self, recogniser: str, *, patience_seconds: float, first_jpeg: bytes | None) -> Pipeline:
        with self._lock:
            if recogniser not in self._asked:
                while len(self._asked) > 1:
                    self._asked.pop(next(iter(self._asked)))
                self._asked[recogniser] = bounded.Asked(partial(_build_and_warm, recogniser, first_jpeg))
            asked = self._asked[recogniser]
        try:
            built = asked.answer(until=time.monotonic() + patience_seconds)
        except Exception:
            self._drop(recogniser, asked)  # what was missing may be there the next time
            raise
        if built is None:
            raise ModelsLoading(_("The face models are still being loaded on this machine."))
        return built

    def _drop(self, recogniser: str, asked: bounded.Asked[Pipeline]) -> None:
        with self._lock:
            if asked.is_over and self._asked.get(recogniser) is asked:
                del self._asked[recogniser]

    def forget(self) -> None:
        with self._lock:
            self._asked.clear()


_pipelines: Final = _Pipelines()


def pipeline(recogniser: str, *, patience_seconds: float = math.inf, first_jpeg: bytes | None = None) -> Pipeline:
    """Give the pipeline with this recogniser, built at the first call in this process.

    Args:
        recogniser: its name.
        patience_seconds: how long to wait for it to be built; that goes on afterwards, for the next call.
        first_jpeg: a photo that the first call lets it look at, since a network's functions are built at its first one.

    Raises:
        EngineNotReady: its weights are missing or are not those of the manifest, or no recogniser has this name.
        ModelsLoading: it is not built yet.
    """
    return _pipelines.get(recogniser, patience_seconds=patience_seconds, first_jpeg=first_jpeg)


def forget_pipelines() -> None:
    """Free the models; the next call builds them again."""
    _pipelines.forget()


def _measures(measured: quality.Quality) -> dict[str, float]:
    """Put measures into a form that JSON can hold: a pose that cannot be told is infinite."""
    return {name: round(min(max(value, -999.0), 99_999.0), 4) for name, value in asdict(measured).items()}


def _build_and_warm(recogniser: str, first_jpeg: bytes | None) -> Pipeline:
    built = _build(recogniser)
    if first_jpeg is not None:
        find_and_measure(built, first_jpeg)
    return built


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
