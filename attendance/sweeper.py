"""One round of the sweeper: whatever is overdue is called for again. The database row says what that is."""

import logging

from django.db import DatabaseError, connections

from attendance import tasks
from attendance.services import files, heartbeats, queue

_log = logging.getLogger(__name__)


def sweep(*, collect_orphans: bool = True) -> int:
    """Fail what killed its workers, call for what is overdue, leave a sign of life.

    Args:
        collect_orphans: also remove files without a row, which takes a look at every file.

    Returns:
        how many rows a worker was called for.
    """
    queue.give_up_lost()
    called = 0
    for work in queue.overdue():
        if not tasks.wake(work):
            queue.forget_call(work)
            break  # the broker is away: the next round tries again
        called += 1
    if collect_orphans:
        files.collect_orphans()
    heartbeats.beat(heartbeats.SWEEPER, detail={"called": called})
    if called:
        _log.info("called workers for %d overdue rows", called)
    return called


def sweep_safely(*, collect_orphans: bool) -> None:
    """Sweep, and outlive a database that is being restarted."""
    try:
        sweep(collect_orphans=collect_orphans)
    except (DatabaseError, OSError) as error:
        _log.warning("a round of the sweeper broke (%s); the next one will do", type(error).__name__)
        connections.close_all()
