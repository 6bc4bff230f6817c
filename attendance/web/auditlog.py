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

from attendance.models import AuditEvent, Student, User
from attendance.web.forms.school import AuditForm

EVENTS_A_PAGE: Final = 50
MOST_EVENTS: Final = 10_000


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
    """An event, and the names behind its ids; the log itself holds none."""

    event: AuditEvent
    who: str
    student: str


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
    """Put names beside the ids, in two queries however many events there are."""
    events = list(events)
    people = User.objects.in_bulk({event.actor_id for event in events if event.actor_id is not None})
    students = Student.objects.in_bulk({event.student_id for event in events if event.student_id is not None})
    return [
        NamedEvent(
            event=event,
            who=_who(event, people),
            student="" if event.student_id is None else str(students.get(event.student_id, event.student_id)),
        )
        for event in events
    ]


def _who(event: AuditEvent, people: dict[int, User]) -> str:
    """Without an account it was a worker, or, where an address is known, somebody with a one-time link."""
    if event.actor_id is not None:
        return str(people.get(event.actor_id, event.actor_id))
    return _("recognition") if event.address is None else _("one-time link")
