"""Unknown faces over the API: listed by person, answered together."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from attendance.models import AttendanceRecord, Course, DetectedFace, User
from attendance.services import recognition, sessions, snapshots
from tests.attendance.api.conftest import ClientOf
from tests.attendance.conftest import World
from tests.conftest import MakeStudent
from tests.fakes import class_photo


@pytest.fixture
def address(world: World, teacher: User) -> str:
    """The list, with Zoe in two photos and Yan in one of them."""
    added = snapshots.add_snapshot(session=world.session, data=class_photo("zoe", "yan"), by=teacher)
    recognition.recognise(added.snapshot.pk)
    return f"/api/v1/courses/{world.course.pk}/unknown-faces/"


def listed(client: APIClient, address: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get(address).json()["results"]
    return rows


def ids_of(group: dict[str, Any]) -> list[int]:
    return [face["id"] for face in group["faces"]]


def test_group_tells_where_its_faces_are(api: APIClient, address: str, world: World) -> None:
    zoe, yan = listed(api, address)
    assert (zoe["photos"], zoe["sessions"], len(zoe["faces"])) == (2, 1, 2)
    assert (yan["photos"], yan["sessions"], len(yan["faces"])) == (1, 1, 1)
    for told in zoe["faces"]:
        face = DetectedFace.objects.get(pk=told["id"])
        assert told["photo_id"] == str(face.snapshot.public_id)
        assert told["session_id"] == world.session.pk
        assert told["box"] == {"x": face.x, "y": face.y, "width": face.width, "height": face.height}


def test_groups_come_page_by_page(api: APIClient, address: str) -> None:
    first = api.get(f"{address}?page_size=1").json()
    second = api.get(first["next"]).json()
    assert (first["count"], [one["photos"] for one in first["results"] + second["results"]]) == (2, [2, 1])
    assert second["next"] is None
    assert api.get(f"{address}?who=zoe").status_code == 400


def test_candidate_whom_the_caller_may_not_see_is_left_out(
    api: APIClient, address: str, world: World, make_student: MakeStudent, other_course: Course
) -> None:
    elsewhere = make_student("ben", course=other_course)
    DetectedFace.objects.update(candidates=[[elsewhere.pk, 0.4], [world.student.pk, 0.3]])
    told = [{"student": {"id": world.student.pk, "name": "Ada"}, "similarity": 0.3}]
    assert listed(api, address)[0]["candidates"] == told


def test_guest_is_said_of_a_group_and_taken_back(api: APIClient, address: str) -> None:
    ids = ids_of(listed(api, address)[0])
    guest = {"face_ids": ids, "decision": "NOT_IN_CLASS", "outsider": "GUEST"}
    answer = api.post(f"{address}decision/", guest)
    assert (answer.status_code, sorted(answer.json()["face_ids"]), answer.json()["left"]) == (200, sorted(ids), 0)
    assert set(DetectedFace.objects.filter(pk__in=ids).values_list("outsider", flat=True)) == {"GUEST"}
    assert len(listed(api, address)) == 1
    again = api.post(f"{address}decision/", guest)
    assert (again.status_code, again.headers["Content-Type"]) == (409, "application/problem+json")
    assert api.post(f"{address}decision/", {"face_ids": ids, "decision": "NONE"}).status_code == 200
    assert len(listed(api, address)) == 2


def test_student_is_named_and_faces_that_were_answered_are_left(
    api: APIClient, address: str, make_student: MakeStudent
) -> None:
    zoe = make_student("zoe")
    ids = ids_of(listed(api, address)[0])
    api.put(f"/api/v1/faces/{ids[0]}/decision/", {"decision": "NOT_A_FACE"})
    body = {"face_ids": ids, "decision": "STUDENT", "student_id": zoe.pk}
    assert api.post(f"{address}decision/", body).json() == {"face_ids": ids[1:], "left": 1}
    record = AttendanceRecord.objects.get(student=zoe)
    assert (record.status, record.source, record.face_id) == ("PRESENT", "MANUAL", ids[1])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"face_ids": None}, "face_ids"),
        ({"face_ids": []}, "face_ids"),
        ({"face_ids": [0]}, "face_ids"),
        ({"face_ids": "1"}, "face_ids"),
        ({"face_ids": ["1"]}, "face_ids"),
        ({"face_ids": [2**63]}, "face_ids"),
        ({"face_ids": list(range(1, 202))}, "face_ids"),
        ({"decision": "FRIEND"}, "decision"),
        ({"decision": "STUDENT"}, "student_id"),
        ({"student_id": 1}, "student_id"),
        ({"outsider": "GUEST"}, "outsider"),
        ({"everybody": True}, "everybody"),
    ],
)
def test_word_must_be_whole(change: dict[str, Any], field: str, api: APIClient, address: str) -> None:
    body = {"face_ids": ids_of(listed(api, address)[0]), "decision": "NOT_A_FACE"} | change
    answer = api.post(f"{address}decision/", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].split(".")[0] == field
    assert not DetectedFace.objects.exclude(decision="NONE").exists()


def test_two_faces_of_one_photo_are_not_one_student(api: APIClient, address: str, make_student: MakeStudent) -> None:
    ids = [pk for group in listed(api, address) for pk in ids_of(group)]
    body = {"face_ids": ids, "decision": "STUDENT", "student_id": make_student("zoe").pk}
    assert api.post(f"{address}decision/", body).status_code == 400
    assert not AttendanceRecord.objects.filter(source="MANUAL").exists()


def test_face_of_another_course_is_not_answered_through_ones_own(
    address: str, client_of: ClientOf, other_teacher: User, other_course: Course
) -> None:
    ids = list(DetectedFace.objects.values_list("pk", flat=True))
    own = f"/api/v1/courses/{other_course.pk}/unknown-faces/"
    outsider = client_of(other_teacher)
    assert listed(outsider, own) == []
    assert outsider.post(f"{own}decision/", {"face_ids": ids, "decision": "NOT_A_FACE"}).status_code == 404
    assert not DetectedFace.objects.exclude(decision="NONE").exists()


def test_student_of_another_course_cannot_be_named(
    api: APIClient, address: str, make_student: MakeStudent, other_course: Course
) -> None:
    elsewhere = make_student("moe", course=other_course)
    body = {"face_ids": ids_of(listed(api, address)[0]), "decision": "STUDENT", "student_id": elsewhere.pk}
    assert api.post(f"{address}decision/", body).status_code == 400
    assert not AttendanceRecord.objects.filter(student=elsewhere).exists()


def test_final_register_has_no_unknown_faces(api: APIClient, address: str, world: World, teacher: User) -> None:
    ids = ids_of(listed(api, address)[0])
    sessions.finalise_session(session=world.session, by=teacher)
    assert listed(api, address) == []
    answer = api.post(f"{address}decision/", {"face_ids": ids, "decision": "NOT_A_FACE"})
    assert (answer.status_code, answer.json()["code"]) == (409, "session-closed")
