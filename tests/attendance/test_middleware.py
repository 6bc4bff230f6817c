"""What every request carries, and what the log must not."""

import logging

import pytest
from django.test import Client

from attendance.logs import ContextFilter
from attendance.models import EnrolmentLink, PolicyText, Student, User
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
