"""The audit log as a page shows it: filtered, with names instead of ids."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from attendance.models import AuditEvent, Student, User
from attendance.web.forms import AuditForm


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
        events = events.filter(at__date__gte=wanted["first_day"])
    if wanted["last_day"]:
        events = events.filter(at__date__lte=wanted["last_day"])
    return events


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
