"""Faults of our own: killed before each statement and around each commit, a frozen sweeper, two sweepers."""

import os
import signal
import time
from pathlib import Path

import pytest

from attendance import sweeper, tasks
from attendance.models import AttendanceRecord, ClassSession, Selfie, Snapshot, User, WorkState
from tests.conftest import MakeStudent, Recognisable
from tests.faults.conftest import Upload, run_python, start_worker, wait_for
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


KILL_EVERYWHERE = """
import sys
import django
django.setup()
from tests.faults.crash import kill_everywhere
print(kill_everywhere(sys.argv[1]))
"""


def killed_at_each_statement(stack: Stack, deed: str) -> int:
    """How often the deed was killed until it got through; each time the database held nothing or all of it."""
    done = run_python(stack, "-c", KILL_EVERYWHERE, deed)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize("way", ["upload", "upload_in_parts"])
def test_row_32_upload_killed_at_every_statement_gives_one_photo_and_orphans_are_removed(
    way: str,
    stack: Stack,
    recognisable: Recognisable,
    class_session: ClassSession,
    teacher: User,
    accepted: set[int],
    private_files: Path,
) -> None:
    recognisable("ada")
    assert killed_at_each_statement(stack, way) > 10
    snapshot = Snapshot.objects.get()
    accepted.add(snapshot.pk)
    two_hours_ago = time.time() - 7200
    files = [path for path in private_files.rglob("*") if path.is_file()]
    assert len(files) > 2  # more than photo and selfie
    for path in files:
        os.utime(path, (two_hours_ago, two_hours_ago))
    sweeper.sweep()
    start_worker(stack)
    tasks.wake(snapshot)
    wait_for(snapshot, WorkState.DONE)


def test_row_33_recognition_killed_at_every_statement_writes_all_or_nothing(stack: Stack, upload: Upload) -> None:
    snapshot = upload()
    assert killed_at_each_statement(stack, "recognise") > 20
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.faces.count()) == (WorkState.DONE, 1)
    assert AttendanceRecord.objects.get().student.sort_key == "ada"


def test_row_34_finalising_killed_at_every_statement_closes_all_or_nothing(
    stack: Stack, upload: Upload, make_student: MakeStudent
) -> None:
    snapshot = upload()
    for name in ("ben", "cem"):
        make_student(name)
    tasks.recognise_snapshot(snapshot.pk)
    assert killed_at_each_statement(stack, "finalise") > 8
    assert ClassSession.objects.get().is_final
    assert not Selfie.objects.filter(state=WorkState.QUEUED).exists()


def test_row_35_frozen_sweeper_beside_another_one_doubles_nothing_when_it_goes_on(stack: Stack, upload: Upload) -> None:
    """Nobody calls for the photos but the sweepers; the first is stopped and continued in the midst of its rounds."""
    photos = [upload(seed) for seed in range(6)]
    stack.start_sweeper("frozen")
    start_worker(stack, WORKER_CONCURRENCY="2", FAKE_ENGINE_SECONDS="0.5")
    for _ in range(3):
        wait_until(lambda: stack.processes["frozen"].poll() is None, seconds=5, what="the sweeper lives")
        stack.signal("frozen", signal.SIGSTOP)
        time.sleep(1)
        stack.signal("frozen", signal.SIGCONT)
    stack.signal("frozen", signal.SIGSTOP)
    stack.start_sweeper("other")
    for photo in photos:
        wait_for(photo, WorkState.DONE)
    stack.signal("frozen", signal.SIGCONT)
    time.sleep(3)  # rounds of both
    for photo in photos:
        photo.refresh_from_db()
        assert (photo.state, photo.attempts, photo.faces.count()) == (WorkState.DONE, 1, 1)
