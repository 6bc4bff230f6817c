"""One round of the sweeper: whatever is overdue is called for again. The database row says what that is."""

import logging
from dataclasses import asdict
from itertools import islice
from typing import Final

from django.db import DatabaseError, connections

from attendance import tasks
from attendance.services import files, heartbeats, partial_uploads, privacy, queue, release, renewal

_log = logging.getLogger(__name__)
A_DAY_SECONDS: Final = 24 * 3600


def sweep(*, thorough: bool = True) -> int:
    """Fail what killed its workers, call for what is overdue or was seen by a former model, leave a sign of life.

    Args:
        thorough: also remove files without a row, which takes a look at every file, and uploads that never came to
            their end; and once a day forget what has been kept long enough.

    Returns:
        how many rows a worker was called for.
    """
    if release.is_outdated():
        _log.error("a newer release has upgraded the database: this sweeper must be replaced by it")
        return 0
    queue.give_up_lost()
    renewal.queue_stale_photos()
    called = 0
    # Any call does any row: as many as are with the broker need no other, or a night without workers would fill it.
    missing = max(queue.count_due() - tasks.calls_waiting(), 0)
    for work in islice(queue.overdue(), missing):
        if not tasks.wake(work):
            queue.forget_call(work)
            break  # the broker is away: the next round tries again
        called += 1
    heartbeats.beat(heartbeats.SWEEPER, detail={"called": called})
    if called:
        _log.info("called workers for %d overdue rows", called)
    if thorough:
        files.collect_orphans()
        partial_uploads.forget_expired()
        _forget_once_a_day()
    return called


def sweep_safely(*, thorough: bool) -> None:
    """Sweep, and outlive a database that is being restarted."""
    try:
        sweep(thorough=thorough)
    except (DatabaseError, OSError) as error:
        _log.warning("a round of the sweeper broke (%s); the next one will do", type(error).__name__)
        connections.close_all()


def _forget_once_a_day() -> None:
    """Run the retention, unless some sweeper did within a day; two at once do no harm."""
    if not heartbeats.alive(heartbeats.RETENTION, within_seconds=A_DAY_SECONDS).exists():
        heartbeats.beat(heartbeats.RETENTION, detail=asdict(privacy.retention()))
