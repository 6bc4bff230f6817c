"""The cast: two teachers, an admin, students, and the courses they meet in."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from kombu.transport.memory import Channel

from attendance import tasks
from attendance.models import (
    ClassSession,
    Course,
    Enrolment,
    PolicyText,
    Role,
    SchoolSettings,
    Snapshot,
    Student,
    Term,
    User,
)
from attendance.services import engine, gallery, snapshots
from attendance.storage import private_storage
from tests.fakes import class_photo, selfie_of

PASSWORD = "correct horse battery"
MakeStudent = Callable[..., Student]
Recognisable = Callable[..., Student]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> None:
    """Let the tables be emptied between tests: the trigger that forbids it has a test of its own."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER IF EXISTS audit_no_delete")


@pytest.fixture(autouse=True)
def private_files(tmp_path: Path) -> Path:
    """A private storage of each test's own."""
    storage = private_storage()
    place = tmp_path / "private"
    storage._location = place  # type: ignore[attr-defined]
    for cached in ("base_location", "location"):
        storage.__dict__.pop(cached, None)
    return place


def forget_broker_outage() -> None:
    """Let the next wake-up try the broker again at once, as in a new process."""
    tasks._broker._away_until = 0.0


@pytest.fixture(autouse=True)
def fresh_engine() -> Iterator[None]:
    """No pipeline and no wake-up stays from one test to the next."""
    yield
    engine.forget_pipelines()
    forget_broker_outage()
    for waiting in Channel.queues.values():
        waiting.queue.clear()


def person(username: str, role: Role, name: str) -> User:
    """Somebody who signs in with ``PASSWORD``."""
    return User.objects.create_user(username=username, password=PASSWORD, role=role, name=name)


@pytest.fixture
def teacher(db: None) -> User:
    return person("teacher", Role.TEACHER, "Tess Teacher")


@pytest.fixture
def other_teacher(db: None) -> User:
    return person("other", Role.TEACHER, "Otto Other")


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_user(
        username="admin", password=PASSWORD, role=Role.ADMIN, name="Ann Admin", is_staff=True
    )


@pytest.fixture
def student_user(db: None) -> User:
    return person("student", Role.STUDENT, "Ada Student")


@pytest.fixture
def today() -> dt.date:
    return timezone.localdate()


@pytest.fixture
def term(db: None, today: dt.date) -> Term:
    return Term.objects.create(
        name="Autumn", starts_on=today - dt.timedelta(days=60), ends_on=today + dt.timedelta(days=60)
    )


@pytest.fixture
def course(term: Term, teacher: User) -> Course:
    made = Course.objects.create(name="Physics", code="PH1", term=term)
    made.teachers.add(teacher)
    return made


@pytest.fixture
def other_course(term: Term, other_teacher: User) -> Course:
    made = Course.objects.create(name="Music", code="MU1", term=term)
    made.teachers.add(other_teacher)
    return made


@pytest.fixture
def school(admin: User) -> SchoolSettings:
    """A school whose face features an admin has switched on."""
    gallery.publish_policy(
        by=admin,
        text="We compare your selfie with class photos.",
        lawful_basis="consent",
        photo_retention_days=30,
        template_retention_days=400,
    )
    return SchoolSettings.objects.get(pk=1)


@pytest.fixture
def policy(school: SchoolSettings) -> PolicyText:
    return PolicyText.objects.get()


@pytest.fixture
def make_student(course: Course, term: Term) -> MakeStudent:
    """Put a student on a roster: ``make_student("ada")``, ``make_student("ben", course=other_course)``."""

    def make(
        name: str = "ada", *, course: Course = course, from_day: dt.date | None = None, user: User | None = None
    ) -> Student:
        student = Student.objects.create(name=name.title(), sort_key=name, user=user)
        Enrolment.objects.create(course=course, student=student, starts_on=from_day or term.starts_on)
        return student

    return make


@pytest.fixture
def recognisable(make_student: MakeStudent, school: SchoolSettings, admin: User) -> Recognisable:
    """Put a student on the roster who has agreed and whose selfie a worker has accepted."""

    def make(name: str = "ada", *, course: Course | None = None, user: User | None = None) -> Student:
        student = make_student(name, user=user) if course is None else make_student(name, course=course, user=user)
        gallery.give_consent(student=student, by=admin)
        selfie = gallery.add_selfie(student=student, data=selfie_of(name), by=admin)
        gallery.process_selfie(selfie.pk)
        return student

    return make


@pytest.fixture
def student(make_student: MakeStudent, student_user: User) -> Student:
    """Ada, on Tess's roster, who can sign in herself."""
    return make_student("ada", user=student_user)


@pytest.fixture
def class_session(course: Course, teacher: User, today: dt.date) -> ClassSession:
    """This morning's meeting of Tess's course, 08:00 to 09:30."""
    starts_at = dt.datetime.combine(today, dt.time(8), tzinfo=ZoneInfo(settings.TIME_ZONE))
    return ClassSession.objects.create(
        course=course,
        starts_at=starts_at,
        ends_at=starts_at + dt.timedelta(minutes=90),
        held_on=today,
        created_by=teacher,
    )


@pytest.fixture
def jpeg() -> bytes:
    """A class photo with Ada and Ben in it."""
    return class_photo("ada", "ben")


@pytest.fixture
def snapshot(class_session: ClassSession, teacher: User, jpeg: bytes) -> Snapshot:
    """That photo, uploaded and waiting for a worker."""
    return snapshots.add_snapshot(session=class_session, data=jpeg, by=teacher).snapshot
