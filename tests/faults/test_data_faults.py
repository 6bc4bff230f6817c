"""Rows of the fault suite that concern what lies on the disk: files, the key, the database, and other releases."""

import base64
import os
import resource
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from django.test import Client
from PIL import Image
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from attendance import sweeper, tasks
from attendance.models import ClassSession, Heartbeat, Student, User, WorkState
from attendance.services import heartbeats
from tests.faults.conftest import Upload, check_invariant, start_worker, wait_for
from tests.stack import PROJECT, Stack, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
CRASH_BEFORE_THE_ROW = """
import os, signal, sys
import django
django.setup()
from django.db.models.signals import pre_save
from attendance.models import ClassSession, Snapshot, User
from attendance.services import snapshots
from tests.fakes import class_photo
pre_save.connect(lambda **_: os.kill(os.getpid(), signal.SIGKILL), sender=Snapshot, weak=False)
snapshots.add_snapshot(session=ClassSession.objects.get(), data=class_photo("ben"), by=User.objects.get(role="TEACHER"))
"""


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def run(stack: Stack, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the site's environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**stack.environment, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def checks_of_health() -> dict[str, bool]:
    checks: dict[str, bool] = Client().get("/health/ready").json()["checks"]
    return checks


def test_row_11_crash_between_file_and_row(stack: Stack, upload: Upload, private_files: Path) -> None:
    """Row 11: the file without a row goes once it is old enough to belong to no open transaction."""
    upload()
    before = set(files_in(private_files))
    crashed = run(stack, "-c", CRASH_BEFORE_THE_ROW)
    assert crashed.returncode == -9, crashed.stderr
    (orphan,) = set(files_in(private_files)) - before
    sweeper.sweep()
    assert orphan.exists()
    two_hours_ago = time.time() - 7200
    os.utime(orphan, (two_hours_ago, two_hours_ago))
    sweeper.sweep()
    assert not orphan.exists()
    check_invariant(private_files, accepted=1)


def test_row_12_disk_full(class_session: ClassSession, teacher: User, private_files: Path, tmp_path: Path) -> None:
    """Row 12: the disk takes only a part of the file: 507, no row, and the part is gone."""
    noise = np.random.default_rng(1).integers(0, 256, size=(600, 800, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg", quality=95)
    assert (tmp_path / "noise.jpg").stat().st_size > 300_000
    client = APIClient()
    client.force_authenticate(teacher)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "noise.jpg").open("rb") as photo:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
        try:
            answer = client.post(f"/api/v1/sessions/{class_session.pk}/photos/", {"photo": photo}, format="multipart")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")
    assert files_in(private_files) == []
    check_invariant(private_files, accepted=0)


def test_row_13_upload_cut_halfway(
    stack: Stack, upload: Upload, class_session: ClassSession, teacher: User, private_files: Path, tmp_path: Path
) -> None:
    """Row 13: no row, the temporary file is gone, and the next request is answered."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    stack.environment["TMPDIR"] = str(temporary)
    stack.start_web()
    token = Token.objects.create(user=teacher)
    before = set(files_in(temporary))
    with socket.create_connection(("127.0.0.1", stack.web_port), timeout=30) as line:
        line.sendall(half_a_request(f"/api/v1/sessions/{class_session.pk}/photos/", token.key, stack.web_port))
        wait_until(lambda: set(files_in(temporary)) != before, seconds=30, what="a temporary file is there")
    wait_until(lambda: set(files_in(temporary)) == before, seconds=30, what="the temporary file is gone")
    assert requests.get(f"{stack.url}/health/live", timeout=30).status_code == 200
    check_invariant(private_files, accepted=0)


def half_a_request(path: str, token: str, port: int) -> bytes:
    """Six megabytes announced, three sent: more than is kept in memory."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Token {token}\r\n"
        "Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: 6000000\r\n\r\n"
        '--cut\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    )
    return head.encode() + b"\xff" * 3_000_000


def test_wrong_master_key(stack: Stack, upload: Upload, private_files: Path, settings: Any) -> None:
    """Row "master key missing or wrong": nothing is overwritten, health is red, and the right key goes on."""
    wrong = base64.b64encode(secrets.token_bytes(32)).decode()
    snapshot, right = upload(), settings.MASTER_KEY
    sealed = list(Student.objects.values_list("pk", "wrapped_key"))
    start_worker(stack, MASTER_KEY=wrong)
    tasks.wake(snapshot)
    said = Heartbeat.objects.filter(kind=heartbeats.WORKER, detail__engine__icontains="master key")
    wait_until(said.exists, seconds=90, what="the worker says why it cannot work")
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts) == (WorkState.QUEUED, 0)
    assert list(Student.objects.values_list("pk", "wrapped_key")) == sealed
    assert not ClassSession.objects.exclude(wrapped_key=None).exists()
    for settings.MASTER_KEY in (wrong, ""):
        assert checks_of_health()["master_key"] is False
    settings.MASTER_KEY = right
    assert checks_of_health()["master_key"] is True
    assert run(stack, "manage.py", "check", MASTER_KEY="", DEBUG="false").returncode != 0
    stack.end("worker")
    start_worker(stack)
    stack.start_sweeper()
    wait_for(snapshot, WorkState.DONE)
    check_invariant(private_files, accepted=1)


def test_empty_database_beside_a_full_store(stack: Stack, upload: Upload, private_files: Path, tmp_path: Path) -> None:
    """Row "empty database beside a full media store": nothing starts, no file goes, no table is made."""
    snapshot = upload()
    kept = set(files_in(private_files))
    empty = tmp_path / "empty.sqlite3"
    for start in (
        ("manage.py", "migrate"),
        ("-c", "import attendance.wsgi"),
        ("-m", "celery", "-A", "attendance", "worker"),
    ):
        refused = run(stack, *start, DATABASE_URL=f"sqlite:///{empty}")
        assert refused.returncode != 0
        assert "the database is empty" in refused.stderr + refused.stdout
    assert set(files_in(private_files)) == kept
    tasks.wake(snapshot)
    start_worker(stack)
    wait_for(snapshot, WorkState.DONE)
    check_invariant(private_files, accepted=1)
