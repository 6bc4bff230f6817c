"""Questions to things that may never answer: a frozen broker, database or store must not hold whoever asks."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from django.db import connections

T = TypeVar("T")


class Asked(Generic[T]):
    """What was asked in a thread of its own, and what has come of it so far.

    Args:
        question: runs in the thread; the database connections that it opens are closed at its end.
    """

    def __init__(self, question: Callable[[], T]) -> None:
        self._question = question
        self._done = threading.Event()
        self._answer: T | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._answer = self._question()
        except BaseException as error:  # handed to whoever waits for the answer
            self._error = error
        finally:
            connections.close_all()
            self._done.set()

    @property
    def is_over(self) -> bool:
        """Whether the thread has ended, by itself or by an error."""
        return self._done.is_set()

    def answer(self, *, until: float) -> T | None:
        """Wait for the answer.

        Args:
            until: by ``time.monotonic``; infinity waits as long as it takes.

        Returns:
            the answer; None when there was none by then.

        Raises:
            BaseException: what the question raised.
        """
        if not self._done.wait(min(max(until - time.monotonic(), 0), threading.TIMEOUT_MAX)):
            return None
        if self._error is not None:
            raise self._error
        return self._answer


def ask(question: Callable[[], T], *, seconds: float) -> T | None:
    """Ask one question and wait so long at most.

    Raises:
        BaseException: what the question raised.
    """
    return Asked(question).answer(until=time.monotonic() + seconds)


class Round:
    """Groups of yes-or-no questions, asked all at once. A group that still hangs from last time is not asked again.

    Args:
        groups: a function for each, which notes its answers by name in the dictionary that it is given, one by one;
            a name without an answer counts as no.
    """

    def __init__(self, groups: Mapping[str, Callable[[dict[str, bool]], None]]) -> None:
        self._groups = groups
        self._hanging: dict[str, Asked[None]] = {}

    def ask(self, *, seconds: float) -> dict[str, bool]:
        """Give what is known after so many seconds at most; one caller at a time."""
        until = time.monotonic() + seconds
        noted = {name: self._start(name, group) for name, group in self._groups.items()}
        for name in noted:
            self._hanging[name].answer(until=until)
        return {answer: holds for notes in noted.values() for answer, holds in dict(notes).items()}

    def _start(self, name: str, group: Callable[[dict[str, bool]], None]) -> dict[str, bool]:
        notes: dict[str, bool] = {}
        before = self._hanging.get(name)
        if before is None or before.is_over:
            self._hanging[name] = Asked(lambda: group(notes))
        return notes
