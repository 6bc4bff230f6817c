"""Small faces: a clear enrolment against what a class photo shows of the last row."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from faces.degrade import BANDS, degraded, drawn
from faces.distance import cosine_similarities
from faces.errors import FaceError
from faces.evaluate.metrics import val_table
from faces.evaluate.people import Portrait, chosen, find_portraits, hashed, people_in
from faces.evaluate.sheets import FaceInPicture, embed_windows
from faces.pipeline import FacePipeline
from faces.types import Detector, Embedder, Embeddings, Engine, RGBImage

FARS: Final = ("0.001", "0.0001")
FULL: Final = "full"
"""The band of probes as they are."""


class OpenPipeline(FacePipeline):
    """A pipeline whose parts are used by themselves.

    Attributes:
        detector: finds faces.
        embedder: aligns and embeds them.
    """

    def __init__(self, detector: Detector, embedder: Embedder) -> None:
        super().__init__(detector, embedder)
        self.detector = detector
        self.embedder = embedder


@dataclass(frozen=True, slots=True, eq=False)
class SmallSet:
    """Who is compared with whom.

    Attributes:
        enrolments: the first photograph of each person in whose first photograph a face was found.
        probes: their others.
        without_face: photographs in which none was found.
    """

    enrolments: list[Portrait]
    probes: list[Portrait]
    without_face: int

    @property
    def same(self) -> NDArray[np.bool_]:
        """Whether a probe shows the enrolled person, (probes, enrolments)."""
        probes, enrolled = (np.array([one.person for one in side]) for side in (self.probes, self.enrolments))
        return np.asarray(probes[:, None] == enrolled[None, :])


def small_set(detector: Detector, path: Path, *, people: int | None = None) -> SmallSet:
    """Find enrolments and probes.

    Args:
        detector: run on the photographs as stored.
        path: a folder a person, two photographs each at least; others do not take part.
        people: how many take part, chosen by a hash of their names; None takes all.

    Raises:
        FaceError: fewer than two people, or no probe, are left.
    """
    listed = {name: files for name, files in people_in(path).items() if len(files) > 1}
    names = chosen(listed, people)
    found = find_portraits(detector, listed, names)
    return arranged([listed[name] for name in names], found, path)


def arranged(pictures: list[list[Path]], found: dict[Path, Portrait], path: Path) -> SmallSet:
    """Make the set of portraits that were found already.

    Args:
        pictures: those of each person, the enrolment first.
        found: by file.
        path: for the error's message.

    Raises:
        FaceError: fewer than two people, or no probe, are left.
    """
    kept = [files for files in pictures if files[0] in found]
    enrolments = [found[files[0]] for files in kept]
    probes = [found[file] for files in kept for file in files[1:] if file in found]
    if len(enrolments) < 2 or not probes:
        raise FaceError(f"{path} holds fewer than two people with two photographs of their face each.")
    return SmallSet(enrolments, probes, sum(file not in found for files in pictures for file in files))


def embed_small(engine: OpenPipeline, faces: SmallSet) -> tuple[Embeddings, dict[str, Embeddings]]:
    """Embed the enrolments as selfies are, and the probes in every band.

    Returns:
        Of the enrolments, and of the probes by band, the undegraded ones under ``full``.
    """
    portraits = tqdm(faces.enrolments, desc="enrolments", unit="face", leave=False)
    enrolled = np.stack([engine.as_enrolled(one.image(), one.detection).embedding for one in portraits])
    probes = {band: embed_windows(engine.embedder, shrunken(faces.probes, band)) for band in BANDS}
    return enrolled, {**probes, FULL: embed_windows(engine.embedder, _as_stored(faces.probes, "probes"))}


def accepted(enrolled: Embeddings, probes: dict[str, Embeddings], same: NDArray[np.bool_]) -> dict[str, Any]:
    """Give the share of probes accepted, by band and FAR; a threshold a band."""
    scores = {band: cosine_similarities(rows, enrolled).astype(np.float64).ravel() for band, rows in probes.items()}
    return {band: val_table(numbers, same.ravel(), FARS) for band, numbers in scores.items()}


def evaluate_small(engine: Engine, path: Path, *, people: int | None = None) -> dict[str, Any]:
    """Measure small faces; see ``docs/recognition.md`` for the definitions.

    Raises:
        FaceError: no such people, or an engine whose recogniser cannot be asked by itself.
    """
    if not isinstance(engine, OpenPipeline):
        raise FaceError("Small faces are measured with Rollcall's own pipeline only.")
    faces = small_set(engine.detector, path, people=people)
    listed = len(faces.enrolments) + len(faces.probes) + faces.without_face
    return {
        "bands": accepted(*embed_small(engine, faces), faces.same),
        "people": len(faces.enrolments),
        "probes": len(faces.probes),
        "images_without_face": faces.without_face,
        "probes_share": len(faces.probes) / (listed - len(faces.enrolments)),
    }


def shrunken(probes: list[Portrait], band: str) -> Iterator[FaceInPicture]:
    """Degrade probes into a band."""
    for one in tqdm(probes, desc=f"faces of {band} px", unit="face", leave=False):
        yield shrink(one, one.image(), band, BANDS[band])


def shrink(one: Portrait, image: RGBImage, draw: str, width_px: tuple[float, float]) -> FaceInPicture:
    """Degrade a face by numbers that hang on person, file and the name of the draw alone.

    Args:
        one: the photograph and its face.
        image: the photograph, read.
        draw: the band, or any other name.
        width_px: range of the face's width.
    """
    seed = int(hashed(f"{one.person}/{one.path.name}/{draw}") * 2**48)
    return degraded(image, one.detection, drawn(np.random.default_rng(seed), width_px))


def _as_stored(portraits: list[Portrait], what: str) -> Iterator[FaceInPicture]:
    for one in tqdm(portraits, desc=what, unit="face", leave=False):
        yield one.image(), one.detection
