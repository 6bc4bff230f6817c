"""Nobody gets in: every operation, asked by everybody whose data could leak."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from attendance.models import AttendanceRecord, AuditEvent, Course, Snapshot, User
from tests.attendance.api.conftest import ClientOf
from tests.attendance.api.operations import OPERATIONS, SCHEMA, named
from tests.attendance.conftest import World
from tests.conftest import MakeStudent

OPEN_TO_ALL = {"log_in"}
OPEN_TO_STUDENTS = {"log_in", "log_out", "me", "my_records"}
OF_ONE_PERSON = "/api/v1/uploads/"
OF_ONE_COURSE = [entry for entry in OPERATIONS if "{" in entry[1]]


def ask(client: APIClient, method: str, path: str) -> Any:
    return client.generic(method.upper(), path, content_type="application/json")


@pytest.mark.parametrize(**named([entry for entry in OPERATIONS if entry[2]["operationId"] not in OPEN_TO_ALL]))
def test_nobody_is_told_to_log_in(method: str, path: str, nobody: APIClient, world: World) -> None:
    answer = ask(nobody, method, world.fill(path))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(**named([entry for entry in OPERATIONS if entry[2]["operationId"] not in OPEN_TO_STUDENTS]))
def test_student_is_told_that_this_is_for_teachers(
    method: str, path: str, client_of: ClientOf, student_user: User, world: World
) -> None:
    assert ask(client_of(student_user), method, world.fill(path)).status_code == 403


@pytest.mark.parametrize(**named(OF_ONE_COURSE))
def test_other_teacher_finds_nothing(
    method: str, path: str, client_of: ClientOf, other_teacher: User, world: World
) -> None:
    events = AuditEvent.objects.count()
    answer = ask(client_of(other_teacher), method, world.fill(path))
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert AuditEvent.objects.count() == events
    assert Snapshot.objects.filter(pk=world.photo.pk).exists()


@pytest.mark.parametrize(**named(OF_ONE_COURSE))
def test_own_teacher_and_admin_find_it(
    method: str, path: str, client_of: ClientOf, teacher: User, admin: User, world: World
) -> None:
    """The matrix above would prove nothing with ids that lead nowhere."""
    for user in (teacher,) if path.startswith(OF_ONE_PERSON) else (admin, teacher):
        status = ask(client_of(user), method, world.fill(path)).status_code
        assert status not in (401, 403, 404, 405)
        assert status < 500
        if method == "delete":
            break


@pytest.mark.parametrize(**named(OF_ONE_COURSE))
def test_ids_that_do_not_exist_are_404(method: str, path: str, api: APIClient, db: None) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"
    for number in ("999999", str(10**30)):
        filled = path.replace("{id}", number).replace("{student_pk}", number).replace("{public_id}", nowhere)
        assert ask(api, method, filled).status_code == 404


def test_lists_of_an_outsider_are_empty(client_of: ClientOf, other_teacher: User, world: World) -> None:
    assert client_of(other_teacher).get("/api/v1/courses/").json()["results"] == []


def test_face_of_own_course_is_not_given_to_a_student_of_another(
    api: APIClient, world: World, make_student: MakeStudent, other_course: Course
) -> None:
    stranger = make_student("ben", course=other_course)
    body = {"decision": "STUDENT", "student_id": stranger.pk}
    unseen = api.put(f"/api/v1/faces/{world.face.pk}/decision/", body)
    missing = api.put(f"/api/v1/faces/{world.face.pk}/decision/", {**body, "student_id": 999_999})
    assert unseen.status_code == missing.status_code == 400
    assert unseen.json()["detail"] == missing.json()["detail"]
    assert not AttendanceRecord.objects.filter(student=stranger).exists()


def test_student_sees_only_own_records(
    client_of: ClientOf, student_user: User, world: World, make_student: MakeStudent
) -> None:
    classmate = make_student("ben")
    AttendanceRecord.objects.create(session=world.session, student=classmate, status="ABSENT", source="MANUAL")
    rows = client_of(student_user).get("/api/v1/me/records/").json()["results"]
    assert [(row["session_id"], row["status"]) for row in rows] == [(world.session.pk, "PRESENT")]


def test_teacher_has_no_records_of_their_own(api: APIClient) -> None:
    assert api.get("/api/v1/me/records/").status_code == 404


def test_nothing_secret_is_named_in_any_answer() -> None:
    secret = ("embedding", "vector", "key", "template", "password", "sealed", "hash", "image_path", "fencing")
    for name, component in SCHEMA["components"]["schemas"].items():
        if not name.endswith("Request"):
            for field in component.get("properties", {}):
                assert field == "sort_key" or not any(word in field for word in secret), (name, field)


def test_no_answer_holds_bytes_of_a_vector(api: APIClient, world: World) -> None:
    """Every GET, walked to its leaves: no long list of numbers, no base64 of one."""
    for method, path, operation in OPERATIONS:
        if method != "get" or "application/json" not in operation["responses"]["200"]["content"]:
            continue
        answer = api.get(world.fill(path))
        for name, value in leaves(answer.json()):
            assert not (isinstance(value, list) and len(value) > 10 and isinstance(value[0], float)), (path, name)
            assert not (isinstance(value, str) and len(value) > 300), (path, name)


def leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """All that a JSON value holds, containers included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    return [(name, value), *(leaf for key, child in inner for leaf in leaves(child, f"{name}.{key}"))]
