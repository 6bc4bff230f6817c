"""Signing in, being locked out, and where each role lands."""

from typing import Any

from django.conf import settings
from django.test import Client

from attendance.models import ClassSession, Course, Student, User
from tests.attendance.web.conftest import Browser
from tests.conftest import PASSWORD


def test_teacher_lands_on_today(client: Client, teacher: User, course: Course) -> None:
    response = client.post("/login/", {"username": "teacher", "password": PASSWORD}, follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "Physics" in response.content.decode()


def test_part_of_a_page_does_not_become_the_sign_in_page(client: Client, class_session: ClassSession) -> None:
    def answer(target: str) -> Any:
        headers = {"HX-Request": "true", "HX-Target": target}
        return client.get(f"/sessions/{class_session.pk}/photos/", follow=True, headers=headers)

    listed, window = answer("photos"), answer("panel-body")
    for response in (listed, window):
        assert response.status_code == 286
        assert "You are signed out" in response.content.decode()
        assert "password" not in response.content.decode()
        assert response["HX-Reswap"] == "innerHTML"
    assert listed["HX-Retarget"] == "#notices"
    assert "HX-Retarget" not in window
    assert "password" in client.get("/login/").content.decode()


def test_student_lands_on_their_own_page(client: Client, student: Student) -> None:
    response = client.post("/login/", {"username": "student", "password": PASSWORD}, follow=True)
    assert [address for address, _ in response.redirect_chain] == ["/", "/me/"]


def test_wrong_password_says_so_and_names_no_account(client: Client, teacher: User) -> None:
    known = client.post("/login/", {"username": "teacher", "password": "wrong"})
    unknown = client.post("/login/", {"username": "nobody", "password": "wrong"})
    for response in (known, unknown):
        assert response.status_code == 200
        assert "Please enter a correct" in response.content.decode()


def test_too_many_wrong_passwords_have_to_wait(client: Client, teacher: User) -> None:
    for _ in range(settings.LOGIN_ATTEMPTS):
        response = client.post("/login/", {"username": "teacher", "password": "wrong"})
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert "Wait" in response.content.decode()
    right = client.post("/login/", {"username": "teacher", "password": PASSWORD})
    assert right.status_code == 429


def test_locked_name_at_one_address_leaves_another_address_alone(client: Client, teacher: User) -> None:
    for _ in range(settings.LOGIN_ATTEMPTS):
        client.post("/login/", {"username": "teacher", "password": "wrong"}, REMOTE_ADDR="10.0.0.9")
    response = client.post("/login/", {"username": "teacher", "password": PASSWORD}, REMOTE_ADDR="10.0.0.7")
    assert response.status_code == 302


def test_next_page_on_another_site_is_not_followed(client: Client, teacher: User) -> None:
    form = {"username": "teacher", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/login/", form)["Location"] == "/"


def test_signing_out_needs_a_form(desk: Client) -> None:
    assert desk.get("/logout/").status_code == 405
    assert desk.post("/logout/")["Location"] == "/login/"


def test_headers_of_every_page(browser: Browser, teacher: User, course: Course) -> None:
    response = browser(teacher).get("/")
    policy = response["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response["Cache-Control"] == "no-store"
    assert "camera=(self)" in response["Permissions-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"


def test_missing_page_is_a_page(desk: Client) -> None:
    response = desk.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing at this address" in response.content.decode()


def test_missing_csrf_token_is_told_in_words(teacher: User) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/login/", {"username": "teacher", "password": PASSWORD})
    assert response.status_code == 403
    assert "open for too long" in response.content.decode()
