"""Photos in parts: who must not take part, and what ends an upload from outside."""

import datetime as dt
from urllib.parse import urlsplit

from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from attendance.models import ClassSession, PartialUpload, Snapshot, User
from attendance.services import partial_uploads, sessions
from tests.attendance.api.conftest import ClientOf
from tests.attendance.api.tus_client import ask, begin, begun, patch


def test_nobody_else_can_touch_an_upload(
    api: APIClient,
    class_session: ClassSession,
    client_of: ClientOf,
    other_teacher: User,
    admin: User,
    student_user: User,
    nobody: APIClient,
) -> None:
    class_session.course.teachers.add(other_teacher)  # even a colleague of the same course
    address = begun(api, class_session, 100)
    expected = {404: [client_of(other_teacher), client_of(admin)], 403: [client_of(student_user)], 401: [nobody]}
    for status, clients in expected.items():
        for client in clients:
            for answer in (ask(client, address), ask(client, address, "DELETE"), patch(client, address, 0, b"x")):
                assert answer.status_code == status
    upload = PartialUpload.objects.get()
    assert (upload.offset, str(upload.public_id) in address) == (0, True)


def test_session_of_another_teacher_takes_no_upload(
    class_session: ClassSession, client_of: ClientOf, other_teacher: User, student_user: User
) -> None:
    assert begin(client_of(other_teacher), class_session, 10).status_code == 404
    assert begin(client_of(student_user), class_session, 10).status_code == 403
    assert not PartialUpload.objects.exists()


def test_teacher_who_lost_the_course_cannot_go_on(
    api: APIClient, class_session: ClassSession, teacher: User, jpeg: bytes
) -> None:
    address = begun(api, class_session, len(jpeg))
    class_session.course.teachers.remove(teacher)
    assert patch(api, address, 0, jpeg).status_code == 404
    assert not Snapshot.objects.exists()


def test_cookie_needs_the_csrf_token(class_session: ClassSession, teacher: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(teacher)
    assert begin(client, class_session, 10).status_code == 403
    token = client.get(f"/sessions/{class_session.pk}/").context["csrf_token"]
    allowed = {"X-CSRFToken": str(token)}
    answer = begin(client, class_session, 10, **allowed)
    assert answer.status_code == 201
    address = urlsplit(answer.headers["Location"]).path
    assert patch(client, address, 0, b"x").status_code == 403
    assert ask(client, address, "DELETE").status_code == 403
    assert ask(client, address, "POST", **{"X-HTTP-Method-Override": "DELETE"}).status_code == 403
    assert patch(client, address, 0, b"x", **allowed).status_code == 204


def test_final_session_takes_no_more_and_a_reopened_one_does(
    api: APIClient, class_session: ClassSession, teacher: User, jpeg: bytes
) -> None:
    address = begun(api, class_session, len(jpeg))
    patch(api, address, 0, jpeg[:50])
    sessions.finalise_session(session=class_session, by=teacher)
    for answer in (patch(api, address, 50, jpeg[50:]), begin(api, class_session, 10)):
        assert (answer.status_code, answer.json()["code"]) == (409, "session-closed")
    sessions.reopen_session(session=class_session, by=teacher)
    assert patch(api, address, 50, jpeg[50:]).status_code == 204


def test_deleted_session_takes_its_uploads_along(api: APIClient, class_session: ClassSession) -> None:
    address = begun(api, class_session, 100)
    class_session.delete()
    assert patch(api, address, 0, b"x").status_code == 404


def test_upload_that_took_too_long_is_gone(api: APIClient, class_session: ClassSession, jpeg: bytes) -> None:
    address = begun(api, class_session, len(jpeg))
    PartialUpload.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    assert ask(api, address).status_code == 410
    assert patch(api, address, 0, jpeg).status_code == 410
    partial_uploads.forget_expired()
    assert ask(api, address).status_code == 404


def test_flood_of_beginnings_is_stopped(
    api: APIClient, class_session: ClassSession, settings: LazySettings, teacher: User
) -> None:
    settings.MAX_UNFINISHED_MB = 30
    answers = [begin(api, class_session, 1) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [201] * 30 + [429]
    assert answers[-1].json()["code"] == "too-much-unfinished"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 24 * 3600
    ask(api, urlsplit(answers[0].headers["Location"]).path, "DELETE")
    assert begin(api, class_session, 1).status_code == 201


def test_bytes_that_lie_about_are_limited(api: APIClient, class_session: ClassSession, settings: LazySettings) -> None:
    settings.MAX_UNFINISHED_MB = 30
    assert [begin(api, class_session, 20_000_000).status_code for _ in range(2)] == [201, 429]
    PartialUpload.objects.update(expires_at=timezone.now())  # what nobody can go on with does not count
    assert begin(api, class_session, 20_000_000).status_code == 201
