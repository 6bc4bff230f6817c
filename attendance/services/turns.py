"""Whose turn it is: which of all that waits a free worker does next.

What somebody waits for goes before what runs in the background, which counts as urgent once it has waited an hour.
Among equals the lane (a course, or who brought selfies) goes first whose last turn is longest ago; within a lane the
oldest. So a lane that wants a turn waits for at most one turn of each other lane, however much the others have queued:
whoever had a turn since then stands behind it (round robin; "fair queueing", Nagle 1987, RFC 970).

Only each lane's oldest row can be next, so a choice reads two groupings of an index, not every row.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db.models import Case, IntegerField, Max, Min, Q, QuerySet, Value, When
from django.db.models.functions import Now

from attendance.models import Priority, QueuedWork, Selfie, Snapshot, WorkState

TAKING_TURNS: Final[tuple[type[QueuedWork], ...]] = (Snapshot, Selfie)
"""A change of the face model stands beside: it does its slice and steps aside for whoever waits."""
PATIENCE: Final = dt.timedelta(hours=1)
"""How long work in the background lets everything else go first."""
MEMORY: Final = dt.timedelta(hours=1)
"""How far back a lane's last turn counts."""
_NEVER: Final = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Head:
    """The front of a lane.

    Attributes:
        model: which kind of work.
        state: queued, or left behind by a worker whose lease is over.
        priority: as queued.
        lane: which lane.
        urgency: the priority, after an hour's waiting.
        oldest: since when its oldest row waits.
        last_turn: when a row of this lane was last claimed.
    """

    model: type[QueuedWork]
    state: WorkState
    priority: int
    lane: int
    urgency: int
    oldest: dt.datetime
    last_turn: dt.datetime

    def order(self) -> tuple[int, dt.datetime, int, dt.datetime]:
        """Sort by this: the lowest is next. At equal turns a class photo goes before a selfie."""
        return self.urgency, self.last_turn, TAKING_TURNS.index(self.model), self.oldest


def due() -> Q:
    """Queued, and not put off any more."""
    return Q(state=WorkState.QUEUED, not_before__lte=Now())


def left_behind() -> Q:
    """Taken by a worker whose lease is over, and worth another try."""
    return Q(state=WorkState.PROCESSING, lease_until__lt=Now(), attempts__lt=settings.MAX_ATTEMPTS)


def next_head() -> Head | None:
    """Give the front of the lane whose turn it is; None when nothing is due."""
    return min((head for model in TAKING_TURNS for head in heads(model)), key=Head.order, default=None)


def oldest_of(head: Head) -> int | None:
    """Give the key of a lane's oldest row, unless the lane has been emptied meanwhile."""
    rows = _ready(head.model, head.state).filter(priority=head.priority, lane=head.lane)
    return rows.order_by("queued_at", "pk").values_list("pk", flat=True).first()


def heads(model: type[QueuedWork]) -> Iterator[Head]:
    """Give the front of each lane of one kind that has something due."""
    found = [(state, row) for state in (WorkState.QUEUED, WorkState.PROCESSING) for row in _fronts(model, state)]
    if not found:
        return
    lately = model._default_manager.order_by().filter(claimed_at__gte=Now() - MEMORY)
    turns = dict(lately.values("lane").annotate(last=Max("claimed_at")).values_list("lane", "last"))
    for state, (priority, lane, oldest, urgency) in found:
        yield Head(model, state, priority, lane, urgency, oldest, turns.get(lane, _NEVER))


def _fronts(model: type[QueuedWork], state: WorkState) -> QuerySet[QueuedWork, tuple[int, int, dt.datetime, int]]:
    lanes = _ready(model, state).order_by().values("priority", "lane").annotate(oldest=Min("queued_at"))
    waited = When(oldest__lt=Now() - PATIENCE, then=Value(Priority.URGENT.value))
    urgency = Case(waited, default="priority", output_field=IntegerField())
    return lanes.annotate(urgency=urgency).values_list("priority", "lane", "oldest", "urgency")


def _ready(model: type[QueuedWork], state: WorkState) -> QuerySet[QueuedWork]:
    return model._default_manager.filter(due() if state == WorkState.QUEUED else left_behind())
