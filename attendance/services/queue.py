"""The queue of record: claim, write back under a fencing token, and find again what a crash left behind.

Every time is the database's own clock, so that machines whose clocks differ agree. The states are in ``models.queue``.
"""

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from attendance.context import RequestContext, request_context
from attendance.models import UNFINISHED, FaceModelChange, Priority, QueuedWork, Selfie, Snapshot, WorkState
from attendance.services import release, turns
from attendance.services.errors import EngineNotReady, ModelsLoading, ServiceError, UnusableFace
from attendance.services.sealing import KeyNotAtHand

_log = logging.getLogger(__name__)
NAMED: Final[dict[str, type[QueuedWork]]] = {"photo": Snapshot, "selfie": Selfie, "face_model": FaceModelChange}
"""Every kind of work, by the name that metrics give it. Most urgent first: a teacher waits in class for the first."""
KINDS: Final[tuple[type[QueuedWork], ...]] = tuple(NAMED.values())
ONE_ROUND: Final = 200
"""How many rows of a kind one round of the sweeper calls for, so that a broker that was wiped is not flooded."""
GAVE_UP: Final = "gave-up"
WORKER_LOST: Final = "worker-lost"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do one piece of work until the lease ends.

    Attributes:
        model: which kind of work.
        pk: which row.
        token: the fencing token that the row must still hold when the result is written.
        attempt: counts from 1.
        request_id: of the request that made the row.
    """

    model: type[QueuedWork]
    pk: int
    token: int
    attempt: int
    request_id: str = ""

    def row(self) -> QuerySet[QueuedWork]:
        """The row, as long as it is still this claim's."""
        return self.model._default_manager.filter(pk=self.pk, state=WorkState.PROCESSING, fencing_token=self.token)


def from_now(seconds: float) -> "ExpressionWrapper[CombinedExpression]":
    """A time by the database's clock, so many seconds from now."""
    span = Value(dt.timedelta(seconds=seconds), output_field=DurationField())
    return ExpressionWrapper(Now() + span, output_field=DateTimeField())


def claim(model: type[QueuedWork], pk: int) -> Claim | None:
    """Take this piece of work: queued and due, or left behind by a worker whose lease is over.

    Returns:
        the claim, or None when there is nothing to take: it is done, gone, or somebody else's.

    Raises:
        EngineNotReady: a newer release has migrated the database.
    """
    release.require_current()
    with transaction.atomic():
        taken = model._default_manager.filter(turns.due() | turns.left_behind(), pk=pk).update(
            state=WorkState.PROCESSING,
            lease_until=from_now(settings.LEASE_SECONDS),
            claimed_at=Now(),
            attempts=F("attempts") + 1,
            fencing_token=F("fencing_token") + 1,
        )
        if not taken:
            return None
        row = model._default_manager.get(pk=pk)
    return Claim(model=model, pk=pk, token=row.fencing_token, attempt=row.attempts, request_id=row.request_id)


def claim_next() -> Claim | None:
    """Take the photo or selfie whose turn it is.

    Where another worker is quicker, the choice is made anew: None means that nothing was due, so as many calls as
    there are rows are enough for all of them, in whatever order the broker delivers.

    Raises:
        EngineNotReady: a newer release has migrated the database.
    """
    while (head := turns.next_head()) is not None:
        pk = turns.oldest_of(head)
        taken = None if pk is None else claim(head.model, pk)
        if taken is not None:
            return taken
    return None


def complete(claim: Claim, **results: Any) -> bool:
    """Write the work's own fields and DONE, if the row is still this claim's. Runs in the caller's transaction.

    Returns:
        whether it was; if not, nothing else of the result may be written.

    Raises:
        EngineNotReady: a newer release has migrated the database meanwhile.
    """
    release.require_current()
    return bool(_leave(claim, WorkState.DONE, finished_at=Now(), failure_code="", failure_reason="", **results))


def note_progress(claim: Claim, **fields: Any) -> bool:
    """Write how far long work has come and begin its lease anew.

    Returns:
        whether the row is still this claim's.

    Raises:
        EngineNotReady: a newer release has migrated the database meanwhile.
    """
    release.require_current()
    return bool(claim.row().update(lease_until=from_now(settings.LEASE_SECONDS), **fields))


def fail(claim: Claim, *, code: str, reason: str) -> bool:
    """Give the work up for a reason that another try would not change.

    Raises:
        EngineNotReady: a newer release has migrated the database meanwhile, and may well succeed.
    """
    release.require_current()
    return bool(_leave(claim, WorkState.FAILED, finished_at=Now(), failure_code=code[:32], failure_reason=reason[:300]))


def put_back(claim: Claim, *, seconds: float, count_attempt: bool = True) -> bool:
    """Queue the work again, to be tried after so many seconds.

    An outdated release may: it takes nothing but its claim back, and the newer one need not wait for the lease.
    """
    attempts = F("attempts") if count_attempt else F("attempts") - 1
    return bool(_leave(claim, WorkState.QUEUED, not_before=from_now(seconds), attempts=attempts, woken_at=None))


def backoff_seconds(attempt: int) -> int:
    """How long to wait after the so-manieth failed attempt: 5, 20, 80 seconds."""
    return int(5 * 4 ** (attempt - 1))


@contextmanager
def attempt(claim: Claim) -> Iterator[None]:
    """Do the work inside: a refusal fails it with its sentence, anything unexpected is tried again a few times."""
    try:
        with _named(claim), _ended(claim):
            yield
    except (EngineNotReady, KeyNotAtHand) as error:
        put_back(claim, seconds=settings.SWEEP_SECONDS, count_attempt=False)
        if isinstance(error, ModelsLoading):
            raise
        raise EngineNotReady(str(error)) from error


def _named(claim: Claim) -> AbstractContextManager[None]:
    """Let log lines and audit events of the work carry the id of the request that made it."""
    if not claim.request_id:
        return nullcontext()
    return request_context(RequestContext(request_id=claim.request_id, address=None))


@contextmanager
def _ended(claim: Claim) -> Iterator[None]:
    try:
        yield
    except (EngineNotReady, KeyNotAtHand):
        raise
    except ServiceError as refusal:
        code = refusal.reason_code if isinstance(refusal, UnusableFace) else refusal.code
        fail(claim, code=code, reason=refusal.message)
        _log.info("%s %d failed: %s", claim.model.__name__, claim.pk, code)
    except Exception:
        _log.exception("%s %d broke on attempt %d", claim.model.__name__, claim.pk, claim.attempt)
        if claim.attempt >= settings.MAX_ATTEMPTS:
            fail(claim, code=GAVE_UP, reason=_gave_up())
        else:
            put_back(claim, seconds=backoff_seconds(claim.attempt))


def requeue(work: QueuedWork) -> bool:
    """Let failed work be tried again from the start, as a person asked, who waits for it.

    Returns:
        whether it was failed; anything else stays as it is.
    """
    failed = type(work)._default_manager.filter(pk=work.pk, state=WorkState.FAILED)
    return bool(
        failed.update(
            state=WorkState.QUEUED,
            priority=Priority.URGENT,
            attempts=0,
            not_before=Now(),
            queued_at=Now(),
            woken_at=None,
            finished_at=None,
            failure_code="",
            failure_reason="",
        )
    )


def again(rows: QuerySet[Any], *, priority: Priority) -> int:
    """Queue work that is done once more, as when another face model has to look at it."""
    return rows.filter(state=WorkState.DONE).update(
        state=WorkState.QUEUED,
        priority=priority,
        attempts=0,
        not_before=Now(),
        queued_at=Now(),
        woken_at=None,
        finished_at=None,
    )


def somebody_waits() -> bool:
    """Whether something urgent is due and nobody is at it: work in the background then steps aside."""
    urgent = turns.due() & Q(priority=Priority.URGENT)
    return any(model._default_manager.filter(urgent).exists() for model in turns.TAKING_TURNS)


def cancel(rows: QuerySet[Any]) -> int:
    """Cancel unfinished work; whoever is at it right now will find its token void."""
    unfinished = rows.filter(state__in=UNFINISHED)
    return unfinished.update(
        state=WorkState.CANCELLED, lease_until=None, finished_at=Now(), fencing_token=F("fencing_token") + 1
    )


def note_call(work: QueuedWork) -> None:
    """Remember that a worker was called for this row."""
    type(work)._default_manager.filter(pk=work.pk).update(woken_at=Now())


def forget_call(work: QueuedWork) -> None:
    """Note that the call did not get through after all."""
    type(work)._default_manager.filter(pk=work.pk).update(woken_at=None)


def give_up_lost() -> int:
    """Fail work whose worker died at it every time it was tried."""
    lost = 0
    for model in KINDS:
        rows = model._default_manager.filter(
            state=WorkState.PROCESSING, lease_until__lt=Now(), attempts__gte=settings.MAX_ATTEMPTS
        )
        lost += rows.update(
            state=WorkState.FAILED,
            lease_until=None,
            finished_at=Now(),
            fencing_token=F("fencing_token") + 1,
            failure_code=WORKER_LOST,
            failure_reason=_gave_up(),
        )
    if lost:
        _log.error("gave up %d pieces of work: their workers died at them", lost)
    return lost


def overdue() -> Iterator[QueuedWork]:
    """Give the rows that a worker should be called for once more, each to only one of several sweepers."""
    for model in KINDS:
        for work in model._default_manager.filter(_overdue()).order_by("priority", "queued_at", "pk")[:ONE_ROUND]:
            if model._default_manager.filter(_overdue(), pk=work.pk).update(woken_at=Now()):
                yield work


def first_due() -> QueuedWork | None:
    """Give a row that a worker could take now, if there is one."""
    takeable = turns.due() | turns.left_behind()
    rows = (model._default_manager.filter(takeable).order_by("priority", "queued_at", "pk").first() for model in KINDS)
    return next((row for row in rows if row is not None), None)


def count_due() -> int:
    """How many rows a worker could take now."""
    takeable = turns.due() | turns.left_behind()
    return sum(model._default_manager.filter(takeable).count() for model in KINDS)


def resend_seconds() -> int:
    """How long a call to a worker may go unanswered before the sweeper repeats it."""
    return max(3 * int(settings.SWEEP_SECONDS), 10)


def _overdue() -> Q:
    not_called = Q(woken_at=None) | Q(woken_at__lt=from_now(-resend_seconds()))
    return not_called & (turns.due() | turns.left_behind())


def _leave(claim: Claim, state: WorkState, **fields: Any) -> int:
    return claim.row().update(state=state, lease_until=None, **fields)


def _gave_up() -> str:
    return _("This could not be processed after %(n)d attempts. Try again, or take another photo.") % {
        "n": settings.MAX_ATTEMPTS
    }
