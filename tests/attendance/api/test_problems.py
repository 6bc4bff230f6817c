"""Every error has one shape, and what is not meant is refused."""

import json
from typing import Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from attendance.api.base import ApiView
from attendance.models import ClassSession, Course, Student, User
from attendance.services import reports
from tests.attendance.api.conftest import ClientOf

MEMBERS = {"type", "title", "status", "code", "detail", "request_id"}


def is_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem.keys() >= MEMBERS
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    return problem


def test_every_kind_of_error_is_a_problem(api: APIClient, nobody: APIClient, class_session: ClassSession) -> None:
    session = f"/api/v1/sessions/{class_session.pk}/"
    is_problem(nobody.get("/api/v1/courses/"), 401)
    is_problem(api.get("/api/v1/courses/999999/"), 404)
    is_problem(api.get("/api/v1/no/such/thing/"), 404)
    is_problem(api.get("/api/v1/courses"), 404)
    is_problem(api.delete(session), 405)
    is_problem(api.options(session), 405)
    is_problem(api.post(f"{session}finalise/", "{", content_type="application/json"), 400)
    is_problem(api.post(f"{session}finalise/", {}, format="multipart"), 415)
    is_problem(api.post(f"{session}photos/", {}, format="json"), 415)
    is_problem(api.post(f"{session}reopen/"), 409)


def test_validation_names_each_field(api: APIClient, course: Course) -> None:
    answer = api.post(f"/api/v1/courses/{course.pk}/sessions/", {"starts_at": "yesterday"})
    problem = is_problem(answer, 400)
    assert {(error["field"], error["code"]) for error in problem["errors"]} == {
        ("starts_at", "invalid"),
        ("ends_at", "required"),
    }


def test_unforeseen_error_shows_no_trace(
    api: APIClient, course: Course, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(reports, "course_report", broken)
    with override_settings(DEBUG=True):
        answer = api.get(f"/api/v1/courses/{course.pk}/report/")
    problem = is_problem(answer, 500)
    assert "secret" not in answer.content.decode()
    assert problem["code"] == "error"
    assert "the secret inside" in caplog.text


def test_limit_of_requests_a_minute_says_when_to_come_back(
    client_of: ClientOf, teacher: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttle = ApiView.throttle_classes[0]
    monkeypatch.setattr(throttle, "THROTTLE_RATES", {"user": "2/min", "anon": "30/min"})
    client = client_of(teacher)
    assert [client.get("/api/v1/me/").status_code for _ in range(2)] == [200, 200]
    answer = client.get("/api/v1/me/")
    is_problem(answer, 429)
    assert 0 < int(answer.headers["Retry-After"]) <= 60


@pytest.mark.parametrize("body", ["[" * 40_000, '{"mark_absent": ' * 3000, "[]", '"text"', "17", "null", "NaN"])
def test_odd_json_is_a_bad_request(body: str, api: APIClient, class_session: ClassSession) -> None:
    answer = api.post(f"/api/v1/sessions/{class_session.pk}/finalise/", body, content_type="application/json")
    is_problem(answer, 400)


def test_large_json_is_refused_unread(api: APIClient, class_session: ClassSession) -> None:
    answer = api.post(f"/api/v1/sessions/{class_session.pk}/finalise/", {"mark_absent": "x" * 70_000})
    assert is_problem(answer, 413)["code"] == "body-too-large"


@pytest.mark.parametrize("value", ["false", "true", 0, 1, "", None, [], {}])
def test_booleans_are_true_or_false_only(value: Any, api: APIClient, class_session: ClassSession) -> None:
    is_problem(api.post(f"/api/v1/sessions/{class_session.pk}/finalise/", {"mark_absent": value}), 400)
    class_session.refresh_from_db()
    assert class_session.state == ClassSession.State.OPEN


@pytest.mark.parametrize("value", ["1", 1.0, True, -1, 2**63, None, [1], "abc", 1e400])
def test_versions_are_whole_numbers_only(
    value: Any, api: APIClient, class_session: ClassSession, student: Student
) -> None:
    address = f"/api/v1/sessions/{class_session.pk}/records/{student.pk}/"
    is_problem(
        api.put(address, f'{{"status": "LATE", "version": {_json(value)}}}', content_type="application/json"), 400
    )


def _json(value: Any) -> str:
    return "1e400" if value == 1e400 else json.dumps(value)


@pytest.mark.parametrize("status", ["present", "HERE", "", 1, True, None, ["PRESENT"], {"a": 1}, "\x00"])
def test_status_is_one_of_four(status: Any, api: APIClient, class_session: ClassSession, student: Student) -> None:
    is_problem(api.put(f"/api/v1/sessions/{class_session.pk}/records/{student.pk}/", {"status": status}), 400)


@pytest.mark.parametrize("reason", [1, True, None, ["x"], "x" * 301, "nul\x00", "\ud800"])
def test_reason_is_text(reason: Any, api: APIClient, class_session: ClassSession, student: Student) -> None:
    body = json.dumps({"status": "LATE", "reason": reason})
    address = f"/api/v1/sessions/{class_session.pk}/records/{student.pk}/"
    is_problem(api.put(address, body, content_type="application/json"), 400)


def test_field_name_that_cannot_be_encoded_is_refused_all_the_same(api: APIClient, class_session: ClassSession) -> None:
    address = f"/api/v1/sessions/{class_session.pk}/finalise/"
    is_problem(api.post(address, '{"\\ud800": 1}', content_type="application/json"), 400)


@pytest.mark.parametrize("field", ["is_staff", "course", "teacher", "source", "student", "<script>"])
def test_unknown_fields_are_refused_by_name(
    field: str, api: APIClient, class_session: ClassSession, student: Student
) -> None:
    address = f"/api/v1/sessions/{class_session.pk}/records/{student.pk}/"
    problem = is_problem(api.put(address, {"status": "LATE", field: True}), 400)
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, "unknown")]
    assert not class_session.records.exists()


@pytest.mark.parametrize(
    "query",
    [
        *("state=open", "first_day=2026-02-30", "first_day=9999-99-99", "last_day=x", "colour=red", "page_size=0"),
        *("page_size=501", "page_size=many", "page=0", "page=x", "first_day=2026-02-02&last_day=2026-02-01"),
    ],
)
def test_wrong_parameters_are_errors(query: str, api: APIClient, course: Course) -> None:
    is_problem(api.get(f"/api/v1/courses/{course.pk}/sessions/?{query}"), 400)


def test_parameters_of_a_read_are_unknown_to_a_write(api: APIClient, course: Course) -> None:
    is_problem(api.post(f"/api/v1/courses/{course.pk}/sessions/?state=OPEN", {}), 400)


def test_page_after_the_last_is_404(api: APIClient, course: Course) -> None:
    is_problem(api.get(f"/api/v1/courses/{course.pk}/sessions/?page=2"), 404)


def test_browser_session_needs_the_csrf_token(teacher: User, class_session: ClassSession) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(teacher, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/api/v1/sessions/{class_session.pk}/rest-present/"
    is_problem(client.post(address), 403)


def test_any_accept_header_gets_the_one_format(api: APIClient, course: Course) -> None:
    for accept in ("text/html", "image/jpeg", "application/xml", "*/*"):
        assert api.get("/api/v1/courses/", HTTP_ACCEPT=accept).headers["Content-Type"] == "application/json"


def test_answers_are_kept_out_of_caches(api: APIClient, course: Course) -> None:
    headers = api.get("/api/v1/courses/").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
