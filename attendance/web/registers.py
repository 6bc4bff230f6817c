"""How the register looks on a page: its rows, its four buttons and its counts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from attendance.models import AttendanceRecord, ClassSession, Status
from attendance.services.register import RegisterRow, register, status_label

CLEAR: Final = "NONE"
BUTTONS: Final = (Status.PRESENT, Status.LATE, Status.EXCUSED, Status.ABSENT)


@dataclass(frozen=True, slots=True)
class Letter:
    """One of the four buttons of a row; tapped again, it takes the mark away."""

    key: str
    value: str
    label: str
    again: str = CLEAR


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two people marked the same student: what this one chose, and what stands."""

    student_id: int
    mine: str
    theirs: str
    who: str


def letters() -> list[Letter]:
    """Give the four buttons in the order of how often they are needed."""
    return [Letter(status.letter, status.value, str(status.label)) for status in BUTTONS]


def counts(rows: Iterable[RegisterRow]) -> dict[str, int]:
    """Count the marks; ``none`` is who was not seen."""
    counted = Counter(row.status.value if row.status else "none" for row in rows)
    return {name: counted[name] for name in [*Status.values, "none"]}


def register_context(session: ClassSession) -> dict[str, Any]:
    """What the register needs; the same few queries however long it is."""
    rows = register(session)
    return {"session": session, "rows": rows, "counts": counts(rows), "letters": letters()}


def conflict_of(student_id: int, chosen: str, current: AttendanceRecord | None) -> Conflict:
    """Say both values after two people marked the same student."""
    who = "" if current is None or current.updated_by is None else str(current.updated_by)
    return Conflict(
        student_id=student_id,
        mine=status_label(None if chosen == CLEAR else chosen),
        theirs=status_label(None if current is None else current.status),
        who=who or _("recognition"),
    )
