"""What every request carries, and what the log must not."""

import logging

import pytest
from django.test import Client

from attendance.logs import ContextFilter
from attendance.middleware import REQUEST_ID
from attendance.models import AuditEvent, EnrolmentLink, PolicyText, Student, User
from attendance.services import gallery


def test_token_that_may_still_be_used_never_reaches_the_log(
    policy: PolicyText, student: Student, teacher: User, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    token = gallery.make_enrolment_link(student=student, by=teacher)
    caplog.handler.addFilter(ContextFilter())
    assert client.post(f"/enrol/{token}/", {"consent": "on"}).status_code == 400
    assert EnrolmentLink.objects.get().used_at is None
    assert "Bad Request: /enrol/[token]/" in caplog.text
    assert token not in caplog.text


def test_other_lines_stay_as_they_are() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "took %d ms", (7,), None)
    assert ContextFilter().filter(record)
    assert record.getMessage() == "took 7 ms"


@pytest.mark.parametrize("offered", ["8c0c4d5e52a04b1f9d0e0a1b2c3d4e5f", "8c0c4d5e-52a0-4b1f-9d0e-0a1b2c3d4e5f"])
def test_id_that_a_proxy_made_is_kept(offered: str, client: Client, db: None) -> None:
    answer = client.get("/login/", headers={"X-Request-ID": offered})
    assert answer.headers["X-Request-ID"] == offered


@pytest.mark.parametrize(
    "offered",
    [
        "",
        "approved-by-the-head",
        "abcdef-123456",
        "8C0C4D5E52A04B1F9D0E0A1B2C3D4E5F",
        "8c0c4d5e52a04b1f9d0e0a1b2c3d4e5",
        "8c0c4d5e52a04b1f9d0e0a1b2c3d4e5f0",
        "8c0c4d5e-52a04b1f-9d0e-0a1b-2c3d4e5f",
        "8c0c4d5e52a04b1f9d0e0a1b2c3d4e5f\n",
        "8c0c4d5e52a04b1f9d0e0a1b2c3d4e\u0665f",
    ],
)
def test_nobody_writes_words_of_their_own_into_the_audit_log(
    offered: str, policy: PolicyText, student: Student, teacher: User, client: Client
) -> None:
    token = gallery.make_enrolment_link(student=student, by=teacher)
    answer = client.post(f"/enrol/{token}/by-hand/", HTTP_X_REQUEST_ID=offered)
    given = answer.headers["X-Request-ID"]
    assert given != offered
    assert REQUEST_ID.fullmatch(given)
    assert not AuditEvent.objects.filter(request_id=offered).exclude(request_id="").exists()
