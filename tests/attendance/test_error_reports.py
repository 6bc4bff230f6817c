"""What an error report holds, by a transport that keeps it here: where it broke, and nobody's data."""

import json
import logging
from collections.abc import Iterator

import pytest
import sentry_sdk
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from attendance import error_reports
from attendance.celery import app
from attendance.web.decorators import open_page

NAME = "Wilhelmina Quartermaine"
TOKEN = "tok3n-that-opens-a-link"
sent: list[str] = []


class Kept(Transport):
    """Takes reports and sends none."""

    def capture_envelope(self, envelope: Envelope) -> None:
        sent.append(envelope.serialize().decode())


@open_page
def breaks(request: HttpRequest, token: str) -> HttpResponse:
    student = request.POST["name"]
    embedding = [0.125, 0.25, 0.5]
    raise ValueError(f"{student} has {embedding}")


urlpatterns = [path("enrol/<str:token>/", breaks), path("", include("attendance.web.urls"))]


@app.task(name="tests.breaks")
def task_that_breaks(name: str) -> None:
    raise LookupError(f"no {name}")


@pytest.fixture
def reports() -> Iterator[list[str]]:
    """Reports are on."""
    sent.clear()
    error_reports.start("https://key@reports.example/1", transport=Kept)
    yield sent
    sentry_sdk.init()


def only(reports: list[str]) -> dict[str, object]:
    assert len(reports) == 1
    header, _kind, body = reports[0].split("\n", 2)
    assert NAME not in header
    found: dict[str, object] = json.loads(body)
    return found


@override_settings(ROOT_URLCONF=__name__)
def test_report_says_where_a_page_broke_and_nothing_of_whom(reports: list[str], db: None) -> None:
    client = Client(raise_request_exception=False, headers={"X-Request-ID": "8c0c4d5e52a04b1f9d0e0a1b2c3d4e5f"})
    client.cookies["sessionid"] = "c00kie-of-a-session"
    answer = client.post(
        f"/enrol/{TOKEN}/?q={NAME}", {"name": NAME}, headers={"Authorization": "Token s3cret", "User-Agent": "Phone"}
    )
    assert answer.status_code == 500
    report = only(reports)
    text = json.dumps(report)
    assert "ValueError" in text
    assert "test_error_reports.py" in text
    assert report["tags"] == {"request_id": "8c0c4d5e52a04b1f9d0e0a1b2c3d4e5f"}
    for secret in (NAME, "Quartermaine", TOKEN, "c00kie", "s3cret", "Phone", "127.0.0.1", "0.125"):
        assert secret not in text
    assert {"request", "user", "breadcrumbs", "extra", "contexts", "server_name"}.isdisjoint(report)


def test_report_of_a_task_holds_no_argument(reports: list[str]) -> None:
    task_that_breaks.apply(args=(NAME,))
    text = json.dumps(only(reports))
    assert "LookupError" in text
    assert NAME not in text


def test_report_of_a_log_line_holds_the_sentence_without_its_values(reports: list[str]) -> None:
    logging.getLogger("attendance.test").error("no row for %s", NAME)
    text = json.dumps(only(reports))
    assert "no row for %s" in text
    assert NAME not in text


def test_nothing_is_sent_unless_a_school_asks_for_it() -> None:
    assert not sentry_sdk.get_client().is_active() or sentry_sdk.get_client().dsn is None
