"""Bodies that no page takes: refused by their header, before a byte lies on the disk."""

import pytest
from django.conf import LazySettings
from django.test import Client

from attendance.models import ClassSession, User

MEGABYTE = 1024 * 1024
FORM = "multipart/form-data; boundary=x"


def send(client: Client, path: str, *, megabytes: int, **headers: str) -> int:
    """Announce a large body and send none of it: whoever reads would wait or fail."""
    return client.generic(
        "POST", path, b"", FORM, headers=headers, CONTENT_LENGTH=str(megabytes * MEGABYTE)
    ).status_code


@pytest.mark.parametrize("path", ["/login/", "/enrol/token/", "/me/selfies/", "/sessions/1/upload/", "/logout/"])
def test_stranger_cannot_fill_the_disk(path: str, db: None) -> None:
    assert send(Client(enforce_csrf_checks=True), path, megabytes=300) == 413


@pytest.mark.parametrize(("path", "answer"), [("/login/", 413), ("/sessions/1/upload/", 413), ("/enrol/token/", 404)])
def test_stranger_sends_no_more_than_a_form_but_with_a_one_time_link(path: str, answer: int, db: None) -> None:
    assert send(Client(enforce_csrf_checks=True), path, megabytes=1) == answer


def test_student_sends_one_picture(client: Client, student_user: User, class_session: ClassSession) -> None:
    client.force_login(student_user, backend="django.contrib.auth.backends.ModelBackend")
    assert send(client, f"/sessions/{class_session.pk}/upload/", megabytes=30) == 413


def test_many_photos_may_come_together_from_who_has_signed_in(
    desk: Client, class_session: ClassSession, settings: LazySettings
) -> None:
    path, most = f"/sessions/{class_session.pk}/upload/", settings.MAX_PHOTO_MB * settings.MAX_PHOTOS_PER_UPLOAD
    assert send(desk, path, megabytes=most) == 400  # read, and no photo in it
    assert send(desk, path, megabytes=most + 2) == 413
    assert send(desk, "/selfies/held/", megabytes=settings.MAX_PHOTO_MB + 2) == 413


def test_our_own_script_is_told_in_json(desk: Client, class_session: ClassSession) -> None:
    answer = desk.generic(
        "POST",
        f"/sessions/{class_session.pk}/upload/",
        b"",
        FORM,
        headers={"Accept": "application/json"},
        CONTENT_LENGTH=str(10_000 * MEGABYTE),
    )
    assert answer.status_code == 413
    assert answer.json()["code"] == "photo-too-large"
    assert "500 MB" in answer.json()["detail"]
