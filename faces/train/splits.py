"""Who is learned from and who is kept for measuring. People are split, never their photographs."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faces.errors import FaceError
from faces.evaluate.people import hashed

TRAIN_SHARE: Final = 2 / 3


class SplitLeak(FaceError):
    """Somebody would be learned from and measured on."""


@dataclass(frozen=True, slots=True)
class Split:
    """Two groups of people.

    Attributes:
        train: names of those who are learned from, sorted.
        held_out: names of those who are measured on, sorted.
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]


def side_of(name: str) -> str:
    """Say by a hash of the name on which side a person is, whoever else there is: ``train`` or ``held_out``."""
    # Not the hash that chooses people for short runs, or every short run would be all training.
    return "train" if hashed(f"split/{name}") < TRAIN_SHARE else "held_out"


def split_people(names: Iterable[str]) -> Split:
    """Split people by a hash of their names.

    Raises:
        FaceError: fewer than two people on a side.
    """
    ordered = sorted(set(names))
    split = Split(
        tuple(name for name in ordered if side_of(name) == "train"),
        tuple(name for name in ordered if side_of(name) == "held_out"),
    )
    if len(split.train) < 2 or len(split.held_out) < 2:
        raise FaceError(
            f"{len(ordered)} people are too few: {len(split.train)} to learn from, {len(split.held_out)} to measure on."
        )
    return split


def require_no_leak(split: Split, pictures: Mapping[str, Sequence[Path]]) -> None:
    """Refuse a split of which one side knows the other.

    Args:
        split: names of both sides.
        pictures: files of each person.

    Raises:
        SplitLeak: a name, or the very bytes of a photograph, is on both sides; the message names one.
    """
    both = sorted(set(split.train) & set(split.held_out))
    if both:
        raise SplitLeak(f"{both[0]} is among those to learn from and among those to measure on.")
    learned = {_digest(file): file for name in split.train for file in pictures[name]}
    for name in split.held_out:
        for file in pictures[name]:
            twin = learned.get(_digest(file))
            if twin is not None:
                raise SplitLeak(
                    f"{file.parent.name}/{file.name} is the same file as {twin.parent.name}/{twin.name}, so one person "
                    "goes by two names on both sides of the split: put the photographs into one folder."
                )


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
