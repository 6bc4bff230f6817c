"""A school in the stack's own database, made by the product's services: `python -m tests.production.school [FOLDER]`.

The folder holds a selfie a student, by name; without one, the students are those of the fake engine. Selfies go the way
that they go in production: sealed into the store, embedded by a worker.
"""

import datetime as dt
import json
import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attendance.settings")
django.setup()

from django.utils import timezone  # noqa: E402  Django must be set up first

from attendance import tasks  # noqa: E402
from attendance.models import Course, Enrolment, Role, Student, Term, User  # noqa: E402
from attendance.services import gallery, sessions  # noqa: E402
from tests.fakes import selfie_of  # noqa: E402

PASSWORD = "correct horse battery"
STUDENTS = ("ada", "ben", "cem")


def selfies(folder: str | None) -> dict[str, bytes]:
    """Give a selfie for each student's name."""
    if folder is None:
        return {name: selfie_of(name) for name in STUDENTS}
    return {file.stem: file.read_bytes() for file in sorted(Path(folder).glob("*.jpg"))}


def main(folder: str | None = None) -> None:
    """Make it; print what a test has to know."""
    today = timezone.localdate()
    admin = User.objects.create_user(username="admin", password=PASSWORD, role=Role.ADMIN, name="Ann Admin")
    teacher = User.objects.create_user(username="teacher", password=PASSWORD, role=Role.TEACHER, name="Tess Teacher")
    gallery.publish_policy(
        by=admin,
        text="We compare your selfie with class photos.",
        lawful_basis="consent",
        photo_retention_days=30,
        template_retention_days=400,
    )
    term = Term.objects.create(
        name="Autumn", starts_on=today - dt.timedelta(days=60), ends_on=today + dt.timedelta(days=60)
    )
    course = Course.objects.create(name="Physics", code="PH1", term=term)
    course.teachers.add(teacher)
    for name, selfie in selfies(folder).items():
        student = Student.objects.create(name=name.title(), sort_key=name)
        Enrolment.objects.create(course=course, student=student, starts_on=term.starts_on)
        gallery.give_consent(student=student, by=admin)
        tasks.wake(gallery.add_selfie(student=student, data=selfie, by=admin))
    session = sessions.session_for_today(course=course, by=teacher)
    sys.stdout.write(json.dumps({"session": session.pk}))


if __name__ == "__main__":
    main(*sys.argv[1:])
