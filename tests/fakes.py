"""A face engine without weights, and pictures for it: people are coloured squares on white.

``class_photo("ada", "ben")`` draws two people; ``FakePipeline`` finds the squares and gives each colour a unit
vector of its own: the same colour has similarity 1, two colours have 0. ``Look("ada", 0.3)`` is a square whose
similarity to Ada is about 0.3 (the rest is fog, different in each place).
"""

import datetime as dt
import io
import os
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from faces.errors import NoFace, PoorQuality, SeveralFaces, UnknownModel, WeightsError
from faces.types import Box, Detection, Embedding, Face, RGBImage

_FOG: Final = (110, 110, 110)
_COLOURS: Final = [colour for colour in product((0, 110, 220), repeat=3) if colour not in {_FOG, (220, 220, 220)}]
PEOPLE: Final = (
    *("ada", "ben", "cem", "dee", "eli", "fay", "gus", "hal", "ivy", "jon", "kim", "lea"),
    *("max", "nia", "oda", "pia", "rob", "sue", "tom", "uma", "vic", "wim", "xia", "yan", "zoe"),
)
_PALETTE: Final = np.array([*_COLOURS, _FOG], dtype=np.int64)
_DIMENSIONS: Final = 128
FACE_PX: Final = 60
THRESHOLD: Final = 0.5


@dataclass(frozen=True)
class Look:
    """How a person looks in a picture.

    Attributes:
        person: one of ``PEOPLE``.
        likeness: similarity to that person's clean picture, range [0, 1].
        size_px: edge of the square.
    """

    person: str
    likeness: float = 1.0
    size_px: int = FACE_PX


def class_photo(*people: str | Look, taken_at: dt.datetime | None = None, seed: int = 0) -> bytes:
    """Draw people side by side and give a JPEG file; ``seed`` makes other bytes of the same people."""
    looks = [person if isinstance(person, Look) else Look(person) for person in people]
    picture = Image.new("RGB", (40 + 100 * max(len(looks), 2), 140 + seed), "white")
    draw = ImageDraw.Draw(picture)
    for place, look in enumerate(looks):
        left, top, edge = 30 + 100 * place, 30, look.size_px
        clear = round(edge * look.likeness)
        draw.rectangle((left, top, left + edge - 1, top + edge - 1), fill=_FOG)
        if clear:
            colour = _COLOURS[PEOPLE.index(look.person)]
            draw.rectangle((left, top, left + edge - 1, top + clear - 1), fill=colour)
    out = io.BytesIO()
    exif = picture.getexif()
    if taken_at is not None:
        exif.get_ifd(0x8769)[0x9003] = taken_at.strftime("%Y:%m:%d %H:%M:%S")
        if taken_at.tzinfo is not None:
            zone = taken_at.strftime("%z")
            exif.get_ifd(0x8769)[0x9011] = f"{zone[:3]}:{zone[3:]}"
    picture.save(out, "JPEG", quality=95, subsampling=0, exif=exif)
    return out.getvalue()


def selfie_of(person: str | Look, *, seed: int = 0) -> bytes:
    """Draw one person alone and give a JPEG file."""
    return class_photo(person, seed=seed)


class FakePipeline:
    """Finds coloured squares; the same doors as the real pipeline."""

    def __init__(self, *, name: str = "sface-dlib", detector: str = "yunet") -> None:
        self._shift = sum(name.encode()) % 7
        self._model_id = f"fake-{name}-1"
        self._detector_id = f"fake-{detector}-1"

    @property
    def model_id(self) -> str:
        """Differs with the recogniser's name."""
        return self._model_id

    @property
    def detector_id(self) -> str:
        """Differs with the detector's name."""
        return self._detector_id

    @property
    def threshold_cosine(self) -> float:
        """Half the way between a stranger and oneself."""
        return THRESHOLD

    def find_faces(self, image: RGBImage) -> list[Face]:
        """Give a face for each square, from left to right, after ``FAKE_ENGINE_SECONDS`` of the environment."""
        time.sleep(float(os.environ.get("FAKE_ENGINE_SECONDS", "0")))
        inked = image.min(axis=2) < 180
        labels, _count = ndimage.label(inked)
        boxes = [where for where in ndimage.find_objects(labels) if where is not None]
        boxes = [where for where in boxes if (where[0].stop - where[0].start) >= 8 <= (where[1].stop - where[1].start)]
        return [self._face(image, where) for where in sorted(boxes, key=lambda where: where[1].start)]

    def embed_selfie(self, image: RGBImage) -> Face:
        """Give the only face, or say why there is none that can be used."""
        faces = self.find_faces(image)
        if not faces:
            raise NoFace("No face was found: take the picture again from the front, in good light.")
        if len(faces) > 1:
            raise SeveralFaces("Two faces in this selfie: retake it alone.")
        if faces[0].detection.box.width < 40:
            raise PoorQuality("small", "The face is too small: come closer.")
        return faces[0]

    def as_enrolled(self, image: RGBImage, detection: Detection) -> Face:
        """Give the face at this place."""
        return next(face for face in self.find_faces(image) if face.detection.box == detection.box)

    def _face(self, image: RGBImage, where: tuple[slice, ...]) -> Face:
        rows, columns = where[0], where[1]
        box = Box(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        inner = image[rows.start + 2 : rows.stop - 2, columns.start + 2 : columns.stop - 2].astype(np.int64)
        distances = ((inner[:, :, None, :] - _PALETTE[None, None]) ** 2).sum(axis=3)
        shares = np.bincount(distances.argmin(axis=2).ravel(), minlength=len(_PALETTE)) / distances[:, :, 0].size
        landmarks = np.array(
            [
                [box.x + box.width * x, box.y + box.height * y]
                for x, y in [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
            ],
            dtype=np.float32,
        )
        return Face(Detection(box, landmarks, 0.9), self._embedding(shares, box), self._model_id)

    def _embedding(self, shares: NDArray[np.float64], box: Box) -> Embedding:
        clear = float(shares[:-1].sum())
        vector = np.zeros(_DIMENSIONS)
        vector[self._shift : self._shift + len(_COLOURS)] = shares[:-1]
        if clear > 0:
            vector *= clear / np.linalg.norm(vector)
        fog = np.random.default_rng(int(box.x * 7919 + box.y)).normal(size=_DIMENSIONS - 40)
        vector[40:] = fog / np.linalg.norm(fog) * np.sqrt(max(0.0, 1 - clear**2))
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def build_pipeline(
    recogniser: str = "sface-dlib", *, detector: str = "yunet", weights_dir: Path | None = None
) -> FakePipeline:
    """Build the fake by the real builder's signature; ``missing`` is a recogniser without weights."""
    if recogniser == "unknown":
        raise UnknownModel("No recogniser is called unknown.")
    if recogniser == "missing":
        raise WeightsError("The weights of missing are not there.")
    return FakePipeline(name=recogniser, detector=detector)


def build_without_weights(recogniser: str, *, detector: str, weights_dir: Path) -> FakePipeline:
    """Be a machine on which nobody has fetched the weights."""
    raise WeightsError(f"The weights of {recogniser} are not there.")
