"""Rows of the fault suite that concern the worker itself: a slow start, a deploy."""

import os
import signal
from pathlib import Path

import pytest

from attendance import tasks
from attendance.models import WorkState
from tests.faults.conftest import Upload, check_invariant, start_worker, wait_for
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


def children_of(stack: Stack, name: str) -> list[int]:
    """The processes that a worker has forked."""
    pid = stack.processes[name].pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_row_22_child_killed_during_a_slow_model_load(stack: Stack, upload: Upload, private_files: Path) -> None:
    """Row 22: another child loads the models and does the photo; no kill loop."""
    snapshot = upload()
    start_worker(stack, FACE_PIPELINE_BUILDER="tests.faults.engines.build_slowly", FAKE_LOAD_SECONDS="4")
    stack.start_sweeper()
    wait_until(lambda: "ready." in stack.log("worker"), seconds=30, what="the worker listens")
    tasks.wake(snapshot)
    wait_until(lambda: "received" in stack.log("worker"), seconds=20, what="the task has come")
    (child,) = children_of(stack, "worker")
    os.kill(child, signal.SIGKILL)
    wait_for(snapshot, WorkState.DONE)
    snapshot.refresh_from_db()
    assert (snapshot.attempts, snapshot.faces.count()) == (1, 1)
    assert child not in children_of(stack, "worker")
    check_invariant(private_files, accepted=1)


def test_row_24_deploy_during_work(stack: Stack, upload: Upload, private_files: Path) -> None:
    """Row 24: asked to end, the old worker finishes its photo; the new one does the rest, each once."""
    photos = [upload(seed) for seed in range(4)]
    start_worker(stack, "old", FAKE_ENGINE_SECONDS="2")
    for photo in photos:
        assert tasks.wake(photo)
    wait_for(photos[0], WorkState.PROCESSING)
    stack.processes["old"].terminate()  # the parent alone, as a service manager asks
    start_worker(stack, "new")
    stack.start_sweeper()
    for photo in photos:
        wait_for(photo, WorkState.DONE)
        photo.refresh_from_db()
        assert (photo.attempts, photo.faces.count()) == (1, 1)
    assert stack.processes["old"].wait(timeout=10) == 0
    check_invariant(private_files, accepted=4)
