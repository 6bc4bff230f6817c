"""The guide's commands, run by a real shell with a real curl against a real server."""

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attendance.celery import app
from attendance.models import AttendanceRecord, ClassSession, Selfie, Student, User
from tests.conftest import PASSWORD
from tests.fakes import class_photo

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "api.md"


@pytest.fixture
def worker_within() -> Iterator[None]:
    """Let the server's own thread do the worker's part."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.mark.skipif(shutil.which("curl") is None, reason="the guide's commands need curl")
def test_every_command_of_the_guide_works(
    live_server: Any, enrolled: Selfie, student: Student, teacher: User, tmp_path: Path, worker_within: None
) -> None:
    (tmp_path / "class.jpg").write_bytes(class_photo("ada", "zoe"))
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL))
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env={
            **os.environ,
            "ROLLCALL": live_server.url,
            "ROLLCALL_USER": teacher.username,
            "ROLLCALL_PASSWORD": PASSWORD,
            "TOKEN": "",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ClassSession.objects.get().is_final
    record = AttendanceRecord.objects.get()
    assert (record.student, record.status, record.source) == (student, "LATE", "MANUAL")
    assert record.face_id is not None
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["Name"], row["Late"]) for row in rows] == [("Ada", "1")]
