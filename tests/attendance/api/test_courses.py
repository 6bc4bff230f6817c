"""Courses, rosters, readiness and reports."""

import csv
import datetime as dt
import io
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from attendance.models import AttendanceRecord, AuditEvent, ClassSession, Course, Student, Term, User
from attendance.services import records
from tests.attendance.api.conftest import ClientOf
from tests.attendance.conftest import World
from tests.conftest import MakeStudent


def queries_of(client: APIClient, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_course_tells_its_formula(api: APIClient, course: Course, term: Term) -> None:
    assert api.get(f"/api/v1/courses/{course.pk}/").json() == {
        "id": course.pk,
        "name": "Physics",
        "code": "PH1",
        "term": {"name": "Autumn", "starts_on": term.starts_on.isoformat(), "ends_on": term.ends_on.isoformat()},
        "suggestions_only": False,
        "late_after_minutes": 10,
        "late_weight": "0.80",
        "excused_counts": "LEFT_OUT",
        "unmarked_counts": "LEFT_OUT",
    }


def test_teacher_lists_own_courses_and_admin_all(
    client_of: ClientOf, teacher: User, admin: User, course: Course, other_course: Course
) -> None:
    def names(user: User) -> list[str]:
        return [row["name"] for row in client_of(user).get("/api/v1/courses/").json()["results"]]

    assert names(teacher) == ["Physics"]
    assert names(admin) == ["Music", "Physics"]


def test_pages_follow_each_other(api: APIClient, term: Term, teacher: User) -> None:
    for number in range(3):
        Course.objects.create(name=f"Course {number}", term=term).teachers.add(teacher)
    first = api.get("/api/v1/courses/?page_size=2").json()
    second = api.get(first["next"]).json()
    assert first["count"] == 3
    assert [row["name"] for row in first["results"] + second["results"]] == ["Course 0", "Course 1", "Course 2"]
    assert second["next"] is None


def test_roster_tells_whom_a_photo_can_find(api: APIClient, world: World, make_student: MakeStudent) -> None:
    make_student("ben")
    rows = api.get(f"/api/v1/courses/{world.course.pk}/roster/").json()["results"]
    assert [(row["student"]["name"], row["recognisable"], row["consent"]) for row in rows] == [
        ("Ada", True, True),
        ("Ben", False, False),
    ]
    assert rows[0]["selfie"]["verdict"] == "ACCEPTED"
    assert rows[1]["selfie"] is None


def test_roster_is_asked_on_a_day(api: APIClient, course: Course, student: Student, term: Term) -> None:
    day = term.starts_on - dt.timedelta(days=1)
    assert api.get(f"/api/v1/courses/{course.pk}/roster/?day={day}").json()["count"] == 0
    assert api.get(f"/api/v1/courses/{course.pk}/roster/?day={term.starts_on}").json()["count"] == 1


def test_readiness_counts_and_names_who_is_missing(api: APIClient, world: World, make_student: MakeStudent) -> None:
    ben = make_student("ben")
    answer = api.get(f"/api/v1/courses/{world.course.pk}/readiness/").json()
    assert (answer["enrolled"], answer["recognisable"]) == (2, 1)
    assert answer["missing"] == [{"id": ben.pk, "name": "Ben"}]


def test_report_in_json_and_csv_equals_the_records(
    api: APIClient, course: Course, class_session: ClassSession, make_student: MakeStudent
) -> None:
    for name, status in (("ada", "PRESENT"), ("ben", "ABSENT"), ("cem", "LATE")):
        AttendanceRecord.objects.create(
            session=class_session, student=make_student(name), status=status, source="MANUAL"
        )
    report = api.get(f"/api/v1/courses/{course.pk}/report/").json()
    assert [(row["student"]["name"], row["percent"]) for row in report["rows"]] == [
        ("Ada", "100.0"),
        ("Ben", "0.0"),
        ("Cem", "80.0"),
    ]
    assert "late 0.80" in report["formula"]
    answer = api.get(f"/api/v1/courses/{course.pk}/report.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="report-')
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(line["Name"], line["Percent"]) for line in lines] == [("Ada", "100.0"), ("Ben", "0.0"), ("Cem", "80.0")]
    assert AuditEvent.objects.filter(action="report.exported", course_id=course.pk).count() == 1


def test_report_counts_only_the_days_asked_for(
    api: APIClient, course: Course, class_session: ClassSession, student: Student
) -> None:
    AttendanceRecord.objects.create(session=class_session, student=student, status="PRESENT", source="MANUAL")
    yesterday = class_session.held_on - dt.timedelta(days=1)
    rows = api.get(f"/api/v1/courses/{course.pk}/report/?last_day={yesterday}").json()["rows"]
    assert [(row["present"], row["percent"]) for row in rows] == [(0, None)]


@pytest.mark.parametrize(
    "address",
    [
        *("courses/", "courses/{course}/roster/", "courses/{course}/readiness/", "courses/{course}/report/"),
        *("courses/{course}/sessions/", "sessions/{session}/photos/", "sessions/{session}/records/"),
        *("photos/{photo}/faces/", "sessions/{session}/records/{student}/history/", "students/{student}/"),
    ],
)
def test_three_rows_cost_as_many_queries_as_one(
    address: str, api: APIClient, world: World, teacher: User, grow: Callable[[int], None]
) -> None:
    filled = "/api/v1/" + address.format(
        course=world.course.pk, session=world.session.pk, photo=world.photo.public_id, student=world.student.pk
    )
    # A first change by a person, whose name is looked up.
    records.set_status(session=world.session, student=world.student, status="PRESENT", by=teacher, reason="Seen")
    before, rows_before = queries_of(api, filled), api.get(filled).json()
    grow(2)
    assert api.get(filled).json() != rows_before
    assert queries_of(api, filled) == before


def test_own_records_cost_as_many_queries_for_three(
    client_of: ClientOf, student_user: User, world: World, grow: Callable[[int], None]
) -> None:
    client = client_of(student_user)
    before = queries_of(client, "/api/v1/me/records/")
    grow(2)
    assert client.get("/api/v1/me/records/").json()["count"] == 3
    assert queries_of(client, "/api/v1/me/records/") == before
