"""A class of 40 with its photos and the truth about them, from the shared photographs."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

SHARED_DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


@dataclass(frozen=True, slots=True)
class ClassPhotos:
    """A folder such as ``class_photos/class-01``."""

    folder: Path
    roster: tuple[str, ...]
    present: dict[str, frozenset[str]]

    @classmethod
    def load(cls, name: str) -> Self:
        """Read a class, or skip the test with the reason."""
        folder = SHARED_DATA / "class_photos" / name
        if not folder.is_dir():
            pytest.skip(f"the shared photographs are not at hand: {folder}")
        truth = json.loads((folder / "truth.json").read_text())
        present = {photo: frozenset(one["student"] for one in students) for photo, students in truth["present"].items()}
        return cls(folder=folder, roster=tuple(sorted(truth["roster"])), present=present)

    def selfie(self, student: str) -> bytes:
        """The one photo of a student."""
        return (self.folder / "roster" / f"{student}.jpg").read_bytes()

    def photo(self, name: str) -> bytes:
        """A class photo."""
        return (self.folder / name).read_bytes()
