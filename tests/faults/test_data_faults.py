"""Rows of the fault suite that concern what lies on the disk: files, the key, the database, and other releases."""

import base64
import os
import resource
import secrets
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from django.test import Client
from PIL import Image
from rest_framework.test import APIClient

from attendance import sweeper, tasks
from attendance.models import ClassSession, Heartbeat, Student, User, WorkState
from attendance.services import heartbeats
from tests.faults.conftest import PATIENCE_SECONDS, Upload, run_python, start_worker, wait_for
from tests.faults.half_an_upload import bytes_on_disk, half_an_upload
from tests.stack import Stack, wait_until

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


def checks_of_health() -> dict[str, bool]:
    checks: dict[str, bool] = Client().get("/health/ready").json()["checks"]
    return checks


def test_row_11_file_of_a_crash_before_its_row_is_removed_later(
    stack: Stack, upload: Upload, private_files: Path
) -> None:
    """The file without a row goes once it is old enough to belong to no open transaction."""
    upload()
    before = set(files_in(private_files))
    crashed = run_python(stack, "-c", CRASH_BEFORE_THE_ROW)
    assert crashed.returncode == -9, crashed.stderr
    (orphan,) = set(files_in(private_files)) - before
    sweeper.sweep()
    assert orphan.exists()
    two_hours_ago = time.time() - 7200
    os.utime(orphan, (two_hours_ago, two_hours_ago))
    sweeper.sweep()
    assert not orphan.exists()


def test_row_12_full_disk_answers_507_and_keeps_neither_row_nor_part(
    class_session: ClassSession, teacher: User, tmp_path: Path, private_files: Path
) -> None:
    """The disk takes only a part of the file: 507, no row, and the part is gone."""
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


def test_row_13_upload_cut_halfway_leaves_neither_row_nor_temporary_file(
    stack: Stack, class_session: ClassSession, teacher: User, tmp_path: Path
) -> None:
    """What had arrived goes, and the next request is answered."""
    temporary = tmp_path / "temporary"
    stack.start_web()
    web = stack.processes["web"].pid
    before = bytes_on_disk(web, temporary)
    with half_an_upload(stack, class_session, teacher):
        wait_until(
            lambda: bytes_on_disk(web, temporary) > before + 2_000_000,
            seconds=PATIENCE_SECONDS,
            what="what arrives goes to the disk",
        )
    wait_until(lambda: bytes_on_disk(web, temporary) == before, seconds=PATIENCE_SECONDS, what="it is gone")
    assert requests.get(f"{stack.url}/health/live", timeout=60).status_code == 200


def test_row_28_master_key_missing_or_wrong_overwrites_nothing_and_health_is_red(
    stack: Stack, upload: Upload, settings: Any
) -> None:
    """Nothing is overwritten, health is red, and the right key goes on."""
    wrong = base64.b64encode(secrets.token_bytes(32)).decode()
    snapshot, right = upload(), settings.MASTER_KEY
    sealed = list(Student.objects.values_list("pk", "wrapped_key"))
    start_worker(stack, MASTER_KEY=wrong)
    tasks.wake(snapshot)
    said = Heartbeat.objects.filter(kind=heartbeats.WORKER, detail__engine__icontains="master key")
    wait_until(said.exists, seconds=PATIENCE_SECONDS, what="the worker says why it cannot work")
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts) == (WorkState.QUEUED, 0)
    assert list(Student.objects.values_list("pk", "wrapped_key")) == sealed
    assert not ClassSession.objects.exclude(wrapped_key=None).exists()
    for settings.MASTER_KEY in (wrong, ""):
        assert checks_of_health()["master_key"] is False
    settings.MASTER_KEY = right
    assert checks_of_health()["master_key"] is True
    assert run_python(stack, "manage.py", "check", MASTER_KEY="", DEBUG="false").returncode != 0
    stack.end("worker")
    start_worker(stack)
    stack.start_sweeper()
    wait_for(snapshot, WorkState.DONE)


def test_row_29_empty_database_beside_a_full_store_refuses_to_start(
    stack: Stack, upload: Upload, tmp_path: Path, private_files: Path
) -> None:
    """Nothing starts, no file goes, no table is made."""
    snapshot = upload()
    kept = set(files_in(private_files))
    empty = tmp_path / "empty.sqlite3"
    for start in (
        ("manage.py", "migrate"),
        ("-c", "import attendance.wsgi"),
        ("-m", "celery", "-A", "attendance", "worker"),
    ):
        refused = run_python(stack, *start, DATABASE_URL=f"sqlite:///{empty}")
        assert refused.returncode != 0
        assert "the database is empty" in refused.stderr + refused.stdout
    assert set(files_in(private_files)) == kept
    tasks.wake(snapshot)
    start_worker(stack)
    wait_for(snapshot, WorkState.DONE)
