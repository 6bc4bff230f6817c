"""Wake-ups for the workers. A task takes an id, makes one call, and is safe to run twice."""

import logging
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from celery import shared_task
from django.db import transaction

from attendance.models import FaceModelChange, QueuedWork, Selfie, Snapshot
from attendance.services import enrolling, heartbeats, model_change, queue, recognition
from attendance.services.errors import EngineNotReady

_log = logging.getLogger(__name__)
T = TypeVar("T")
PAUSE_SECONDS: Final = 10.0
"""How long a broker that did not answer is left alone: an upload of twenty photos waits for it only once."""


@shared_task(name="attendance.recognise_snapshot")
def recognise_snapshot(pk: int) -> None:
    """Recognise the students in a class photo."""
    _work(recognition.recognise, pk)


@shared_task(name="attendance.process_selfie")
def process_selfie(pk: int) -> None:
    """Embed a selfie, and find its student in the open sessions."""
    _work(enrolling.enrol, pk)


@shared_task(name="attendance.change_face_model")
def change_face_model(pk: int) -> None:
    """Re-embed a slice of all selfies for another face model, and call for the next one."""
    if _work(model_change.change_model, pk):
        wake(FaceModelChange.objects.get(pk=pk))


_TASKS: Final[dict[type[QueuedWork], Any]] = {
    Snapshot: recognise_snapshot,
    Selfie: process_selfie,
    FaceModelChange: change_face_model,
}


def wake(work: QueuedWork) -> bool:
    """Call a worker for this row once its transaction has committed. Never raises, and takes less than 5 seconds.

    Returns:
        whether the broker took the call (or will be asked after the commit); if not, the sweeper calls later.
    """
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(lambda: _broker.call(work))
        return True
    return _broker.call(work)


class _Broker:
    """Publishes, and remembers for a while that the broker is away."""

    def __init__(self) -> None:
        self._away_until = 0.0

    def call(self, work: QueuedWork) -> bool:
        """Publish the wake-up for a row."""
        if time.monotonic() < self._away_until:
            return False
        try:
            _TASKS[type(work)].apply_async((work.pk,), retry=False)
        # Whatever a broker and its client can raise: the row is safe, and the answer to the person must not fail.
        except Exception as error:
            self._away_until = time.monotonic() + PAUSE_SECONDS
            _log.warning("the broker did not take a wake-up (%s); the sweeper will", type(error).__name__)
            return False
        queue.note_call(work)
        return True

    def forget(self) -> None:
        """Ask again at the next call."""
        self._away_until = 0.0


_broker: Final = _Broker()


def forget_broker_outage() -> None:
    """Let the next wake-up try the broker again at once."""
    _broker.forget()


def _work(do: Callable[[int], T], pk: int) -> T | None:
    """Run a service; a machine that cannot recognise leaves the row queued and says so where the health page looks."""
    try:
        result = do(pk)
    except EngineNotReady as error:
        _log.error("cannot work: %s", error)
        heartbeats.beat(heartbeats.WORKER, detail={"engine": str(error)})
        return None
    heartbeats.beat(heartbeats.WORKER, detail={"engine": "ready"})
    return result
