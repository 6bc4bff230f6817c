"""How long the stages of a photo take, for whoever asked to know."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_watch: Final[ContextVar[dict[str, float] | None]] = ContextVar("stages", default=None)


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Time the stages that run inside, in this thread.

    Yields:
        seconds by stage, filled as they end; a stage that runs twice counts in sum.
    """
    seconds: dict[str, float] = {}
    token = _watch.set(seconds)
    try:
        yield seconds
    finally:
        _watch.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Note how long the block took, if anybody asked."""
    seconds = _watch.get()
    started = time.monotonic()
    try:
        yield
    finally:
        if seconds is not None:
            seconds[name] = seconds.get(name, 0.0) + time.monotonic() - started
