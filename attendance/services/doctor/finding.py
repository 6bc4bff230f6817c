"""What a check has found, in words for whoever runs the site."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one thing.

    Attributes:
        level: how bad it is.
        about: the thing.
        sentence: what was seen.
        remedy: what to do; empty where nothing is to be done.
    """

    level: Level
    about: str
    sentence: str
    remedy: str = ""


Check = Callable[[], Finding]


def ok(about: str, sentence: str) -> Finding:
    """All is as it should be."""
    return Finding(Level.OK, about, sentence)


def warning(about: str, sentence: str, remedy: str) -> Finding:
    """It works, but not as well or not for long."""
    return Finding(Level.WARNING, about, sentence, remedy)


def wrong(about: str, sentence: str, remedy: str) -> Finding:
    """Something does not work, or somebody's data is at risk."""
    return Finding(Level.WRONG, about, sentence, remedy)
