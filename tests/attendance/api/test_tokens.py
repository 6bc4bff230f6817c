"""Logging in over the API, under the same lock-out as the log-in page."""

from typing import Any

from django.conf import settings
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from attendance.models import Student, User
from attendance.services.people import update_person
from tests.attendance.api.conftest import ClientOf
from tests.conftest import PASSWORD

LOGIN = "/api/v1/token/"


def test_token_opens_the_api(nobody: APIClient, teacher: User) -> None:
    answer = nobody.post(LOGIN, {"username": "teacher", "password": PASSWORD})
    assert answer.status_code == 200
    nobody.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    assert nobody.get("/api/v1/me/").json() == {
        "id": teacher.pk,
        "username": "teacher",
        "name": "Tess Teacher",
        "role": "TEACHER",
        "student_id": None,
    }
    teacher.refresh_from_db()
    assert teacher.last_login is not None


def test_me_names_the_student(client_of: ClientOf, student: Student, student_user: User) -> None:
    assert client_of(student_user).get("/api/v1/me/").json()["student_id"] == student.pk


def test_log_in_again_gives_the_same_token(nobody: APIClient, teacher: User) -> None:
    body = {"username": "teacher", "password": PASSWORD}
    assert nobody.post(LOGIN, body).json() == nobody.post(LOGIN, body).json()


def test_stale_token_does_not_stand_in_the_way_of_a_log_in(nobody: APIClient, teacher: User) -> None:
    nobody.credentials(HTTP_AUTHORIZATION="Token 0000")
    assert nobody.post(LOGIN, {"username": "teacher", "password": PASSWORD}).status_code == 200


def test_log_out_ends_the_token(api: APIClient, teacher: User) -> None:
    assert api.delete(LOGIN).status_code == 204
    assert not Token.objects.filter(user=teacher).exists()
    assert api.get("/api/v1/me/").status_code == 401


def test_wrong_password_and_unknown_name_get_the_same_answer(nobody: APIClient, teacher: User) -> None:
    wrong = nobody.post(LOGIN, {"username": "teacher", "password": "wrong"})
    unknown = nobody.post(LOGIN, {"username": "nobody", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    assert wrong.headers["WWW-Authenticate"] == "Token"


def test_inactive_person_gets_no_token(nobody: APIClient, teacher: User, client_of: ClientOf) -> None:
    held = client_of(teacher)
    User.objects.filter(pk=teacher.pk).update(is_active=False)
    assert nobody.post(LOGIN, {"username": "teacher", "password": PASSWORD}).status_code == 401
    assert held.get("/api/v1/me/").status_code == 401


def test_token_ends_with_the_password_that_opened_it(api: APIClient, teacher: User, admin: User) -> None:
    kept: dict[str, Any] = {"username": "teacher", "name": teacher.name, "role": teacher.role, "by": admin}
    update_person(person=teacher, **kept)
    assert api.get("/api/v1/me/").status_code == 200
    update_person(person=teacher, **kept, password="another battery staple")
    assert api.get("/api/v1/me/").status_code == 401


def test_password_in_the_address_is_refused(nobody: APIClient, teacher: User) -> None:
    answer = nobody.post(f"{LOGIN}?username=teacher&password={PASSWORD}", {"username": "teacher", "password": PASSWORD})
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {"username", "password"}


def test_password_as_a_form_is_refused(nobody: APIClient, teacher: User) -> None:
    answer = nobody.post(LOGIN, {"username": "teacher", "password": PASSWORD}, format="multipart")
    assert answer.status_code == 415


def test_too_many_wrong_passwords_lock_the_name_for_the_right_one_too(nobody: APIClient, teacher: User) -> None:
    statuses = [
        nobody.post(LOGIN, {"username": "teacher", "password": "wrong"}).status_code
        for _ in range(settings.LOGIN_ATTEMPTS)
    ]
    assert statuses == [401] * (settings.LOGIN_ATTEMPTS - 1) + [429]
    locked = nobody.post(LOGIN, {"username": "teacher", "password": PASSWORD})
    assert locked.status_code == 429
    assert locked.headers["Content-Type"] == "application/problem+json"
    assert int(locked.headers["Retry-After"]) == settings.AXES_COOLOFF_TIME * 3600


def test_lock_out_from_one_address_leaves_the_teacher_free_at_another(nobody: APIClient, teacher: User) -> None:
    for _ in range(settings.LOGIN_ATTEMPTS):
        nobody.post(LOGIN, {"username": "teacher", "password": "wrong"}, REMOTE_ADDR="10.0.0.9")
    answer = nobody.post(LOGIN, {"username": "teacher", "password": PASSWORD}, REMOTE_ADDR="10.0.0.7")
    assert answer.status_code == 200


def test_forged_forwarding_header_does_not_escape_the_lock_out(nobody: APIClient, teacher: User) -> None:
    for number in range(settings.LOGIN_ATTEMPTS):
        forged = f"10.1.1.{number}"
        nobody.post(LOGIN, {"username": "teacher", "password": "wrong"}, HTTP_X_FORWARDED_FOR=forged)
    answer = nobody.post(LOGIN, {"username": "teacher", "password": PASSWORD}, HTTP_X_FORWARDED_FOR="10.1.1.99")
    assert answer.status_code == 429


def test_right_password_forgives_the_wrong_ones(nobody: APIClient, teacher: User) -> None:
    for _ in range(2):
        for _ in range(settings.LOGIN_ATTEMPTS - 2):
            nobody.post(LOGIN, {"username": "teacher", "password": "wrong"})
        assert nobody.post(LOGIN, {"username": "teacher", "password": PASSWORD}).status_code == 200


def test_twenty_log_ins_a_minute_from_one_address_are_enough(nobody: APIClient, teacher: User) -> None:
    statuses = [
        nobody.post(LOGIN, {"username": f"guess{number}", "password": "wrong"}).status_code for number in range(21)
    ]
    assert statuses == [401] * 20 + [429]
