"""Log lines for machines: JSON, with the request's id, without what libraries attach or databases quote."""

import io
import json
import logging
import threading
from contextlib import ExitStack
from typing import Any

import pytest
from celery import signals
from django.test import Client

from attendance import logs
from attendance.celery import REQUEST_ID, app
from attendance.context import RequestContext, current_context, request_context

QUOTED = "duplicate key\nDETAIL:  Key (name)=(Ada\nLovelace, ada@school.example) already exists."


def line(record: logging.LogRecord) -> dict[str, Any]:
    logs.ContextFilter().filter(record)
    found: dict[str, Any] = json.loads(logs.JsonLine().format(record))
    return found


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("attendance.x", logging.INFO, "x.py", 1, message, args, None)
    made.__dict__.update(extra)
    return made


def test_line_has_its_fields_and_the_id_of_its_request() -> None:
    with request_context(RequestContext(request_id="abcdef12", address="192.0.2.7")):
        found = line(record("took %d ms", 7))
    assert (found["level"], found["logger"], found["message"]) == ("INFO", "attendance.x", "took 7 ms")
    assert found["request_id"] == "abcdef12"
    assert "192.0.2.7" not in json.dumps(found)


def test_what_a_library_attaches_is_left_out() -> None:
    found = line(record("Not Found: /x", request="<WSGIRequest: ada@school.example>", status_code=404, status=404))
    assert found["status"] == 404
    assert "ada" not in json.dumps(found)
    assert "status_code" not in found


@pytest.mark.parametrize("formatter", [logs.JsonLine(), logs.Line(logs.TEXT)])
def test_row_that_a_database_quotes_is_left_out(formatter: logging.Formatter) -> None:
    broken = record("broke", request_id="")
    try:
        try:
            raise ValueError(QUOTED)
        except ValueError as cause:
            raise KeyError("more") from cause
    except KeyError as error:
        broken.exc_info = (KeyError, error, error.__traceback__)
    text = formatter.format(broken)
    assert "duplicate key" in text
    assert "more" in text
    assert "ada@" not in text
    assert "Lovelace" not in text


def test_request_is_one_line_with_its_pattern_and_no_address(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JsonLine())
    handler.addFilter(logs.ContextFilter())
    access = logging.getLogger("attendance.access")
    before = access.level
    monkeypatch.setattr(access, "handlers", [handler])
    access.setLevel(logging.INFO)
    client.get("/enrol/tok3n-of-a-link/?name=Ada", headers={"X-Request-ID": "8c0c4d5e-52a0-4b1f-9d0e-0a1b2c3d4e5f"})
    client.get("/health/live")
    access.setLevel(before)
    found = json.loads(out.getvalue())
    assert (found["method"], found["route"], found["status"]) == ("GET", "enrol/<str:token>/", 404)
    assert found["request_id"] == "8c0c4d5e-52a0-4b1f-9d0e-0a1b2c3d4e5f"
    assert found["milliseconds"] >= 0
    assert "tok3n" not in out.getvalue()
    assert "Ada" not in out.getvalue()


def test_wake_up_carries_the_id_of_its_request_unless_it_names_one() -> None:
    headers: dict[str, Any] = {}
    named: dict[str, Any] = {REQUEST_ID: "of-the-row"}
    with request_context(RequestContext(request_id="abcdef12", address=None)):
        signals.before_task_publish.send(sender="x", headers=headers)
        signals.before_task_publish.send(sender="x", headers=named)
    assert (headers[REQUEST_ID], named[REQUEST_ID]) == ("abcdef12", "of-the-row")


def test_task_runs_under_the_id_that_came_with_it_and_leaves_none_behind() -> None:
    seen = []

    @app.task(name="tests.says_its_id")
    def says_its_id() -> None:
        seen.append(current_context().request_id)

    before = current_context()
    says_its_id.apply(headers={REQUEST_ID: "abcdef12"})
    says_its_id.apply(task_id="its-own")
    assert seen == ["abcdef12", "its-own"]
    assert current_context() == before


def test_web_server_writes_no_line_of_its_own_a_request() -> None:
    found = logs.configuration_of_web_server(kind="json", level="INFO")["loggers"]
    assert found["gunicorn.access"] == {"handlers": [], "propagate": False, "level": "CRITICAL"}
    assert found["gunicorn.error"]["propagate"] is True


def test_line_from_a_handler_of_signals_is_written_while_another_thread_holds_the_locks(
    capfd: pytest.CaptureFixture[str],
) -> None:
    logger, may_end = logging.getLogger("attendance.signals"), threading.Event()

    def hold() -> None:
        with logging._lock, ExitStack() as stack:  # type: ignore[attr-defined]  # logging's own
            for handler in logging.root.handlers:
                if handler.lock is not None:
                    stack.enter_context(handler.lock)
            held.set()
            may_end.wait(30)

    def write() -> None:
        for level, said in ((logging.INFO, "stopping /enrol/s3cret/"), (logging.WARNING, "not worth a line")):
            logger.level = level
            logs.write_at_once(said, logger=logger)

    held = threading.Event()
    holder, writer = threading.Thread(target=hold), threading.Thread(target=write)
    holder.start()
    assert held.wait(10)
    writer.start()
    writer.join(10)
    is_blocked = writer.is_alive()
    may_end.set()
    holder.join()
    writer.join()
    assert not is_blocked
    (written,) = capfd.readouterr().err.splitlines()
    found = json.loads(written)
    assert (found["level"], found["logger"]) == ("INFO", "attendance.signals")
    assert found["message"] == "stopping /enrol/[token]/"
