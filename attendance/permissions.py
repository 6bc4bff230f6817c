"""Who may see and change what. What a person may not see does not exist for them: 404, not 403."""

import datetime as dt

from django.db.models import Q, QuerySet
from django.utils import timezone

from attendance.models import (
    ClassSession,
    Course,
    DetectedFace,
    Enrolment,
    PartialUpload,
    Selfie,
    Snapshot,
    Student,
    User,
)


def visible_courses(user: User) -> QuerySet[Course]:
    """Courses whose rosters and sessions this person works with: all for an admin, their own for a teacher."""
    if user.is_admin:
        return Course.objects.all()
    if user.is_teacher:
        return Course.objects.filter(teachers=user)
    return Course.objects.none()


def visible_sessions(user: User) -> QuerySet[ClassSession]:
    """Sessions of the visible courses."""
    return ClassSession.objects.filter(course__in=visible_courses(user))


def visible_snapshots(user: User) -> QuerySet[Snapshot]:
    """Photos of the visible sessions."""
    return Snapshot.objects.filter(session__course__in=visible_courses(user))


def visible_uploads(user: User) -> QuerySet[PartialUpload]:
    """Photos that this person has begun to send to the visible sessions; an admin sees nobody else's half photos."""
    return PartialUpload.objects.filter(user=user, session__course__in=visible_courses(user))


def visible_faces(user: User) -> QuerySet[DetectedFace]:
    """Faces in the visible photos."""
    return DetectedFace.objects.filter(snapshot__session__course__in=visible_courses(user))


def visible_students(user: User, *, day: dt.date | None = None) -> QuerySet[Student]:
    """Students on the rosters of the visible courses (all for an admin); oneself for a student.

    Args:
        user: who asks.
        day: only those enrolled on this day; None takes every enrolment, past ones included.
    """
    if user.is_admin:
        return Student.objects.all()
    if user.is_teacher:
        own = Course.objects.filter(teachers=user)
        if day is None:
            return Student.objects.filter(enrolments__course__in=own).distinct()
        return Student.objects.filter(pk__in=Enrolment.objects.on(day).filter(course__in=own).values("student"))
    return Student.objects.filter(user=user)


def visible_selfies(user: User) -> QuerySet[Selfie]:
    """Selfies of the visible students; a teacher's right to look ends with the enrolment, and with the term."""
    if user.is_admin or not user.is_teacher:
        return Selfie.objects.filter(student__in=visible_students(user))
    today = timezone.localdate()
    still_taught = Enrolment.objects.filter(
        Q(ends_on=None) | Q(ends_on__gte=today), course__teachers=user, course__term__ends_on__gte=today
    )
    return Selfie.objects.filter(student__in=still_taught.values("student"))


def may_administer(user: User) -> bool:
    """Whether this person may change people, courses, rosters and the school's settings."""
    return user.is_admin


def may_teach(user: User) -> bool:
    """Whether the teacher's pages are open to this person at all."""
    return user.is_admin or user.is_teacher
