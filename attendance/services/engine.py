"""The one door to ``faces``: photos in, faces and decisions out; its errors become sentences of ours.

Reading and shrinking pictures loads no neural network, so pages and API may call it. ``pipeline`` does, and is called
in workers only.
"""

import datetime as dt
import hashlib
import io
import math
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from PIL import Image

from attendance.services.errors import (
    BadPhoto,
    EngineNotReady,
    InvalidValue,
    TooFewComparisons,
    UnknownFaceModel,
    UnsupportedPhoto,
    UnusableFace,
)
from faces import calibration, cluster, evidence, images, match, quality, template_update
from faces.confidence import Confidence, confidence
from faces.errors import (
    FaceError,
    ImageTooLarge,
    NoFace,
    PoorQuality,
    SeveralFaces,
    TooFewScores,
    UnknownModel,
    UnsupportedImage,
    WeightsError,
)
from faces.evaluate import pairs
from faces.types import Box, Embedding, Face
from faces.types import Engine as Pipeline

__all__ = ["Box", "Confidence", "Embedding", "Face", "Found", "Gallery", "Photo", "Pipeline", "Solution", "confidence"]

JPEG_QUALITY: Final = 92
MOST_CONFIRMED: Final = template_update.MOST_TEMPLATES
_CROP_MARGIN: Final = 1.3
# A picture of 80 megapixels fills most of a gigabyte while it is read, and is a few kilobytes to send: eight at once,
# one for each thread, would end the web process.
_reading: Final = threading.Lock()
_EARLIEST: Final = dt.datetime(1995, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture that was read and is safe to keep.

    Attributes:
        jpeg: encoded anew, upright, without EXIF.
        sha256: of the bytes that came in.
        width: pixels, upright.
        height: pixels, upright.
        taken_at: what the camera says, aware; None where it says nothing that can be meant.
    """

    jpeg: bytes
    sha256: str
    width: int
    height: int
    taken_at: dt.datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A face of a class photo.

    Attributes:
        face: where it is, and its embedding.
        measures: of its crop, by the names of ``faces.quality.Quality``.
    """

    face: Face
    measures: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """The embeddings that a class is searched against, with the student of each row."""

    student_pks: tuple[int, ...]
    embeddings: tuple[Embedding, ...]
    model_id: str


@dataclass(frozen=True, slots=True)
class Solution:
    """What the engine says about one probe.

    Attributes:
        student_pk: who was assigned; None where nobody reached the threshold.
        similarity: to that student.
        candidates: the nearest students with their similarities, best first.
    """

    student_pk: int | None
    similarity: float | None
    candidates: tuple[tuple[int, float], ...]


def sha256_of(data: bytes) -> str:
    """Name bytes by their content."""
    return hashlib.sha256(data).hexdigest()


def read_photo(data: bytes) -> Photo:
    """Read an uploaded picture and encode it anew.

    Raises:
        BadPhoto: it cannot be read, or declares more pixels than the limit.
        UnsupportedPhoto: a kind of file that is not accepted.
    """
    with _as_refusals(), _reading:
        image = images.decode(data, max_pixels=settings.MAX_PHOTO_MEGAPIXELS * 1_000_000)
        taken_at = _believable(images.taken_at(data))
        jpeg = images.encode_jpeg(image, quality=JPEG_QUALITY)
    height, width = image.shape[:2]
    return Photo(jpeg=jpeg, sha256=sha256_of(data), width=width, height=height, taken_at=taken_at)


def shrink(jpeg: bytes, *, long_side: int) -> bytes:
    """Give a stored picture no larger than this on its longer side."""
    picture = Image.open(io.BytesIO(jpeg))
    picture.thumbnail((long_side, long_side))
    return _jpeg(picture)


def crop(jpeg: bytes, *, box: Box, size_px: int = 160) -> bytes:
    """Cut a face out of a stored picture, square and with some margin."""
    edge = max(box.width, box.height) * _CROP_MARGIN
    left, top = box.x + (box.width - edge) / 2, box.y + (box.height - edge) / 2
    picture = Image.open(io.BytesIO(jpeg)).crop((round(left), round(top), round(left + edge), round(top + edge)))
    return _jpeg(picture.resize((size_px, size_px), Image.Resampling.LANCZOS))


def find_faces(pipeline: Pipeline, jpeg: bytes) -> Sequence[Face]:
    """Find and embed the faces of a stored class photo.

    Raises:
        BadPhoto: the file cannot be read.
    """
    with _as_refusals():
        return pipeline.find_faces(images.decode(jpeg))


def find_and_measure(pipeline: Pipeline, jpeg: bytes) -> list[Found]:
    """Find, embed and measure the faces of a stored class photo.

    Raises:
        BadPhoto: the file cannot be read.
    """
    with _as_refusals():
        image = images.decode(jpeg)
        return [Found(face, _measures(quality.assess(image, face.detection))) for face in pipeline.find_faces(image)]


def join_looks(photos: Sequence[Sequence[Embedding]], face_px: Sequence[Sequence[float]]) -> list[evidence.Looks]:
    """Find who is in several photos, none of which may be without faces; see ``faces.evidence``."""
    return evidence.join_looks([np.stack(faces) for faces in photos], face_px)


def fit_to_keep(measures: Mapping[str, float]) -> bool:
    """Say whether a face that was measured so is good enough to be a template; one never measured is not."""
    return bool(measures) and template_update.fit_to_keep(quality.Quality(**measures))


def agrees_with_selfies(face: Embedding, *, own: Gallery, others: Gallery, threshold_cosine: float) -> bool:
    """Say whether a face may be whom a teacher named, by the selfies of the student and of their classmates."""
    return template_update.agrees_with_selfies(
        own=[float(face @ template) for template in own.embeddings],
        others=[float(face @ template) for template in others.embeddings],
        threshold_cosine=threshold_cosine,
    )


def embed_selfie(pipeline: Pipeline, jpeg: bytes) -> Face:
    """Embed the face of a stored selfie.

    Raises:
        UnusableFace: no face, several, or one that is too small, blurred, dark or turned away.
        BadPhoto: the file cannot be read.
    """
    with _as_refusals():
        return pipeline.embed_selfie(images.decode(jpeg))


def solve(
    probes: Sequence[Embedding],
    gallery: Gallery,
    *,
    threshold_cosine: float,
    not_these: Sequence[Collection[int]],
    top: int = 5,
) -> list[Solution]:
    """Assign each probe at most one student, each student at most one probe.

    Args:
        probes: of the gallery's model.
        gallery: may be empty.
        threshold_cosine: similarity that a match must reach.
        not_these: for each probe the students whom it is known not to be.
        top: how many candidates to keep for each.
    """
    if not probes or not gallery.student_pks:
        return [Solution(None, None, ()) for _probe in probes]
    searched = match.Gallery(
        tuple(str(pk) for pk in gallery.student_pks), np.stack(gallery.embeddings), gallery.model_id
    )
    rows = np.stack(probes)
    matches = match.identify(
        rows,
        searched,
        threshold_cosine=threshold_cosine,
        model_id=gallery.model_id,
        forbidden=[{str(pk) for pk in pks} for pks in not_these],
    )
    near = match.candidates(rows, searched, top=top)
    return [
        Solution(
            student_pk=None if found is None else int(found.identity),
            similarity=None if found is None else found.similarity,
            candidates=tuple((int(one.identity), round(one.similarity, 4)) for one in ranked),
        )
        for found, ranked in zip(matches, near, strict=True)
    ]


def group(faces: Sequence[Embedding], *, photos: Sequence[str], threshold_cosine: float) -> list[int]:
    """Number faces of one model so that those of one person share a number; two of one photo never do.

    Args:
        faces: at least one.
        photos: the photo of each.
        threshold_cosine: that of identification; groups have one that follows from it.
    """
    reach = cluster.cluster_threshold(threshold_cosine)
    return cluster.cluster(np.stack(faces), photos=photos, threshold_cosine=reach)


def similarities(probes: Sequence[Embedding], gallery: Gallery) -> tuple[tuple[int, ...], NDArray[np.float32]]:
    """Compare probes with every student's best template.

    Args:
        probes: n, of the gallery's model; at least one.
        gallery: must not be empty.

    Returns:
        the students, and float32 (n, students) with a column for each.
    """
    searched = match.Gallery(
        tuple(str(pk) for pk in gallery.student_pks), np.stack(gallery.embeddings), gallery.model_id
    )
    return tuple(int(pk) for pk in searched.people), match.best_by_person(np.stack(probes), searched)


def pair_scores(pipeline: Pipeline, images_dir: Path, pairs_file: Path) -> pairs.CrossScores:
    """Compare all pictures of a pairs file in LFW's format.

    Raises:
        InvalidValue: the file or a picture is missing, or cannot be read.
    """
    try:
        return pairs.cross_scores(pipeline, images_dir, pairs_file)
    except (FaceError, OSError) as error:
        raise InvalidValue(str(error)) from error


def calibrate(
    genuine: NDArray[np.float32], impostors: NDArray[np.float32], *, rate: float, gallery_size: int
) -> calibration.Calibration:
    """Choose the threshold that keeps a rate of errors in searches of a gallery; of size 1, in comparisons.

    Args:
        genuine: (m,), similarities of people with themselves.
        impostors: (n,), similarities of different people.
        rate: range (0, 1).
        gallery_size: at least 1.

    Raises:
        TooFewComparisons: n is too small to state this rate.
    """
    try:
        return calibration.calibrate(genuine, impostors, rate=calibration.comparison_rate(rate, gallery_size))
    except TooFewScores as error:
        least = -math.expm1(gallery_size * math.log1p(-min(calibration.least_rate(error.found), 0.5)))
        raise TooFewComparisons(
            _(
                "There are %(found)d comparisons of different people, and stating a rate of %(rate)g takes "
                "%(needed)d. These can state %(least)g at best: ask for that, or bring more."
            )
            % {"found": error.found, "rate": rate, "needed": error.needed, "least": math.ceil(least * 1e6) / 1e6}
        ) from error


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


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _build(recogniser: str) -> Pipeline:
    build: Callable[..., Pipeline] = import_string(settings.FACE_PIPELINE_BUILDER)
    try:
        return build(recogniser, detector=settings.FACE_DETECTOR, weights_dir=settings.WEIGHTS_DIR)
    except UnknownModel as error:
        raise UnknownFaceModel(str(error)) from error
    except WeightsError as error:
        raise EngineNotReady(str(error)) from error


def _believable(taken_at: dt.datetime | None) -> dt.datetime | None:
    """Give an aware time, read by the school's clock where the camera names no zone; None where it cannot be meant."""
    if taken_at is None:
        return None
    if timezone.is_naive(taken_at):
        taken_at = timezone.make_aware(taken_at)
    return taken_at if _EARLIEST < taken_at < timezone.now() + dt.timedelta(days=1) else None


_GATE: Final[Mapping[type[FaceError], str]] = {NoFace: "no-face", SeveralFaces: "several-faces"}


@contextmanager
def _as_refusals() -> Iterator[None]:
    try:
        yield
    except PoorQuality as error:
        raise UnusableFace(str(error), reason_code=error.code) from error
    except (NoFace, SeveralFaces) as error:
        raise UnusableFace(str(error), reason_code=_GATE[type(error)]) from error
    except UnsupportedImage as error:
        raise UnsupportedPhoto(str(error)) from error
    except ImageTooLarge as error:
        raise BadPhoto(
            _("This photo has more than %(n)d megapixels.") % {"n": settings.MAX_PHOTO_MEGAPIXELS}
        ) from error
    except FaceError as error:
        raise BadPhoto(str(error)) from error
