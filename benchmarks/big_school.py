"""A made school in the database: students, courses, meetings, a mark a student and meeting, and what was logged.

One term of 18 weeks that ends today. Each student takes five courses of thirty, each meets on every school day, and
each mark has its event in the audit log. Small tables go through the models, the large ones are filled by the database
itself in one statement each, their indexes made afterwards.
"""

import datetime as dt
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone

from attendance.models import (
    ClassSession,
    Course,
    Enrolment,
    Role,
    SchoolSettings,
    Student,
    Term,
    User,
)

COURSES_A_STUDENT: Final = 5
STUDENTS_A_COURSE: Final = 30
COURSES_A_TEACHER: Final = 8
LARGE_TABLES: Final = ("attendance_attendancerecord", "attendance_auditevent", "attendance_snapshot")

_RECORDS: Final = """
INSERT INTO attendance_attendancerecord (session_id, student_id, status, source, version, updated_at, updated_by_id)
SELECT id, student_id,
       CASE WHEN drawn < 88 THEN 'PRESENT' WHEN drawn < 92 THEN 'LATE' WHEN drawn < 95 THEN 'EXCUSED' ELSE 'ABSENT' END,
       CASE WHEN drawn < 80 THEN 'RECOGNISED' ELSE 'MANUAL' END, 1, ends_at, created_by_id
FROM (SELECT s.id, e.student_id, s.ends_at, s.created_by_id,
             (e.student_id * 7919 + s.id * 104729) % 101 + CASE WHEN e.student_id % 20 = 0 THEN 25 ELSE 0 END AS drawn
      FROM attendance_classsession s JOIN attendance_enrolment e ON e.course_id = s.course_id) AS meeting
ORDER BY ends_at, id, student_id
"""
_EVENTS: Final = """
INSERT INTO attendance_auditevent (at, actor_id, action, object_type, object_id, course_id, session_id, student_id, new,
                                   reason, request_id)
SELECT r.updated_at, CASE WHEN r.source = 'MANUAL' THEN r.updated_by_id END, 'record.set', 'attendancerecord',
       CAST(r.id AS varchar(64)), s.course_id, r.session_id, r.student_id,
       CAST('{{"status": "' || r.status || '", "source": "' || r.source || '"}}' AS {json}), '', ''
FROM attendance_attendancerecord r JOIN attendance_classsession s ON s.id = r.session_id
ORDER BY r.id
"""
_SNAPSHOTS: Final = """
INSERT INTO attendance_snapshot (state, attempts, fencing_token, not_before, queued_at, finished_at, failure_code,
       failure_reason, public_id, session_id, image, sha256, width, height, uploaded_at, model_id, detector_id,
       face_count, processing_ms{more})
SELECT CASE WHEN id % 200 = 0 THEN 'FAILED' ELSE 'DONE' END, 1, 1, starts_at, starts_at, ends_at, '',
       CASE WHEN id % 200 = 0 THEN 'The picture cannot be read.' ELSE '' END, {uuid}, id, '', {sha256}, 4000, 3000,
       starts_at, 'made', 'made', 28, 900 + id % 400{values}
FROM attendance_classsession ORDER BY id
"""
_BY_VENDOR: Final = {
    "sqlite": {"json": "text", "uuid": "lower(hex(randomblob(16)))", "sha256": "lower(hex(randomblob(32)))"},
    "postgresql": {
        "json": "jsonb",
        "uuid": "gen_random_uuid()",
        "sha256": "encode(sha256(CAST(CAST(id AS text) AS bytea)), 'hex')",
    },
}


@dataclass(frozen=True, slots=True)
class Size:
    """How large the school is.

    Attributes:
        students: how many.
        meetings: of each course.
    """

    students: int
    meetings: int = 90

    @property
    def courses(self) -> int:
        """So many that each student takes five."""
        return max(COURSES_A_STUDENT, -(-self.students * COURSES_A_STUDENT // STUDENTS_A_COURSE))


def fill(size: Size) -> float:
    """Make the school in an empty, migrated database; give the seconds it took."""
    started = time.perf_counter()
    with _without_checks():
        _people_and_courses(size)
        _meetings(size)
        _large_tables()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return time.perf_counter() - started


def school_days(count: int) -> list[dt.date]:
    """The last days from Monday to Friday up to today; the last one is today, whatever day it is."""
    today = timezone.localdate()
    days = (today - dt.timedelta(days=back) for back in itertools.count(1))
    earlier = itertools.islice((day for day in days if day.weekday() < 5), count - 1)
    return [*reversed(list(earlier)), today]


def _people_and_courses(size: Size) -> None:
    password = make_password("correct horse battery")
    days = school_days(size.meetings)
    term = Term.objects.create(name="The term", starts_on=days[0], ends_on=days[-1])
    SchoolSettings.objects.create(pk=1)
    User.objects.create(username="admin", name="Ann Admin", role=Role.ADMIN, password=password)
    account = User.objects.create(username="student", name="Student 1", role=Role.STUDENT, password=password)
    teachers = User.objects.bulk_create(
        User(username=f"teacher{n}", name=f"Teacher {n}", role=Role.TEACHER, password=password)
        for n in range(-(-size.courses // COURSES_A_TEACHER))
    )
    students = Student.objects.bulk_create(
        Student(name=f"Student {n:05}", sort_key=f"student {n:05}", school_id=f"S{n:05}") for n in range(size.students)
    )
    Student.objects.filter(pk=students[0].pk).update(user=account)
    courses = Course.objects.bulk_create(
        Course(name=f"Course {n:04}", code=f"C{n:04}", term=term, unmarked_counts="ABSENT" if n % 2 else "LEFT_OUT")
        for n in range(size.courses)
    )
    link = Course.teachers.through
    link.objects.bulk_create(
        link(course_id=course.pk, user_id=teachers[n // COURSES_A_TEACHER].pk) for n, course in enumerate(courses)
    )
    # Consecutive students sit together, and the fifth of them sits elsewhere in each of the five rounds.
    seats = ((students[(n + n // size.students * 7) % size.students], n) for n in range(size.students * 5))
    Enrolment.objects.bulk_create(
        (
            Enrolment(course=courses[n * size.courses // (size.students * 5)], student=student, starts_on=days[0])
            for student, n in seats
        ),
        batch_size=2000,
    )


def _meetings(size: Size) -> None:
    """Each course meets once a day, at one of eight hours; today's meetings are open, the others final."""
    by = dict(Course.teachers.through.objects.values_list("course_id", "user_id"))
    now, today = timezone.now(), timezone.localdate()

    def meeting(course: int, day: dt.date) -> ClassSession:
        starts_at = timezone.make_aware(dt.datetime.combine(day, dt.time(8 + course % 8)))
        state = {} if day == today else {"state": "FINAL", "finalised_at": now}
        ends_at = starts_at + dt.timedelta(minutes=45)
        return ClassSession(
            course_id=course, starts_at=starts_at, ends_at=ends_at, held_on=day, created_by_id=by[course], **state
        )

    courses = list(Course.objects.order_by("pk").values_list("pk", flat=True))
    for day in school_days(size.meetings):
        ClassSession.objects.bulk_create(meeting(course, day) for course in courses)


def _large_tables() -> None:
    words = {**_BY_VENDOR[connection.vendor], **_columns_with_defaults("attendance_snapshot", _SNAPSHOTS)}
    with transaction.atomic(), connection.cursor() as cursor:
        indexes = _drop_indexes()
        for statement in (_RECORDS, _EVENTS.format(**words), _SNAPSHOTS.format(**words)):
            cursor.execute(statement)
        for index in indexes:
            cursor.execute(index)


def _columns_with_defaults(table: str, statement: str) -> dict[str, str]:
    """Name the columns that the statement leaves out and that may not be empty, with a zero or an empty text each."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"SELECT name, type FROM pragma_table_info('{table}') WHERE \"notnull\" AND NOT pk")  # noqa: S608
        else:
            cursor.execute(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_name = %s AND is_nullable = 'NO' AND is_identity = 'NO'",
                [table],
            )
        missing = [(name, kind) for name, kind in cursor.fetchall() if name not in statement]
    zero = {name: "0" if "int" in kind.lower() else "''" for name, kind in missing}
    return {
        "more": "".join(f", {name}" for name in zero),
        "values": "".join(f", {value}" for value in zero.values()),
    }


def _drop_indexes() -> list[str]:
    """Drop what can be made again in one go, and give the statements that do so."""
    marks = ", ".join(["%s"] * len(LARGE_TABLES))
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            query = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql > '' AND tbl_name IN ({marks})"  # noqa: S608
        else:
            query = (
                f"SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ({marks}) AND NOT EXISTS "  # noqa: S608
                "(SELECT 1 FROM pg_constraint WHERE conname = indexname)"
            )
        cursor.execute(query, LARGE_TABLES)
        found = cursor.fetchall()
        for name, _statement in found:
            cursor.execute(f'DROP INDEX "{name}"')
    return [statement for _name, statement in found]


class _without_checks:  # noqa: N801  reads as the statement that it is
    """Foreign keys are not looked up for each of millions of rows that the database draws from its own tables."""

    def __enter__(self) -> None:
        self._set("OFF", "replica")

    def __exit__(self, *_: object) -> None:
        self._set("ON", "origin")

    def _set(self, sqlite: str, postgresql: str) -> None:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(f"PRAGMA foreign_keys={sqlite}")
            else:
                cursor.execute(f"SET session_replication_role = {postgresql}")


def counts() -> Iterator[tuple[str, int]]:
    """Give how many rows each large table has."""
    with connection.cursor() as cursor:
        for table in ("attendance_student", "attendance_classsession", *LARGE_TABLES):
            cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608  names of our own
            yield table, cursor.fetchone()[0]
