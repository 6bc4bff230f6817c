"""Courses, and who is on their rosters from which day to which: the past is kept, whoever moves or leaves."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from attendance.models import Course, Enrolment, Student, Term, User
from attendance.services.audit import record_event
from attendance.services.errors import BadDate, InvalidValue, not_found
from attendance.services.names import clean_text

STUDENT_FIELDS: Final[tuple[str, ...]] = ("name", "sort_key", "preferred_name", "pronunciation", "school_id", "email")
COURSE_FIELDS: Final = (
    *("name", "code", "term", "suggestions_only", "late_after_minutes", "late_weight"),
    *("excused_counts", "unmarked_counts"),
)


def roster_on(course: Course, day: dt.date) -> QuerySet[Student]:
    """Give the students on a course's roster on a day, in roster order."""
    enrolled = Enrolment.objects.on(day).filter(course=course).values("student")
    return Student.objects.filter(pk__in=enrolled).order_by("sort_key", "pk")


@transaction.atomic
def create_course(*, name: str, term: Term, by: User, teachers: Iterable[User] = (), **fields: Any) -> Course:
    """Make a course.

    Args:
        name: what is taught.
        term: when.
        by: an admin.
        teachers: who sees it.
        fields: other fields of the course, such as ``code`` or ``late_weight``.

    Raises:
        InvalidValue: a field that does not hold, or a course of that name and code in that term.
    """
    course = Course()
    _set_course_fields(course, {"name": name, "term": term, **fields})
    course.teachers.set(teachers)
    record_event(
        actor=by,
        action="course.created",
        object_type="course",
        object_id=course.pk,
        course_id=course.pk,
        new={"teachers": _teachers(course)},
    )
    return course


@transaction.atomic
def update_course(*, course: Course, by: User, teachers: Iterable[User] | None = None, **fields: Any) -> Course:
    """Change a course; formula and teachers, who see its faces, are in the log with their old and new values.

    Raises:
        InvalidValue: a field that does not hold, or a course of that name and code in that term.
    """
    old, new = _json_fields(course, fields), {}
    _set_course_fields(course, fields)
    if teachers is not None:
        old["teachers"] = _teachers(course)
        course.teachers.set(teachers)
        new["teachers"] = _teachers(course)
    record_event(
        actor=by,
        action="course.changed",
        object_type="course",
        object_id=course.pk,
        course_id=course.pk,
        old=old,
        new=_json_fields(course, fields) | new,
    )
    return course


@transaction.atomic
def add_student(
    *,
    course: Course,
    name: str,
    from_day: dt.date,
    by: User,
    sort_key: str | None = None,
    preferred_name: str = "",
    pronunciation: str = "",
    school_id: str | None = None,
    email: str = "",
) -> Enrolment:
    """Put a new student on a roster.

    Raises:
        InvalidValue: a field that does not hold, or a school id that somebody has.
        BadDate: a day outside the term.
    """
    student = create_student(
        by=by,
        name=name,
        sort_key=sort_key,
        preferred_name=preferred_name,
        pronunciation=pronunciation,
        school_id=school_id,
        email=email,
    )
    return enrol(course=course, student=student, from_day=from_day, by=by)


@transaction.atomic
def create_student(*, name: str, by: User, sort_key: str | None = None, **fields: Any) -> Student:
    """Add somebody who can be on rosters.

    Raises:
        InvalidValue: a field that does not hold, or a school id that somebody has.
    """
    student = Student()
    _set_student_fields(student, {"name": name, "sort_key": sort_key, **fields})
    _log_student("student.created", student, by=by)
    return student


@transaction.atomic
def update_student(*, student: Student, by: User, **fields: Any) -> Student:
    """Change a student's fields; the log says which, not their values.

    Raises:
        InvalidValue: a field that does not hold, or a school id that somebody has.
        NotFound: the student was erased; nobody gives them a name again.
    """
    if Student.objects.select_for_update().filter(pk=student.pk).exclude(erased_at=None).exists():
        raise not_found(_("student"))
    before = {name: getattr(student, name) for name in STUDENT_FIELDS}
    _set_student_fields(student, fields)
    changed = [name for name in STUDENT_FIELDS if getattr(student, name) != before[name]]
    if changed:
        _log_student("student.changed", student, by=by, new={"fields": changed})
    return student


@transaction.atomic
def enrol(*, course: Course, student: Student, from_day: dt.date, by: User) -> Enrolment:
    """Put a student on a roster from a day on; somebody who left before may come back.

    Raises:
        BadDate: a day outside the term, or the student is on the roster on that day or later.
    """
    if not course.term.starts_on <= from_day <= course.term.ends_on:
        raise BadDate(_("This day lies outside the course's term."))
    overlapping = Q(ends_on=None) | Q(ends_on__gte=from_day)
    if Enrolment.objects.filter(overlapping, course=course, student=student).exists():
        raise BadDate(_("The student is on this roster on that day already."))
    try:
        with transaction.atomic():
            enrolment = Enrolment.objects.create(course=course, student=student, starts_on=from_day)
    except IntegrityError as error:
        raise BadDate(_("Somebody put this student on the roster just now.")) from error
    _log_enrolment("enrolment.started", enrolment, by=by)
    return enrolment


@transaction.atomic
def end_enrolment(*, enrolment: Enrolment, last_day: dt.date, by: User) -> None:
    """Let a student leave after a day; all marks up to it stay.

    Raises:
        BadDate: the last day lies before the first, or the enrolment has ended before.
    """
    if last_day < enrolment.starts_on:
        raise BadDate(_("The last day lies before the first."))
    if enrolment.ends_on is not None and enrolment.ends_on < last_day:
        raise BadDate(_("This enrolment has ended before that day."))
    old = enrolment.ends_on
    enrolment.ends_on = last_day
    enrolment.save(update_fields=["ends_on"])
    _log_enrolment("enrolment.ended", enrolment, by=by, old=old and old.isoformat(), new=last_day.isoformat())


@transaction.atomic
def move_student(*, enrolment: Enrolment, to: Course, first_day: dt.date, by: User) -> Enrolment:
    """Move a student to another course from a day on; the old course keeps the past.

    Raises:
        BadDate: the day does not come after the first day in the old course, or lies outside the new course's term.
    """
    end_enrolment(enrolment=enrolment, last_day=first_day - dt.timedelta(days=1), by=by)
    return enrol(course=to, student=enrolment.student, from_day=first_day, by=by)


def clean_student_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Put the fields of a student into the form in which they are stored.

    Raises:
        InvalidValue: a field that does not hold.
    """
    if fields.keys() - set(STUDENT_FIELDS):
        raise InvalidValue(_("A student has no such field."))
    cleaned: dict[str, Any] = {key: clean_text(value or "") for key, value in fields.items()}
    if cleaned.get("name", "-") == "":
        raise InvalidValue(_("A student needs a name."))
    for key, value in cleaned.items():
        longest = getattr(Student._meta.get_field(key), "max_length", None)
        if longest is not None and len(value) > longest:
            raise InvalidValue(_("%(value)s... is longer than %(n)d characters.") % {"value": value[:20], "n": longest})
    if cleaned.get("email"):
        _check_email(cleaned["email"])
    if "school_id" in cleaned:
        cleaned["school_id"] = cleaned["school_id"] or None
    return cleaned


def _check_email(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidValue(_("%(email)s is not an e-mail address.") % {"email": email[:60]}) from error


def _set_student_fields(student: Student, fields: dict[str, Any]) -> None:
    sorted_by_name = student.sort_key in ("", student.name)
    for key, value in clean_student_fields(fields).items():
        setattr(student, key, value)
    if not fields.get("sort_key") and ("sort_key" in fields or sorted_by_name):
        student.sort_key = student.name
    try:
        with transaction.atomic():
            student.save()
    except IntegrityError as error:
        raise InvalidValue(_("Another student has this school id.")) from error


def _set_course_fields(course: Course, fields: dict[str, Any]) -> None:
    if fields.keys() - set(COURSE_FIELDS):
        raise InvalidValue(_("A course has no such field."))
    for key, value in fields.items():
        setattr(course, key, clean_text(value) if isinstance(value, str) else value)
    try:
        course.full_clean()
    except ValidationError as error:
        raise InvalidValue(" ".join(error.messages)) from error
    course.save()


def _teachers(course: Course) -> list[int]:
    return sorted(course.teachers.values_list("pk", flat=True))


def _json_fields(course: Course, fields: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(course, name) for name in fields}
    return {name: _json(value) for name, value in values.items()}


def _json(value: Any) -> Any:
    if isinstance(value, Term):
        return value.pk
    return str(value) if isinstance(value, Decimal) else value


def _log_student(action: str, student: Student, *, by: User, new: Any = None) -> None:
    record_event(actor=by, action=action, object_type="student", object_id=student.pk, student_id=student.pk, new=new)


def _log_enrolment(action: str, enrolment: Enrolment, *, by: User, old: Any = None, new: Any = None) -> None:
    record_event(
        actor=by,
        action=action,
        object_type="enrolment",
        object_id=enrolment.pk,
        course_id=enrolment.course_id,
        student_id=enrolment.student_id,
        old=old,
        new=new or enrolment.starts_on.isoformat(),
    )
