"""The audit log as a page shows it: filtered, with names instead of ids."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from attendance.models import AuditEvent, ClassSession, Course, Student, User
from attendance.services.audit import known_actions
from attendance.web.auditwords import action_words, changes, named_people, named_students, object_words
from attendance.web.forms.school import AuditForm

EVENTS_A_PAGE: Final = 50
MOST_EVENTS: Final = 10_000
_OF_RECOGNITION: Final = frozenset({"record.set", "record.withdrawn", "selfie.accepted", "selfie.held"})


class EventPages(Paginator):  # type: ignore[type-arg]  # generic in the stubs only
    """Pages of the latest events; counting millions of them would take longer than everything else on the page."""

    @cached_property
    def count(self) -> int:
        """How many there are, or ``MOST_EVENTS`` if there are more."""
        return self.events.order_by()[:MOST_EVENTS].count()

    @property
    def is_cut(self) -> bool:
        """Whether older events can only be seen by choosing days."""
        return self.count == MOST_EVENTS

    def __init__(self, events: QuerySet[AuditEvent]) -> None:
        super().__init__(events, EVENTS_A_PAGE)
        self.events = events


@dataclass(frozen=True, slots=True)
class NamedEvent:
    """An event in words, with the names behind its ids; the log itself holds none.

    Attributes:
        what: the action.
        thing: what it was done to, with its number.
        changes: old and new values, a line a value.
        who: the account's name, or what worked by itself.
        student: whom it is about.
        session: where it was, if that session is still there.
        course: the same of the course.
    """

    event: AuditEvent
    what: str
    thing: str
    changes: list[str]
    who: str
    student: str
    session: ClassSession | None
    course: Course | None


def filtered_events(form: AuditForm) -> QuerySet[AuditEvent]:
    """Give the events that a form asks for, the latest first; a form that makes no sense asks for none."""
    events = AuditEvent.objects.all()
    if not form.is_bound:
        return events
    if not form.is_valid():
        return events.none()
    wanted = form.cleaned_data
    if wanted["action"]:
        events = events.filter(action=wanted["action"])
    if wanted["actor"]:
        events = events.filter(actor_id=wanted["actor"].pk)
    if wanted["first_day"]:
        events = events.filter(at__gte=_begin_of(wanted["first_day"]))
    if wanted["last_day"]:
        events = events.filter(at__lt=_begin_of(wanted["last_day"] + dt.timedelta(days=1)))
    return events


def _begin_of(day: dt.date) -> dt.datetime:
    """Give the school's midnight: an index is sought by a time, never by the day of a time."""
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))


def named_events(events: Iterable[AuditEvent]) -> list[NamedEvent]:
    """Put words and names beside codes and ids, in four queries however many events there are."""
    events = list(events)
    people = User.objects.in_bulk(named_people(events))
    students = Student.objects.in_bulk(named_students(events))
    sessions = ClassSession.objects.select_related("course").in_bulk(
        {event.session_id for event in events if event.session_id is not None}
    )
    courses = Course.objects.in_bulk({event.course_id for event in events if event.course_id is not None})
    return [
        NamedEvent(
            event=event,
            what=action_words(event.action),
            thing=object_words(event),
            changes=changes(event, people=people, students=students),
            who=_who(event, people),
            student="" if event.student_id is None else str(students.get(event.student_id, event.student_id)),
            session=sessions.get(event.session_id or 0),
            course=courses.get(event.course_id or 0),
        )
        for event in events
    ]


def action_choices() -> list[tuple[str, str]]:
    """Give the actions that the log holds with their words, in the order of the words."""
    return sorted(((code, action_words(code)) for code in known_actions()), key=lambda choice: choice[1].casefold())


def _who(event: AuditEvent, people: dict[int, User]) -> str:
    """Without an account it was a worker or a command, or, where an address is known, somebody with a one-time link."""
    if event.actor_id is not None:
        return str(people.get(event.actor_id, event.actor_id))
    if event.address is not None:
        return _("one-time link")
    return _("recognition") if event.action in _OF_RECOGNITION else _("the site itself")
