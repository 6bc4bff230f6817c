"""Rows of the fault suite that concern the worker itself: memory, the decoder, a slow start, a deploy."""

import os
import signal
from pathlib import Path

import pytest

from attendance import tasks
from attendance.models import ClassSession, Snapshot, User, WorkState
from attendance.services import queue, snapshots
from tests.fakes import class_photo
from tests.faults.conftest import DURING_A_PHOTO_SECONDS, LEASE_SECONDS, Upload, start_worker, state_of, wait_for
from tests.faults.engines import CRASHES_THE_DECODER, FITS_NOWHERE, HANGS, KILLED_FOR_MEMORY
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
BREAKING = "tests.faults.engines.build_breaking"
SLOW = "tests.faults.engines.build_slowly"
SCARCE = "tests.faults.engines.build_scarce"
THREE_ATTEMPTS_SECONDS = 240


def children_of(stack: Stack, name: str) -> list[int]:
    """The processes that a worker has forked."""
    pid = stack.processes[name].pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def assert_given_up(photo: Snapshot, *, code: str, attempts: int = 3) -> None:
    """Failed after so many attempts, with a sentence, and without a face."""
    wait_for(photo, WorkState.FAILED, seconds=THREE_ATTEMPTS_SECONDS)
    photo.refresh_from_db()
    assert (photo.attempts, photo.failure_code, photo.faces.count()) == (attempts, code, 0)
    assert f"{attempts} attempts" in photo.failure_reason


def test_row_14_and_15_photos_that_kill_their_worker_fail_with_a_reason_and_others_go_on(
    stack: Stack, upload: Upload
) -> None:
    """Row 14 dies by the signal of the kernel's out-of-memory killer, row 15 in the decoder."""
    greedy, poison = upload(shows=KILLED_FOR_MEMORY), upload(shows=CRASHES_THE_DECODER)
    good = [upload(seed=seed) for seed in (1, 2)]
    start_worker(stack, FACE_PIPELINE_BUILDER=BREAKING)
    stack.start_sweeper()
    for photo in (greedy, poison, *good):
        assert tasks.wake(photo)
    for photo in good:
        wait_for(photo, WorkState.DONE)
    for photo in (greedy, poison):
        assert_given_up(photo, code=queue.WORKER_LOST)


def test_row_16_image_that_hangs_meets_the_hard_limit_and_the_next_photo_runs(stack: Stack, upload: Upload) -> None:
    stack.environment["MAX_ATTEMPTS"] = "2"
    hanging, good = upload(shows=HANGS), upload()
    start_worker(stack, FACE_PIPELINE_BUILDER=BREAKING)
    stack.start_sweeper()
    tasks.wake(hanging)
    wait_for(hanging, WorkState.PROCESSING)
    (child,) = children_of(stack, "worker")
    tasks.wake(good)
    wait_for(good, WorkState.DONE)
    assert child not in children_of(stack, "worker")
    assert state_of(hanging) != WorkState.DONE
    assert_given_up(hanging, code=queue.WORKER_LOST, attempts=2)


def test_row_22_child_killed_during_a_slow_model_load_is_replaced_and_the_photo_is_done(
    stack: Stack, upload: Upload
) -> None:
    """Another child loads the models and does the photo; no kill loop."""
    snapshot = upload()
    start_worker(stack, LEASE_SECONDS="60", FACE_PIPELINE_BUILDER=SLOW, FAKE_LOAD_SECONDS="8")
    stack.start_sweeper()
    wait_until(lambda: "ready." in stack.log("worker"), seconds=60, what="the worker listens")
    tasks.wake(snapshot)
    wait_until(lambda: "received" in stack.log("worker"), seconds=30, what="the task has come")
    (child,) = children_of(stack, "worker")
    os.kill(child, signal.SIGKILL)
    wait_for(snapshot, WorkState.DONE)
    snapshot.refresh_from_db()
    assert (snapshot.attempts, snapshot.faces.count()) == (1, 1)
    assert child not in children_of(stack, "worker")


def test_row_22_models_that_load_for_longer_than_a_lease_and_a_task_may_take_are_waited_for(
    stack: Stack, upload: Upload
) -> None:
    """Nothing is claimed meanwhile, and no limit ends the loading; no sweeper is needed for the photo's next call."""
    snapshot = upload()
    start_worker(stack, FACE_PIPELINE_BUILDER=SLOW, FAKE_LOAD_SECONDS=str(3 * LEASE_SECONDS))
    wait_until(lambda: "ready." in stack.log("worker"), seconds=60, what="the worker listens")
    (child,) = children_of(stack, "worker")
    assert tasks.wake(snapshot)
    wait_until(lambda: "are still being loaded" in stack.log("worker"), seconds=30, what="a call has waited in vain")
    assert state_of(snapshot) == WorkState.QUEUED
    wait_for(snapshot, WorkState.DONE)
    snapshot.refresh_from_db()
    assert (snapshot.attempts, snapshot.faces.count()) == (1, 1)
    assert children_of(stack, "worker") == [child]


def test_row_24_deploy_during_work_loses_and_doubles_nothing(stack: Stack, upload: Upload) -> None:
    """Asked to end, the old worker finishes its photo; the new one does the rest, each once."""
    photos = [upload(seed) for seed in range(4)]
    start_worker(stack, "old", FAKE_ENGINE_SECONDS=DURING_A_PHOTO_SECONDS)
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
    assert stack.processes["old"].wait(timeout=30) == 0


def test_row_27_batch_that_does_not_fit_into_memory_is_halved_then_taken_to_the_cpu_and_that_is_said(
    stack: Stack, upload: Upload, class_session: ClassSession, teacher: User, accepted: set[int]
) -> None:
    """Five faces: what does not fit is halved, the face that does not fit alone goes to the CPU, none is missing."""
    stack.environment["MAX_ATTEMPTS"] = "2"
    impossible = upload(shows=FITS_NOWHERE)
    five = class_photo("ben", "ada", "cem", "dee", "eli")
    snapshot = snapshots.add_snapshot(session=class_session, data=five, by=teacher).snapshot
    accepted.add(snapshot.pk)
    # Such a worker loads TensorFlow, which a slow machine must be able to do within the hard limit.
    start_worker(stack, FACE_PIPELINE_BUILDER=SCARCE, LEASE_SECONDS="120")
    stack.start_sweeper()
    for photo in (snapshot, impossible):
        assert tasks.wake(photo)
    wait_for(snapshot, WorkState.DONE)
    snapshot.refresh_from_db()
    assert (snapshot.attempts, snapshot.faces.count()) == (1, 5)
    assert snapshot.faces.filter(student__sort_key="ada").count() == 1
    log = stack.log("worker")
    for said in ("memory ran out on 5 pictures: tried again in halves", "on one picture: it is taken to the CPU"):
        assert said in log
    assert_given_up(impossible, code=queue.GAVE_UP, attempts=2)
