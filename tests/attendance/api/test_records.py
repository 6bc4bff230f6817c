"""Marks over the API: set, cleared, raced, and their history."""

import pytest
from rest_framework.test import APIClient

from attendance.models import AttendanceRecord, ClassSession, Course, Student
from tests.attendance.conftest import World
from tests.conftest import MakeStudent


@pytest.fixture
def address(class_session: ClassSession, student: Student) -> str:
    return f"/api/v1/sessions/{class_session.pk}/records/{student.pk}/"


def test_mark_by_hand_is_manual_and_has_a_version(api: APIClient, address: str, student: Student) -> None:
    answer = api.put(address, {"status": "LATE", "version": 0, "reason": "The bus"})
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"1"'
    assert answer.json() == {
        "student": {"id": student.pk, "name": "Ada"},
        "enrolled": True,
        "status": "LATE",
        "source": "MANUAL",
        "version": 1,
        "seen_at": None,
        "face_id": None,
        "by": "Tess Teacher",
    }
    assert api.get(address).json() == answer.json()


def test_recognised_mark_tells_its_face(api: APIClient, world: World) -> None:
    row = api.get(f"/api/v1/sessions/{world.session.pk}/records/{world.student.pk}/").json()
    assert (row["status"], row["source"], row["face_id"], row["by"]) == ("PRESENT", "RECOGNISED", world.face.pk, None)


@pytest.mark.parametrize("version", [1, 7])
def test_version_that_is_not_the_current_one_is_refused(version: int, api: APIClient, address: str) -> None:
    answer = api.put(address, {"status": "LATE", "version": version})
    assert (answer.status_code, answer.json()["code"], answer.json()["current"]) == (409, "record-changed", None)
    assert not AttendanceRecord.objects.exists()


def test_second_of_two_teachers_is_told_what_the_first_set(api: APIClient, address: str) -> None:
    api.put(address, {"status": "PRESENT", "version": 0})
    answer = api.put(address, {"status": "ABSENT", "version": 0})
    assert answer.status_code == 409
    assert answer.json()["current"] == {"status": "PRESENT", "source": "MANUAL", "version": 1}
    assert AttendanceRecord.objects.get().status == "PRESENT"


def test_if_match_does_the_same_with_412(api: APIClient, address: str) -> None:
    assert api.put(address, {"status": "PRESENT"}, HTTP_IF_MATCH='"0"').status_code == 200
    stale = api.put(address, {"status": "ABSENT"}, HTTP_IF_MATCH='"0"')
    assert (stale.status_code, stale.json()["current"]["version"]) == (412, 1)
    assert api.delete(address, HTTP_IF_MATCH='"0"').status_code == 412
    assert api.delete(address, HTTP_IF_MATCH='"1"').status_code == 204
    assert not AttendanceRecord.objects.exists()


@pytest.mark.parametrize("value", ["1", "*", 'W/"1"', '"one"', '"1", "2"', '"99999999999"'])
def test_if_match_that_is_no_version_is_refused(value: str, api: APIClient, address: str) -> None:
    assert api.put(address, {"status": "ABSENT"}, HTTP_IF_MATCH=value).status_code == 400


def test_header_and_body_must_not_contradict(api: APIClient, address: str) -> None:
    assert api.put(address, {"status": "ABSENT", "version": 1}, HTTP_IF_MATCH='"0"').status_code == 400


def test_cleared_mark_is_not_seen_again(api: APIClient, address: str) -> None:
    api.put(address, {"status": "ABSENT"})
    assert api.delete(address).status_code == 204
    row = api.get(address).json()
    assert (row["status"], row["source"], row["version"]) == (None, None, 0)


def test_history_tells_who_and_why(api: APIClient, world: World) -> None:
    address = f"/api/v1/sessions/{world.session.pk}/records/{world.student.pk}/"
    api.put(address, {"status": "EXCUSED", "reason": "Dentist"})
    changes = api.get(f"{address}history/").json()["results"]
    assert [(row["who"], row["old"], row["new"], row["reason"]) for row in changes] == [
        ("Tess Teacher", "present", "excused", "Dentist"),
        ("recognition", "not seen", "present", ""),
    ]


def test_student_of_another_course_of_the_same_teacher_is_not_enrolled(
    api: APIClient, class_session: ClassSession, other_course: Course, teacher: object, make_student: MakeStudent
) -> None:
    other_course.teachers.add(teacher)  # type: ignore[arg-type]
    stranger = make_student("ben", course=other_course)
    address = f"/api/v1/sessions/{class_session.pk}/records/{stranger.pk}/"
    answer = api.put(address, {"status": "PRESENT"})
    assert (answer.status_code, answer.json()["code"]) == (400, "not-enrolled")
    assert api.get(address).status_code == 404


def test_student_whom_the_teacher_does_not_know_does_not_exist(
    api: APIClient, class_session: ClassSession, other_course: Course, make_student: MakeStudent
) -> None:
    stranger = make_student("ben", course=other_course)
    answer = api.put(f"/api/v1/sessions/{class_session.pk}/records/{stranger.pk}/", {"status": "PRESENT"})
    assert answer.status_code == 404
