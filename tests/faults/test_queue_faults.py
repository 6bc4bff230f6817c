"""Rows of the fault suite that concern a photo's way: broker, worker and teacher at the wrong moment."""

import signal
import time
from collections.abc import Callable

import pytest
from redis import Redis

from attendance import sweeper, tasks
from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Heartbeat,
    Snapshot,
    Source,
    Status,
    Student,
    User,
    WorkState,
)
from attendance.services import gallery, heartbeats, privacy, records, snapshots
from tests.fakes import selfie_of
from tests.faults.conftest import (
    DURING_A_PHOTO_SECONDS,
    LEASE_SECONDS,
    PATIENCE_SECONDS,
    Upload,
    start_worker,
    wait_for,
    wake_in_time,
)
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
BROKER_LIMIT_SECONDS = 5


def test_row_1_and_2_worker_killed_while_embedding_and_another_does_the_photo(stack: Stack, upload: Upload) -> None:
    snapshot = upload()
    start_worker(stack, "slow", FAKE_ENGINE_SECONDS="60")
    tasks.wake(snapshot)
    wait_for(snapshot, WorkState.PROCESSING)
    stack.signal("slow", signal.SIGKILL)
    start_worker(stack)
    stack.start_sweeper()
    wait_for(snapshot, WorkState.DONE)
    snapshot.refresh_from_db()
    assert (snapshot.attempts, snapshot.faces.count()) == (2, 1)


def test_row_3_same_task_delivered_many_times_at_once_is_done_once(stack: Stack, upload: Upload) -> None:
    snapshot = upload()
    for _ in range(6):
        assert tasks.wake(snapshot)
    start_worker(stack, WORKER_CONCURRENCY="2", FAKE_ENGINE_SECONDS="0.5")
    wait_for(snapshot, WorkState.DONE)
    time.sleep(1)  # the other deliveries find nothing to claim
    snapshot.refresh_from_db()
    assert (snapshot.attempts, snapshot.faces.count()) == (1, 1)


def test_row_4_worker_stopped_past_its_lease_writes_nothing(stack: Stack, upload: Upload) -> None:
    snapshot = upload()
    start_worker(stack, "stopped", FAKE_ENGINE_SECONDS=DURING_A_PHOTO_SECONDS)
    tasks.wake(snapshot)
    wait_for(snapshot, WorkState.PROCESSING)
    stack.signal("stopped", signal.SIGSTOP)
    time.sleep(LEASE_SECONDS)
    start_worker(stack)
    stack.start_sweeper()
    wait_for(snapshot, WorkState.DONE)
    snapshot.refresh_from_db()
    finished, token = snapshot.finished_at, snapshot.fencing_token
    stack.signal("stopped", signal.SIGCONT)
    time.sleep(3)
    snapshot.refresh_from_db()
    assert (snapshot.finished_at, snapshot.fencing_token, token) == (finished, token, 2)


def test_row_5_broker_down_at_upload_is_answered_soon_and_done_later(stack: Stack, upload: Upload) -> None:
    stack.end("valkey")
    started = time.monotonic()
    snapshot = upload()
    assert tasks.wake(snapshot) is False
    assert time.monotonic() - started < BROKER_LIMIT_SECONDS
    stack.start_valkey()
    start_worker(stack)
    stack.start_sweeper()
    wait_for(snapshot, WorkState.DONE)


def test_row_6_frozen_broker_is_answered_soon_and_done_later(stack: Stack, upload: Upload) -> None:
    snapshot = upload()
    assert tasks.wake(snapshot) is True
    second = upload(seed=1)
    stack.signal("valkey", signal.SIGSTOP)
    started = time.monotonic()
    assert tasks.wake(second) is False
    assert time.monotonic() - started < BROKER_LIMIT_SECONDS
    stack.signal("valkey", signal.SIGCONT)
    start_worker(stack)
    stack.start_sweeper()
    for photo in (snapshot, second):
        wait_for(photo, WorkState.DONE)


def test_row_7_wiped_queue_is_sent_again(stack: Stack, upload: Upload) -> None:
    photos = [upload(seed) for seed in range(3)]
    assert all(tasks.wake(photo) for photo in photos)
    with Redis.from_url(stack.environment["REDIS_URL"]) as broker:
        assert broker.llen("celery") == 3
        broker.flushall()
    start_worker(stack)
    stack.start_sweeper()
    for photo in photos:
        wait_for(photo, WorkState.DONE)


def test_row_8_broker_restarted_during_a_task_is_listened_to_again(stack: Stack, upload: Upload) -> None:
    """The task ends, and the same worker takes the next one from the broker without the sweeper."""
    during, after = upload(), upload(seed=1)
    start_worker(stack, FAKE_ENGINE_SECONDS=DURING_A_PHOTO_SECONDS)
    tasks.wake(during)
    wait_for(during, WorkState.PROCESSING)
    stack.signal("valkey", signal.SIGKILL)
    stack.end("valkey")
    stack.start_valkey()
    wait_for(during, WorkState.DONE)
    wake_in_time(after)
    wait_for(after, WorkState.DONE)
    for photo in (during, after):
        photo.refresh_from_db()
        assert (photo.attempts, photo.faces.count()) == (1, 1)


def test_row_10_crash_between_commit_and_publish_is_found_by_the_sweeper(stack: Stack, upload: Upload) -> None:
    snapshot = upload()
    start_worker(stack)
    assert sweeper.sweep() == 1
    wait_for(snapshot, WorkState.DONE)


def test_row_17_teachers_edit_while_the_job_ends_stays(
    stack: Stack, upload: Upload, class_session: ClassSession, teacher: User
) -> None:
    snapshot = upload()
    start_worker(stack, FAKE_ENGINE_SECONDS=DURING_A_PHOTO_SECONDS)
    tasks.wake(snapshot)
    wait_for(snapshot, WorkState.PROCESSING)
    ada = Student.objects.get()
    records.set_status(session=class_session, student=ada, status=Status.EXCUSED, by=teacher)
    wait_for(snapshot, WorkState.DONE)
    record = AttendanceRecord.objects.get()
    assert (record.status, record.source) == (Status.EXCUSED, Source.MANUAL)


def test_row_19_and_20_erased_student_and_deleted_photo_leave_nothing_for_the_worker(
    stack: Stack, upload: Upload, make_student: Callable[..., Student], admin: User, accepted: set[int]
) -> None:
    deleted, kept = upload(), upload(seed=1)
    ben = make_student("ben")
    gallery.give_consent(student=ben, by=admin)
    selfie = gallery.add_selfie(student=ben, data=selfie_of("ben"), by=admin)
    assert all(tasks.wake(work) for work in (deleted, selfie, kept))
    accepted.remove(deleted.pk)
    snapshots.delete_snapshot(snapshot=deleted, by=admin)
    privacy.erase_student(student=ben, by=admin)
    start_worker(stack)
    wait_for(kept, WorkState.DONE)
    assert not ben.templates.exists()
    assert "Traceback" not in stack.log("worker")


def test_row_21_worker_without_weights_leaves_jobs_queued_and_says_so(stack: Stack, upload: Upload) -> None:
    snapshot = upload()
    assert tasks.wake(snapshot)
    start_worker(stack, FACE_PIPELINE_BUILDER="tests.fakes.build_without_weights")
    workers = Heartbeat.objects.filter(kind=heartbeats.WORKER, detail__engine__icontains="weights")
    wait_until(workers.exists, seconds=PATIENCE_SECONDS, what="the worker says why it cannot work")
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts) == (WorkState.QUEUED, 0)
    stack.end("worker")
    start_worker(stack)
    Snapshot.objects.update(woken_at=None)
    sweeper.sweep()
    wait_for(snapshot, WorkState.DONE)
