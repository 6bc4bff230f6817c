"""Meetings: opened, listed, closed, reopened."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from attendance.models import AttendanceRecord, ClassSession, Course, Student
from tests.conftest import MakeStudent


def address_of(session: ClassSession, end: str = "") -> str:
    return f"/api/v1/sessions/{session.pk}/{end}"


def test_session_is_opened_in_the_schools_time(api: APIClient, course: Course, today: dt.date) -> None:
    body = {"starts_at": f"{today}T08:00:00", "ends_at": f"{today}T09:30:00", "title": "Optics"}
    answer = api.post(f"/api/v1/courses/{course.pk}/sessions/", body)
    assert answer.status_code == 201
    made = ClassSession.objects.get()
    assert answer.headers["Location"] == address_of(made)
    assert api.get(answer.headers["Location"]).json() == answer.json()
    assert timezone.localtime(made.starts_at).hour == 8
    assert (made.course, made.held_on, made.title) == (course, today, "Optics")


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        ("{today}T10:00:00", "{today}T09:00:00"),
        ("9999-12-31T23:00:00", "9999-12-31T23:30:00"),
        ("0001-01-01T00:00:00", "0001-01-01T01:00:00"),
        ("{later}T08:00:00", "{later}T09:00:00"),
        ("{long_ago}T08:00:00", "{long_ago}T09:00:00"),
        ("{today}", "{today}T09:00:00"),
        (1_760_000_000, "{today}T09:00:00"),
        (None, "{today}T09:00:00"),
        ("2026-02-30T08:00:00", "2026-02-30T09:00:00"),
    ],
)
def test_times_that_cannot_be_meant_are_refused(
    starts_at: Any, ends_at: str, api: APIClient, course: Course, today: dt.date
) -> None:
    days = {"today": today, "later": today + dt.timedelta(days=3), "long_ago": today - dt.timedelta(days=300)}
    start = starts_at.format(**days) if isinstance(starts_at, str) else starts_at
    body = {"starts_at": start, "ends_at": ends_at.format(**days)}
    answer = api.post(f"/api/v1/courses/{course.pk}/sessions/", body)
    assert answer.status_code == 400
    assert not ClassSession.objects.exists()


def test_hour_that_summer_time_leaves_out_is_refused(api: APIClient, course: Course, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    body = {"starts_at": "2026-03-29T02:30:00", "ends_at": "2026-03-29T04:00:00"}
    answer = api.post(f"/api/v1/courses/{course.pk}/sessions/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-date")


def test_list_is_filtered_by_day_and_state(api: APIClient, course: Course, class_session: ClassSession) -> None:
    day = class_session.held_on
    earlier = ClassSession.objects.create(
        course=course,
        starts_at=class_session.starts_at - dt.timedelta(days=7),
        ends_at=class_session.ends_at - dt.timedelta(days=7),
        held_on=day - dt.timedelta(days=7),
        state=ClassSession.State.FINAL,
        finalised_at=timezone.now(),
    )

    def listed(query: str) -> list[int]:
        return [row["id"] for row in api.get(f"/api/v1/courses/{course.pk}/sessions/?{query}").json()["results"]]

    assert listed("") == [class_session.pk, earlier.pk]
    assert listed(f"first_day={day}") == [class_session.pk]
    assert listed(f"last_day={day - dt.timedelta(days=1)}") == [earlier.pk]
    assert listed(f"first_day={earlier.held_on}&last_day={day}&state=FINAL") == [earlier.pk]
    assert listed("state=OPEN") == [class_session.pk]


def test_only_finalising_makes_an_unseen_student_absent(
    api: APIClient, class_session: ClassSession, student: Student
) -> None:
    assert api.get(address_of(class_session, "records/")).json()["results"][0]["status"] is None
    answer = api.post(address_of(class_session, "finalise/"), {})
    assert (answer.status_code, answer.json()["state"]) == (200, "FINAL")
    assert AttendanceRecord.objects.get().status == "ABSENT"


def test_finalise_can_leave_the_rest_without_a_mark(
    api: APIClient, class_session: ClassSession, student: Student
) -> None:
    assert api.post(address_of(class_session, "finalise/"), {"mark_absent": False}).status_code == 200
    assert not AttendanceRecord.objects.exists()


def test_finalise_takes_no_body_for_the_usual_case(api: APIClient, class_session: ClassSession) -> None:
    assert api.post(address_of(class_session, "finalise/")).status_code == 200


def test_final_session_refuses_marks_until_it_is_reopened(
    api: APIClient, class_session: ClassSession, student: Student
) -> None:
    record = address_of(class_session, f"records/{student.pk}/")
    api.post(address_of(class_session, "finalise/"), {})
    for answer in (
        api.put(record, {"status": "PRESENT"}),
        api.delete(record),
        api.post(address_of(class_session, "rest-present/")),
        api.post(address_of(class_session, "finalise/"), {}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "session-closed")
    assert api.post(address_of(class_session, "reopen/")).json()["state"] == "OPEN"
    assert api.put(record, {"status": "PRESENT"}).status_code == 200


def test_rest_present_fills_only_empty_marks(
    api: APIClient, class_session: ClassSession, make_student: MakeStudent
) -> None:
    absent, unseen = make_student("ada"), make_student("ben")
    api.put(address_of(class_session, f"records/{absent.pk}/"), {"status": "ABSENT"})
    assert api.post(address_of(class_session, "rest-present/")).json() == {"marked": 1}
    rows = {
        row["student"]["id"]: row["status"] for row in api.get(address_of(class_session, "records/")).json()["results"]
    }
    assert rows == {absent.pk: "ABSENT", unseen.pk: "PRESENT"}
