"""Embeddings of everybody's photographs, clear and degraded, kept on disk: frozen recognisers are asked once."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from faces.degrade import BANDS
from faces.evaluate.people import Portrait, find_portraits
from faces.evaluate.sheets import FaceInPicture, embed_windows
from faces.evaluate.small import FULL, shrink
from faces.types import Detector, Embedder, Embeddings

_PEOPLE_A_FILE: Final = 25
_COPY_PX: Final = (16.0, 48.0)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Embedded faces.

    Attributes:
        people: (n,), name of each.
        files: (n,), name of each photograph in its person's folder.
        draws: (n,), ``full`` for a face as it is, a band, or the name of a further copy.
        parts: of each recogniser, (n, d_i), rows of unit L2 norm.
    """

    people: NDArray[np.str_]
    files: NDArray[np.str_]
    draws: NDArray[np.str_]
    parts: tuple[Embeddings, ...]

    def where(self, chosen: NDArray[np.bool_]) -> "Samples":
        """Give some of them."""
        return Samples(
            self.people[chosen], self.files[chosen], self.draws[chosen], tuple(p[chosen] for p in self.parts)
        )


@dataclass(frozen=True, slots=True)
class Cache:
    """Where embeddings lie, and what makes those that are missing.

    Attributes:
        folder: of the files, each named by a hash of all that its content hangs on.
        detector: finds the faces.
        recognisers: embed them.
        copies: degraded copies of a photograph beside the three bands.
    """

    folder: Path
    detector: Detector
    recognisers: Sequence[Embedder]
    copies: int

    def samples(self, people: dict[str, list[Path]], names: Sequence[str]) -> Samples:
        """Give the embeddings of people, made or read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        groups = [names[start : start + _PEOPLE_A_FILE] for start in range(0, len(names), _PEOPLE_A_FILE)]
        parts = [self._group(people, group) for group in tqdm(groups, desc="embeddings", unit="group")]
        return Samples(
            np.concatenate([one.people for one in parts]),
            np.concatenate([one.files for one in parts]),
            np.concatenate([one.draws for one in parts]),
            tuple(np.concatenate([one.parts[place] for one in parts]) for place in range(len(self.recognisers))),
        )

    def _group(self, people: dict[str, list[Path]], names: Sequence[str]) -> Samples:
        path = self.folder / f"{self._key(people, names)}.npz"
        if not path.is_file():
            made = self._made(people, names)
            arrays = {f"part{place}": rows for place, rows in enumerate(made.parts)}
            unfinished = path.with_suffix(".part.npz")
            np.savez(unfinished, people=made.people, files=made.files, draws=made.draws, **arrays)  # type: ignore[arg-type]
            unfinished.replace(path)
        with np.load(path, allow_pickle=False) as stored:
            parts = tuple(stored[f"part{place}"] for place in range(len(self.recognisers)))
            return Samples(stored["people"], stored["files"], stored["draws"], parts)

    def _key(self, people: dict[str, list[Path]], names: Sequence[str]) -> str:
        files = [f"{name}/{file.name}/{file.stat().st_size}" for name in names for file in people[name]]
        recipe = [self.detector.detector_id, *(one.model_id for one in self.recognisers), str(self.copies)]
        return hashlib.sha256("\n".join([*recipe, *files]).encode()).hexdigest()[:24]

    def _made(self, people: dict[str, list[Path]], names: Sequence[str]) -> Samples:
        portraits = list(find_portraits(self.detector, people, names).values())
        widths = {**BANDS, **{f"copy-{number}": _COPY_PX for number in range(self.copies)}}
        labels = [(one, draw) for one in portraits for draw in (FULL, *widths)]
        rows = tuple(
            embed_windows(one, _faces(portraits, widths)) if labels else np.zeros((0, one.dimensions), np.float32)
            for one in self.recognisers
        )
        return Samples(
            np.array([one.person for one, _ in labels], dtype=np.str_),
            np.array([one.path.name for one, _ in labels], dtype=np.str_),
            np.array([draw for _, draw in labels], dtype=np.str_),
            rows,
        )


def _faces(portraits: Sequence[Portrait], widths: dict[str, tuple[float, float]]) -> Iterator[FaceInPicture]:
    for one in portraits:
        image = one.image()
        yield image, one.detection
        for draw, width_px in widths.items():
            yield shrink(one, image, draw, width_px)
