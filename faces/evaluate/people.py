"""Folders of people: a folder each, photographs of one face in it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from faces.degrade import cut_out
from faces.errors import FaceError
from faces.evaluate.engine import subject
from faces.images import load
from faces.pipeline import FacePipeline
from faces.types import Detection, Detector, Embeddings, RGBImage

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A photograph of one person with the face that it shows.

    Attributes:
        person: name of the folder.
        path: of the file.
        detection: the face, in pixels of the picture as stored.
    """

    person: str
    path: Path
    detection: Detection

    def image(self) -> RGBImage:
        """Read the picture."""
        return load(self.path)

    def window(self) -> tuple[RGBImage, Detection]:
        """Read what is around the face, and give the face in its pixels."""
        window, inside = cut_out(self.image(), self.detection)
        # A view would keep the whole picture.
        return window.copy(), inside


def hashed(name: str) -> float:
    """Give a number of a name, range [0, 1), the same on every machine and for ever."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6]) / 2**48


def people_in(path: Path) -> dict[str, list[Path]]:
    """List the photographs of each person, by name.

    Raises:
        FaceError: there are no folders with pictures.
    """
    found = {}
    for folder in sorted(one for one in path.glob("*") if one.is_dir()):
        pictures = sorted(one for one in folder.iterdir() if one.suffix.lower() in SUFFIXES)
        if pictures:
            found[folder.name] = pictures
    if not found:
        raise FaceError(f"{path} holds no people: a folder a person, photographs in it.")
    return found


def chosen(names: Iterable[str], count: int | None) -> list[str]:
    """Choose people by a hash of their names, so that a smaller choice is part of every larger one.

    Args:
        names: of all.
        count: how many; None takes all.
    """
    return sorted(sorted(names, key=lambda name: (hashed(name), name))[:count])


def find_portraits(detector: Detector, people: dict[str, list[Path]], names: Sequence[str]) -> dict[Path, Portrait]:
    """Find the face of each photograph; one without a face is left out.

    Args:
        detector: run on the pictures as stored.
        people: photographs by name.
        names: of whom.
    """
    pipeline = FacePipeline(detector, _NoRecogniser())
    files = [(name, path) for name in names for path in people[name]]
    found: dict[Path, Portrait] = {}
    for name, path in tqdm(files, desc="faces of people", unit="picture", leave=False):
        image = load(path)
        faces = pipeline.find_faces(image)
        if faces:
            found[path] = Portrait(name, path, subject(faces, image).detection)
    return found


class _NoRecogniser:
    """Lets a pipeline detect and refine without embedding anything."""

    model_id = "none"
    dimensions = 1
    threshold_cosine = 1.0

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        return np.ones((len(detections), 1), dtype=np.float32)
