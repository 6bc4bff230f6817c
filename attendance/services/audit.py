"""One way to write the audit log."""

from collections.abc import Iterable
from typing import Any, Final

from django.db import connection

from attendance.context import current_context
from attendance.models import AuditEvent, User

# The next action after each one found: a seek for each of some forty, where DISTINCT would read millions of rows.
_ACTIONS: Final = """
WITH RECURSIVE found(action) AS (
    SELECT MIN(action) FROM attendance_auditevent
    UNION ALL
    SELECT (SELECT MIN(action) FROM attendance_auditevent WHERE action > found.action)
    FROM found WHERE found.action IS NOT NULL
)
SELECT action FROM found WHERE action IS NOT NULL
"""


def new_event(
    *,
    actor: User | None,
    action: str,
    object_type: str,
    object_id: object,
    course_id: int | None = None,
    session_id: int | None = None,
    student_id: int | None = None,
    old: Any = None,
    new: Any = None,
    reason: str = "",
) -> AuditEvent:
    """Make one event without saving it, for ``record_events``.

    Args:
        actor: who did it; None is the machine.
        action: noun and verb, such as ``record.set`` or ``photo.viewed``.
        object_type: the model's name in lower case.
        object_id: its key.
        course_id: lets a course's history be read without joins.
        session_id: the same for a session.
        student_id: the same for a student.
        old: the value before, as JSON; never names, pictures or vectors.
        new: the value after.
        reason: why, in the actor's own words.
    """
    context = current_context()
    return AuditEvent(
        actor_id=None if actor is None else actor.pk,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        course_id=course_id,
        session_id=session_id,
        student_id=student_id,
        old=old,
        new=new,
        reason=reason[:300],
        address=context.address,
        request_id=context.request_id,
    )


def record_event(
    *,
    actor: User | None,
    action: str,
    object_type: str,
    object_id: object,
    course_id: int | None = None,
    session_id: int | None = None,
    student_id: int | None = None,
    old: Any = None,
    new: Any = None,
    reason: str = "",
) -> AuditEvent:
    """Add one event, with the arguments of ``new_event``; call it inside the transaction of the change it speaks of."""
    event = new_event(
        actor=actor,
        action=action,
        object_type=object_type,
        object_id=object_id,
        course_id=course_id,
        session_id=session_id,
        student_id=student_id,
        old=old,
        new=new,
        reason=reason,
    )
    event.save(force_insert=True)
    return event


def record_events(events: Iterable[AuditEvent]) -> None:
    """Add many events in one statement; call it inside the transaction of the changes they speak of."""
    AuditEvent.objects.bulk_create(events)


def known_actions() -> list[str]:
    """Give the actions that the log holds, in order, however long it is."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIONS)
        return [action for (action,) in cursor.fetchall()]
