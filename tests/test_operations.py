"""A run of the real site, watched as its operator does: log lines, metrics, probes while the database is frozen."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes import class_photo
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]  # three tests share one start of everything
UPLOAD_ID = "8c0c4d5e-52a0-4b1f-9d0e-0a1b2c3d4e5f"
TOKEN = "metrics-token-of-the-test"
NAME, EMAIL, NUMBER, LINK = (
    "Wilhelmina Quartermaine",
    "wilhelmina@school.example",
    "S-4711-0815",
    "l1nk-that-opens-a-page",
)
SCHOOL = f"""
import datetime as dt, json
from django.utils import timezone
from rest_framework.authtoken.models import Token
from attendance.models import ClassSession, Course, Enrolment, Role, Student, Term, User
now = timezone.now()
teacher = User.objects.create_user("quartermaine", "{EMAIL}", "long enough pass", role=Role.TEACHER, name="{NAME}")
term = Term.objects.create(name="T", starts_on=now.date() - dt.timedelta(9), ends_on=now.date() + dt.timedelta(9))
course = Course.objects.create(name="Physics of {NAME}", code="PHYS-77", term=term)
course.teachers.add(teacher)
student = Student.objects.create(name="{NAME}", sort_key="q", school_id="{NUMBER}", email="{EMAIL}")
Enrolment.objects.create(course=course, student=student, starts_on=term.starts_on)
ends = now + dt.timedelta(hours=1)
session = ClassSession.objects.create(course=course, starts_at=now, ends_at=ends, held_on=now.date())
print(json.dumps([session.pk, Token.objects.create(user=teacher).key]))
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The site on PostgreSQL, with log lines for machines."""
    settings = {
        "LOG_FORMAT": "json",
        "METRICS_TOKEN": TOKEN,
        "FACE_PIPELINE_BUILDER": "tests.fakes.build_pipeline",
        "LEASE_SECONDS": "60",
    }
    with Stack(tmp_path_factory.mktemp("watched"), database="postgresql", settings=settings) as running:
        yield running


def lines_of(stack: Stack, process: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.log(process).splitlines() if line.strip()]


def metrics(stack: Stack) -> str:
    answer = requests.get(f"{stack.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
    assert answer.status_code == 200
    return answer.text


def test_photo_can_be_followed_through_the_lines_and_nobody_is_named(stack: Stack) -> None:
    session, token = json.loads(stack.manage("shell", "-v", "0", "-c", SCHOOL).splitlines()[-1])
    headers = {"Authorization": f"Token {token}", "X-Request-ID": UPLOAD_ID}
    photo = {"photo": ("IMG_Wilhelmina.jpg", class_photo("ada", "ben"), "image/jpeg")}
    api = f"{stack.url}/api/v1"
    answer = requests.post(f"{api}/sessions/{session}/photos/", headers=headers, files=photo, timeout=60)
    assert answer.status_code in {201, 202}, answer.text
    requests.post(f"{stack.url}/enrol/{LINK}/?who={NAME}", data={"name": NAME}, timeout=60)
    requests.get(f"{stack.url}/no/such/page?email={EMAIL}", timeout=60)
    requests.get(f"{api}/students/?search={NAME}", headers={"Authorization": f"Token {token}"}, timeout=60)

    def done() -> bool:
        return 'rollcall_recent_work{kind="photo",outcome="done"} 1.0' in metrics(stack)

    wait_until(done, seconds=120, what="the photo is done", every=1)
    by_process = {name: lines_of(stack, name) for name in ("web", "worker", "sweeper")}
    for name, lines in by_process.items():
        assert lines or name == "sweeper"
        for line in lines:
            assert {"time", "level", "logger", "message", "request_id"} <= set(line)
    text = json.dumps(by_process)
    for secret in (NAME, "Wilhelmina", "quartermaine", EMAIL, NUMBER, LINK, token, TOKEN, "PHYS-77", "127.0.0.1:"):
        assert secret not in text.replace(f"127.0.0.1:{stack.web_port}", "").replace(
            f"127.0.0.1:{stack.valkey_port}", ""
        ), secret
    uploads = [line for line in by_process["web"] if line["request_id"] == UPLOAD_ID]
    assert [(line["method"], line["status"]) for line in uploads if "status" in line] == [("POST", answer.status_code)]
    assert any("faces in" in line["message"] for line in by_process["worker"] if line["request_id"] == UPLOAD_ID)


def test_metrics_of_two_processes_are_one(stack: Stack) -> None:
    for _ in range(10):
        requests.get(f"{stack.url}/login/", timeout=60)
    counted = [line for line in metrics(stack).splitlines() if 'count{status="2xx",view="login"}' in line]
    assert float(counted[0].split()[-1]) >= 10
    assert requests.get(f"{stack.url}/metrics", timeout=60).status_code == 404


def test_frozen_database_is_named_within_five_seconds_and_comes_back(stack: Stack) -> None:
    assert stack._postgres is not None
    postmaster = int((Path(stack._postgres.pgdata) / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    everything = [postmaster, *(int(child) for child in children)]
    assert requests.get(f"{stack.url}/health/ready", timeout=60).json()["checks"]["database"] is True
    for pid in everything:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(1.1)  # the last answer may be given for a second
        for _ in range(3):
            started = time.monotonic()
            answer = requests.get(f"{stack.url}/health/ready", timeout=60)
            assert time.monotonic() - started < 5
            checks = answer.json()["checks"]
            assert (answer.status_code, checks["database"], checks["broker"]) == (503, False, True)
            assert requests.head(f"{stack.url}/health/live", timeout=5).status_code == 200
    finally:
        for pid in everything:
            os.kill(pid, signal.SIGCONT)

    def back() -> bool:
        return bool(requests.get(f"{stack.url}/health/ready", timeout=60).json()["checks"]["database"])

    wait_until(back, seconds=60, what="the database is seen again", every=1)


def test_process_that_is_told_to_stop_says_so_in_lines_like_all_others(stack: Stack) -> None:
    """The last test: it ends the processes that the others share."""
    for name in ("worker", "sweeper", "web"):
        stack.processes[name].terminate()
        assert stack.processes[name].wait(timeout=60) == 0
        assert lines_of(stack, name) or name == "sweeper"
    assert [line["message"] for line in lines_of(stack, "worker")][-1] == "worker: Warm shutdown (MainProcess)"
