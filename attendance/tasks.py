"""Wake-ups for the workers. A task takes an id, makes one call, and is safe to run twice.

The id of a photo or selfie says for whom the call was made, not what is done: the worker does whatever is next, so the
broker's order decides nothing.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from celery import current_app, shared_task
from django.db import transaction
from kombu.exceptions import ChannelError

from attendance.models import UNFINISHED, FaceModelChange, QueuedWork, Selfie, Snapshot
from attendance.services import heartbeats, model_change, queue, working
from attendance.services.errors import EngineNotReady, ModelsLoading

_log = logging.getLogger(__name__)
T = TypeVar("T")
PAUSE_SECONDS: Final = 10.0
"""How long a broker that did not answer is left alone: an upload of twenty photos waits for it only once."""


@shared_task(name="attendance.recognise_snapshot")
def recognise_snapshot(pk: int) -> None:
    """Do what is next: a class photo was queued."""
    _work_on_next(Snapshot, pk)


@shared_task(name="attendance.process_selfie")
def process_selfie(pk: int) -> None:
    """Do what is next: a selfie was queued."""
    _work_on_next(Selfie, pk)


@shared_task(name="attendance.change_face_model")
def change_face_model(pk: int) -> None:
    """Re-embed a slice of all selfies for another face model, and call for the next one."""
    more = False
    with suppress(ModelsLoading):  # the sweeper calls again
        more = bool(work(partial(model_change.change_model, pk)))
    if more:
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


def calls_waiting() -> int:
    """How many wake-ups lie with the broker; 0 where it does not answer, which the next call will notice."""
    return _broker.calls_waiting()


class _Broker:
    """Publishes, and remembers for a while that the broker is away."""

    def __init__(self) -> None:
        self._away_until = 0.0

    def call(self, work: QueuedWork) -> bool:
        """Publish the wake-up for a row."""
        if time.monotonic() < self._away_until:
            return False
        try:
            # None: the time limits are the worker's own, as its leases are, and not those of whoever calls for it.
            _TASKS[type(work)].apply_async((work.pk,), retry=False, time_limit=None, soft_time_limit=None)
        # Whatever a broker and its client can raise: the row is safe, and the answer to the person must not fail.
        except Exception as error:
            self._away_until = time.monotonic() + PAUSE_SECONDS
            _log.warning("the broker did not take a wake-up (%s); the sweeper will", type(error).__name__)
            return False
        queue.note_call(work)
        return True

    def calls_waiting(self) -> int:
        """Count the wake-ups that no worker has fetched."""
        if time.monotonic() < self._away_until:
            return 0
        try:
            with current_app.connection_or_acquire() as connection:
                name = current_app.conf.task_default_queue
                return int(connection.default_channel.queue_declare(name, passive=True).message_count)
        except ChannelError:  # a queue without a message does not exist
            return 0
        except Exception as error:  # as above: the round goes on, and its first call finds the broker away
            _log.warning("the broker did not count its wake-ups (%s)", type(error).__name__)
            return 0


_broker: Final = _Broker()


def _work_on_next(model: type[QueuedWork], pk: int) -> None:
    try:
        work(working.work_on_next)
    except ModelsLoading:
        # Another worker may have done that row on the call for another: as many calls as rows do all rows.
        called_for = model._default_manager.filter(pk=pk, state__in=UNFINISHED).first() or queue.first_due()
        if called_for is not None:
            wake(called_for)  # it has waited a while: this is no loop without a pause


def work(do: Callable[[], T]) -> T | None:
    """Run a service; a machine that cannot recognise leaves the row queued and says so where the health page looks.

    Raises:
        ModelsLoading: the models are still being loaded; nothing was taken, and nothing is said.
    """
    try:
        result = do()
    except ModelsLoading:
        _log.info("the models are still being loaded")
        raise
    except EngineNotReady as error:
        _log.error("cannot work: %s", error)
        heartbeats.beat(heartbeats.WORKER, detail=heartbeats.of_engine(str(error)))
        return None
    heartbeats.beat(heartbeats.WORKER, detail=heartbeats.of_engine(heartbeats.READY))
    return result
