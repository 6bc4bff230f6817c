"""Meetings of a course: opened, finalised, reopened; and what is on today."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Course,
    Enrolment,
    Snapshot,
    Status,
    User,
    WorkState,
)
from attendance.permissions import visible_courses
from attendance.services.audit import record_event
from attendance.services.errors import BadDate, WrongState
from attendance.services.marks import lock_open_session, lock_session
from attendance.services.records import fill_empty
from attendance.services.solving import drop_probe_vectors

LONGEST: Final = dt.timedelta(hours=24)
FURTHEST_AHEAD: Final = dt.timedelta(days=1)
USUAL_LENGTH: Final = dt.timedelta(minutes=60)
_YEARS: Final = range(1970, 2100)


class TodayState(StrEnum):
    """Where a course's register stands today."""

    NOT_TAKEN = "NOT_TAKEN"
    OPEN = "OPEN"
    FINAL = "FINAL"


@dataclass(frozen=True, slots=True)
class TodayRow:
    """A course today, or one of its meetings today.

    Attributes:
        course: what is taught.
        session: the meeting; None while there is none.
        state: NOT_TAKEN also stands for a meeting without photo and mark.
        enrolled: students on today's roster.
        marked: how many of them have a mark.
        photos_waiting: photos that a worker still has to do.
        photos_failed: photos that failed with a reason.
        photos_done: photos whose faces were looked at.
    """

    course: Course
    session: ClassSession | None
    state: TodayState
    enrolled: int
    marked: int = 0
    photos_waiting: int = 0
    photos_failed: int = 0
    photos_done: int = 0


@transaction.atomic
def open_session(
    *, course: Course, starts_at: dt.datetime, ends_at: dt.datetime, title: str = "", by: User
) -> ClassSession:
    """Open a meeting of a course.

    Args:
        course: what is taught.
        starts_at: aware, or naive for the school's clock.
        ends_at: the same.
        title: what it is about, if that helps.
        by: the teacher.

    Raises:
        BadDate: no such time, too far ahead, outside the term, ends before it starts, or there is one already.
    """
    starts_at, ends_at = _real_time(starts_at), _real_time(ends_at)
    if not dt.timedelta(0) < ends_at - starts_at <= LONGEST:
        raise BadDate(_("A session ends after it starts, and within a day."))
    if starts_at > timezone.now() + FURTHEST_AHEAD:
        raise BadDate(_("A session can be opened one day ahead at most."))
    held_on = timezone.localtime(starts_at).date()
    if not course.term.starts_on <= held_on <= course.term.ends_on:
        raise BadDate(
            _("The course's term runs from %(first)s to %(last)s.")
            % {"first": course.term.starts_on.isoformat(), "last": course.term.ends_on.isoformat()}
        )
    session = ClassSession(
        course=course, starts_at=starts_at, ends_at=ends_at, held_on=held_on, title=title.strip()[:200], created_by=by
    )
    try:
        with transaction.atomic():
            session.save(force_insert=True)
    except IntegrityError as error:
        raise BadDate(_("There is a session of this course at that time already.")) from error
    _log("session.opened", session, by=by)
    return session


@transaction.atomic
def session_for_today(*, course: Course, by: User) -> ClassSession:
    """Give the meeting that a teacher means by "take attendance" now: the running or open one of today, or a new one.

    Raises:
        BadDate: today lies outside the course's term.
    """
    Course.objects.select_for_update(no_key=True).get(pk=course.pk)  # two taps at once make one session
    now = timezone.now()
    of_today = ClassSession.objects.filter(course=course, held_on=timezone.localtime(now).date())
    running = of_today.filter(starts_at__lte=now, ends_at__gte=now).first()
    still_open = of_today.filter(state=ClassSession.State.OPEN).first()
    found = running if running is not None else still_open
    if found is not None:
        return found
    starts_at = now.replace(second=0, microsecond=0)
    return open_session(course=course, starts_at=starts_at, ends_at=starts_at + USUAL_LENGTH, by=by)


@transaction.atomic
def finalise_session(*, session: ClassSession, by: User, mark_absent: bool = True) -> int:
    """Close the register. The probes' embeddings and the key that sealed them go with it.

    Args:
        session: an open meeting.
        by: the teacher; whoever was not seen is absent by this person's word.
        mark_absent: False leaves the empty marks empty.

    Returns:
        how many students were marked absent.

    Raises:
        SessionClosed: it was final already.
        WrongState: photos are still waiting, and somebody in them would be marked absent.
    """
    locked = lock_open_session(session)
    waiting = Snapshot.objects.filter(session=locked).unfinished().count()
    if mark_absent and waiting:
        raise WrongState(
            ngettext(
                "%(n)d photo is still waiting to be looked at. Wait for it or delete it, "
                "or finalise without marking the rest absent.",
                "%(n)d photos are still waiting to be looked at. Wait for them or delete them, "
                "or finalise without marking the rest absent.",
                waiting,
            )
            % {"n": waiting}
        )
    absent = fill_empty(locked, Status.ABSENT, by=by) if mark_absent else 0
    drop_probe_vectors(session)
    _set_state(session, ClassSession.State.FINAL, by=by)
    _log("session.finalised", session, by=by, old=ClassSession.State.OPEN, new=ClassSession.State.FINAL)
    return absent


@transaction.atomic
def reopen_session(*, session: ClassSession, by: User) -> None:
    """Let marks change again. Those that finalising made stay, until they are undone or changed.

    Raises:
        WrongState: the session is open.
    """
    if not lock_session(session).is_final:
        raise WrongState(_("This session is open."))
    _set_state(session, ClassSession.State.OPEN, by=None)
    _log("session.reopened", session, by=by, old=ClassSession.State.FINAL, new=ClassSession.State.OPEN)


def today(user: User, *, day: dt.date) -> list[TodayRow]:
    """Give the classes of a day that this person works with: the day's meetings, and the courses without one."""
    courses = visible_courses(user).filter(term__starts_on__lte=day, term__ends_on__gte=day).select_related("term")
    sessions = defaultdict(list)
    for session in _with_counts(ClassSession.objects.filter(course__in=courses, held_on=day)).order_by("starts_at"):
        sessions[session.course_id].append(session)
    enrolled = dict(
        Enrolment.objects.on(day).filter(course__in=courses).values_list("course").annotate(Count("pk")).order_by()
    )
    return [row for course in courses for row in _rows(course, sessions[course.pk], enrolled.get(course.pk, 0))]


def _rows(course: Course, sessions: Iterable[ClassSession], enrolled: int) -> list[TodayRow]:
    rows = []
    for session in sessions:
        session.course = course
        counts = {name: getattr(session, name) for name in _COUNTS}
        rows.append(
            TodayRow(
                course=course, session=session, state=_state(session, sum(counts.values())), enrolled=enrolled, **counts
            )
        )
    return rows or [TodayRow(course=course, session=None, state=TodayState.NOT_TAKEN, enrolled=enrolled)]


def _state(session: ClassSession, signs_of_work: int) -> TodayState:
    if session.is_final:
        return TodayState.FINAL
    return TodayState.OPEN if signs_of_work else TodayState.NOT_TAKEN


_COUNTS: Final = ("marked", "photos_waiting", "photos_failed", "photos_done")


def _with_counts(sessions: QuerySet[ClassSession]) -> QuerySet[ClassSession]:
    """Count marks and photos beside each session, in its one query."""
    return sessions.annotate(
        marked=_count(AttendanceRecord.objects.filter(session=OuterRef("pk"))),
        photos_waiting=_count(Snapshot.objects.filter(session=OuterRef("pk")).unfinished()),
        photos_failed=_count(Snapshot.objects.filter(session=OuterRef("pk"), state=WorkState.FAILED)),
        photos_done=_count(Snapshot.objects.filter(session=OuterRef("pk"), state=WorkState.DONE)),
    )


def _count(rows: "QuerySet[AttendanceRecord] | QuerySet[Snapshot]") -> Coalesce:
    counted = rows.order_by().values("session").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _real_time(value: dt.datetime) -> dt.datetime:
    """Give an aware time that exists on the clock it was read from.

    Raises:
        BadDate: a year that cannot be meant, or an hour that the change to summer time leaves out.
    """
    if value.year not in _YEARS:
        raise BadDate(_("This date cannot be meant."))
    if timezone.is_naive(value):
        value = timezone.make_aware(value)
    back = value.astimezone(dt.UTC).astimezone(value.tzinfo)
    if back.replace(tzinfo=None) != value.replace(tzinfo=None):
        raise BadDate(_("The clocks go forward then: this time does not exist on that day."))
    return value


def _set_state(session: ClassSession, state: ClassSession.State, *, by: User | None) -> None:
    """Change the state in the database and in the caller's object; the caller holds the row."""
    final = state == ClassSession.State.FINAL
    session.state = state
    session.finalised_at = timezone.now() if final else None
    session.finalised_by = by
    session.save(update_fields=["state", "finalised_at", "finalised_by"])


def _log(action: str, session: ClassSession, *, by: User, old: str | None = None, new: str | None = None) -> None:
    record_event(
        actor=by,
        action=action,
        object_type="classsession",
        object_id=session.pk,
        course_id=session.course_id,
        session_id=session.pk,
        old=old,
        new=new,
    )
