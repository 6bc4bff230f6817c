"""The audit log in words: what was done, to what kind of thing, and what its old and new values say."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from attendance.models import AuditEvent, ClassSession, Course, DetectedFace, FaceCalibration, Role, Source
from attendance.services.register import status_label

ACTIONS: Final = {
    "backup.restored": gettext_lazy("Backup restored"),
    "consent.given": gettext_lazy("Consent given"),
    "consent.withdrawn": gettext_lazy("Consent withdrawn"),
    "course.changed": gettext_lazy("Course changed"),
    "course.created": gettext_lazy("Course made"),
    "enrolment.ended": gettext_lazy("Enrolment ended"),
    "enrolment.started": gettext_lazy("Enrolment begun"),
    "face.decided": gettext_lazy("Face named by a person"),
    "face_model.calibrated": gettext_lazy("Face model calibrated"),
    "face_model.change": gettext_lazy("Change of the face model begun"),
    "face_model.switch_asked": gettext_lazy("Switch of the face model asked for"),
    "face_model.switched": gettext_lazy("Face model switched"),
    "face_model.vectors_deleted": gettext_lazy("Face data of the old model deleted"),
    "link.made": gettext_lazy("One-time link made"),
    "person.changed": gettext_lazy("Account changed"),
    "person.created": gettext_lazy("Account made"),
    "photo.added": gettext_lazy("Class photo added"),
    "photo.deleted": gettext_lazy("Class photo deleted"),
    "photo.retried": gettext_lazy("Class photo tried again"),
    "photo.viewed": gettext_lazy("Class photo looked at"),
    "policy.published": gettext_lazy("Privacy text published"),
    "record.cleared": gettext_lazy("Mark taken away"),
    "record.set": gettext_lazy("Mark set"),
    "record.undone": gettext_lazy("Mark undone"),
    "record.withdrawn": gettext_lazy("Mark withdrawn with its face"),
    "report.exported": gettext_lazy("Report downloaded"),
    "retention.faces": gettext_lazy("Face data deleted: time is up"),
    "retention.photos": gettext_lazy("Class photos deleted: time is up"),
    "roster.imported": gettext_lazy("Roster imported"),
    "school.changed": gettext_lazy("Settings of the school changed"),
    "selfie.accepted": gettext_lazy("Selfie accepted"),
    "selfie.added": gettext_lazy("Selfie added"),
    "selfie.held": gettext_lazy("Selfie held: looks like somebody else"),
    "selfie.refused": gettext_lazy("Selfie refused"),
    "selfie.removed": gettext_lazy("Selfie deleted"),
    "selfie.retried": gettext_lazy("Selfie checked again"),
    "selfie.viewed": gettext_lazy("Selfie looked at"),
    "session.finalised": gettext_lazy("Register finalised"),
    "session.opened": gettext_lazy("Session opened"),
    "session.reopened": gettext_lazy("Register reopened"),
    "student.by_hand": gettext_lazy("“By hand only” switched"),
    "student.changed": gettext_lazy("Student changed"),
    "student.created": gettext_lazy("Student added"),
    "student.erased": gettext_lazy("Student erased"),
    "student.exported": gettext_lazy("Own data downloaded"),
    "template.kept": gettext_lazy("Face data kept from a confirmed face"),
    "template.removed": gettext_lazy("Face data of a confirmed face deleted"),
    "term.changed": gettext_lazy("Term changed"),
    "term.created": gettext_lazy("Term made"),
}
KINDS: Final = {
    "at-risk": gettext_lazy("whom to talk to, all courses"),
    "attendancerecord": gettext_lazy("mark"),
    "auditevent": gettext_lazy("entry of this log"),
    "classsession": gettext_lazy("session"),
    "course": gettext_lazy("course"),
    "detectedface": gettext_lazy("face"),
    "enrolment": gettext_lazy("enrolment"),
    "enrolmentlink": gettext_lazy("one-time link"),
    "facecalibration": gettext_lazy("calibration"),
    "facemodelchange": gettext_lazy("change of the face model"),
    "policytext": gettext_lazy("privacy text"),
    "report": gettext_lazy("report of course"),
    "school": gettext_lazy("the school"),
    "schoolsettings": gettext_lazy("the school"),
    "selfie": gettext_lazy("selfie"),
    "session": gettext_lazy("register of session"),
    "snapshot": gettext_lazy("class photo"),
    "student": gettext_lazy("student"),
    "term": gettext_lazy("term"),
    "user": gettext_lazy("account"),
}
_OF_THE_SCHOOL: Final = frozenset({"school", "schoolsettings", "at-risk"})
"""There is one of them: a number would say nothing."""

FIELDS: Final = {
    "ADD": gettext_lazy("new students"),
    "ENROL": gettext_lazy("joined"),
    "REFUSED": gettext_lazy("left out"),
    "SAME": gettext_lazy("as they were"),
    "UPDATE": gettext_lazy("changed"),
    "code": gettext_lazy("code"),
    "consents": gettext_lazy("consents"),
    "count": gettext_lazy("how many"),
    "decision": gettext_lazy("word"),
    "email": gettext_lazy("e-mail address"),
    "ends_on": gettext_lazy("last day"),
    "excused_counts": gettext_lazy("excused"),
    "face_model": gettext_lazy("model"),
    "fields": gettext_lazy("fields"),
    "first_day": gettext_lazy("from"),
    "forgotten": gettext_lazy("forgotten again"),
    "format": gettext_lazy("file"),
    "genuine": gettext_lazy("comparisons of one person"),
    "impostors": gettext_lazy("comparisons of different people"),
    "is_active": gettext_lazy("may sign in"),
    "keep_name": gettext_lazy("name kept"),
    "keeps_confirmed": gettext_lazy("confirmed faces are kept"),
    "kind": gettext_lazy("kind of error"),
    "last_day": gettext_lazy("to"),
    "late_after_minutes": gettext_lazy("late after (minutes)"),
    "late_weight": gettext_lazy("a late mark counts as"),
    "left": gettext_lazy("left"),
    "made_at": gettext_lazy("made"),
    "model_id": gettext_lazy("recipe"),
    "name": gettext_lazy("name"),
    "on": gettext_lazy("by hand only"),
    "outsider": gettext_lazy("who"),
    "password": gettext_lazy("password"),
    "photo_days": gettext_lazy("days a class photo is kept"),
    "photo_retention_days": gettext_lazy("days a class photo is kept"),
    "policy": gettext_lazy("version of the privacy text"),
    "preferred_name": gettext_lazy("preferred name"),
    "probes": gettext_lazy("faces in photos"),
    "pronunciation": gettext_lazy("pronunciation"),
    "rate": gettext_lazy("rate of errors"),
    "role": gettext_lazy("role"),
    "school_id": gettext_lazy("school id"),
    "selfies": gettext_lazy("selfies"),
    "skipped": gettext_lazy("selfies without a usable face"),
    "sort_key": gettext_lazy("sorted as"),
    "starts_on": gettext_lazy("first day"),
    "student": gettext_lazy("student"),
    "suggestions_only": gettext_lazy("suggest, never mark"),
    "teachers": gettext_lazy("teachers"),
    "template_days": gettext_lazy("days a face template is kept"),
    "template_retention_days": gettext_lazy("days a face template is kept"),
    "templates": gettext_lazy("face templates"),
    "templates_removed": gettext_lazy("face templates deleted"),
    "term": gettext_lazy("term"),
    "threshold_cosine": gettext_lazy("likeness needed"),
    "unmarked_counts": gettext_lazy("unmarked"),
    "version": gettext_lazy("version"),
}
_CHOICES: Final = {
    "decision": DetectedFace.Decision,
    "excused_counts": Course.Excused,
    "kind": FaceCalibration.Kind,
    "outsider": DetectedFace.Outsider,
    "role": Role,
    "unmarked_counts": Course.Unmarked,
}
_STATES: Final = {state.value: state.label for state in ClassSession.State}


def action_words(action: str) -> str:
    """Say an action; one of another release is shown as the log holds it."""
    return str(ACTIONS.get(action, action))


def object_words(event: AuditEvent) -> str:
    """Say what it was done to, with its number."""
    kind = str(KINDS.get(event.object_type, event.object_type))
    return kind if event.object_type in _OF_THE_SCHOOL else f"{kind} {event.object_id}".strip()


def changes(event: AuditEvent, *, people: Mapping[int, object], students: Mapping[int, object]) -> list[str]:
    """Say the old and new values of an event, a line a value.

    Args:
        event: from the log.
        people: accounts by id, where an account is named.
        students: students by id, where a student is named.
    """
    old, new = event.old, event.new
    if event.action.startswith("record."):
        with suppress(KeyError, TypeError, ValueError):  # a mark of another release is shown as the log holds it
            return [_mark_change(old, new)]
    if not isinstance(old, dict | None) or not isinstance(new, dict | None):
        return [" → ".join(_alone(value) for value in (old, new) if value is not None)]
    names = {"teachers": people, "student": students}
    return list(_lines(old or {}, new or {}, names))


def _mark_change(old: Any, new: Any) -> str:
    marks = " → ".join(status_label(value and value["status"]) for value in (old, new))
    how = "" if not new else f" ({Source(new['source']).label})"
    return marks + how


def _alone(value: Any) -> str:
    return str(_STATES.get(value, value) if isinstance(value, str) else value)


def _lines(old: Mapping[str, Any], new: Mapping[str, Any], names: Mapping[str, Mapping[int, object]]) -> Iterator[str]:
    for key in dict.fromkeys([*old, *new]):
        values = [_told(key, side[key], names) for side in (old, new) if key in side]
        if len(values) == 2 and values[0] == values[1]:
            continue
        if any(values):
            yield f"{FIELDS.get(key, key)}: {' → '.join(value or _('none') for value in values)}"


def _told(key: str, value: Any, names: Mapping[str, Mapping[int, object]]) -> str:
    """Say one value; nothing where there is none."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_told(key, one, names) for one in value)
    if key in names:
        return str(names[key].get(value, value))
    if key in _CHOICES and value in _CHOICES[key]:
        return str(_CHOICES[key](value).label)
    if key == "fields":
        return str(FIELDS.get(value, value))
    if key == "made_at" and (moment := parse_datetime(value)) is not None:
        return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"
    return str(value)


def named_people(events: Iterable[AuditEvent]) -> set[int]:
    """Give the ids of accounts that these events did something with, or name among their values."""
    found = {event.actor_id for event in events if event.actor_id is not None}
    return found | {pk for side in _sides(events) for pk in side.get("teachers") or []}


def named_students(events: Iterable[AuditEvent]) -> set[int]:
    """Give the ids of students whom these events are about, or name among their values."""
    found = {event.student_id for event in events if event.student_id is not None}
    return found | {side["student"] for side in _sides(events) if isinstance(side.get("student"), int)}


def _sides(events: Iterable[AuditEvent]) -> Iterator[Mapping[str, Any]]:
    return (side for event in events for side in (event.old, event.new) if isinstance(side, dict))
