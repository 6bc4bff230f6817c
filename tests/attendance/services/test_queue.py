"""The queue of record."""

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone

from attendance import tasks
from attendance.models import ClassSession, QueuedWork, Snapshot, WorkState
from attendance.services import queue, turns, working
from attendance.services.errors import BadPhoto, EngineNotReady
from tests.attendance.services.builders import photo_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def claimed(snapshot: Snapshot) -> queue.Claim:
    claim = queue.claim(Snapshot, snapshot.pk)
    assert claim is not None
    return claim


def test_every_kind_of_work_has_its_name_its_call_and_its_turn() -> None:
    assert set(queue.KINDS) == set(QueuedWork.__subclasses__()) == set(tasks._TASKS)
    assert queue.KINDS[: len(turns.TAKING_TURNS)] == turns.TAKING_TURNS
    assert set(working._DO) == set(turns.TAKING_TURNS)


def let_the_lease_run_out(attempts: int = 1) -> None:
    Snapshot.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1), attempts=attempts)


def in_threads(do: Callable[[], object], count: int = 6) -> list[object]:
    """Do the same at once from several connections."""
    results: list[object] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        try:
            results.append(do())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def break_down(error: Exception) -> None:
    raise error


def test_claim_takes_the_row_under_a_lease(claimed: queue.Claim, snapshot: Snapshot) -> None:
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts, snapshot.fencing_token) == (WorkState.PROCESSING, 1, claimed.token)
    assert snapshot.lease_until is not None
    left = (snapshot.lease_until - timezone.now()).total_seconds()
    assert 110 < left <= 120


def test_second_claim_finds_nothing(claimed: queue.Claim, snapshot: Snapshot) -> None:
    assert queue.claim(Snapshot, snapshot.pk) is None


def test_work_that_is_not_due_yet_is_not_claimed(snapshot: Snapshot) -> None:
    Snapshot.objects.update(not_before=timezone.now() + dt.timedelta(seconds=30))
    assert queue.claim(Snapshot, snapshot.pk) is None


def test_missing_row_is_nothing_to_claim(snapshot: Snapshot) -> None:
    assert queue.claim(Snapshot, snapshot.pk + 1) is None


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_gets_the_claim(snapshot: Snapshot) -> None:
    claims = in_threads(lambda: queue.claim(Snapshot, snapshot.pk))
    assert len([claim for claim in claims if isinstance(claim, queue.Claim)]) == 1
    assert claims.count(None) == 5
    snapshot.refresh_from_db()
    assert snapshot.attempts == 1


def test_late_worker_writes_nothing_once_another_has_taken_over(claimed: queue.Claim, snapshot: Snapshot) -> None:
    let_the_lease_run_out()
    second = queue.claim(Snapshot, snapshot.pk)
    assert second is not None
    assert second.attempt == 2
    assert not queue.complete(claimed, face_count=9)
    assert not queue.fail(claimed, code="late", reason="late")
    assert not queue.put_back(claimed, seconds=0)
    assert queue.complete(second, face_count=2)
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.face_count) == (WorkState.DONE, 2)


def test_refusal_fails_the_work_at_once(claimed: queue.Claim, snapshot: Snapshot) -> None:
    with queue.attempt(claimed):
        break_down(BadPhoto("Not a readable photo."))
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.failure_code, snapshot.failure_reason) == (
        WorkState.FAILED,
        "bad-photo",
        "Not a readable photo.",
    )


def test_unexpected_error_is_tried_again_after_a_pause(claimed: queue.Claim, snapshot: Snapshot) -> None:
    with queue.attempt(claimed):
        break_down(RuntimeError("boom"))
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts, snapshot.lease_until) == (WorkState.QUEUED, 1, None)
    pause = (snapshot.not_before - timezone.now()).total_seconds()
    assert 3 < pause <= 5


def test_third_unexpected_error_fails_with_a_reason(snapshot: Snapshot) -> None:
    for _ in range(3):
        Snapshot.objects.update(not_before=timezone.now() - dt.timedelta(seconds=1))
        claim = queue.claim(Snapshot, snapshot.pk)
        assert claim is not None
        with queue.attempt(claim):
            break_down(RuntimeError("boom"))
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.failure_code) == (WorkState.FAILED, queue.GAVE_UP)
    assert "after 3 attempts" in snapshot.failure_reason


def test_machine_that_is_not_ready_puts_work_back_without_counting(claimed: queue.Claim, snapshot: Snapshot) -> None:
    with pytest.raises(EngineNotReady), queue.attempt(claimed):
        break_down(EngineNotReady("No weights."))
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts) == (WorkState.QUEUED, 0)


def test_sweeper_calls_for_what_nobody_was_called_for(snapshot: Snapshot) -> None:
    assert [work.pk for work in queue.overdue()] == [snapshot.pk]
    assert list(queue.overdue()) == []


def test_sweeper_repeats_a_call_that_went_unanswered(snapshot: Snapshot) -> None:
    queue.note_call(snapshot)
    assert list(queue.overdue()) == []
    Snapshot.objects.update(woken_at=timezone.now() - dt.timedelta(seconds=queue.resend_seconds() + 1))
    assert [work.pk for work in queue.overdue()] == [snapshot.pk]


def test_sweeper_finds_work_whose_worker_died(claimed: queue.Claim, snapshot: Snapshot) -> None:
    assert list(queue.overdue()) == []
    let_the_lease_run_out()
    assert [work.pk for work in queue.overdue()] == [snapshot.pk]


@pytest.mark.django_db(transaction=True)
def test_of_several_sweepers_one_calls(snapshot: Snapshot) -> None:
    called = in_threads(lambda: len(list(queue.overdue())), count=4)
    assert sorted(called) == [0, 0, 0, 1]  # type: ignore[type-var]


@pytest.mark.django_db(transaction=True)
def test_several_sweepers_share_many_rows_and_send_none_twice(class_session: ClassSession) -> None:
    rows = {photo_of(class_session, state=WorkState.QUEUED).pk for _ in range(20)}
    rounds = in_threads(lambda: [work.pk for work in queue.overdue()], count=4)
    sent = [pk for one in rounds for pk in one]  # type: ignore[attr-defined]
    assert sorted(sent) == sorted(rows)


@pytest.mark.django_db(transaction=True)
def test_several_sweepers_give_a_lost_row_up_once(class_session: ClassSession) -> None:
    for _ in range(5):
        photo_of(class_session, state=WorkState.QUEUED)
    tokens = Snapshot.objects.order_by("pk").values_list("fencing_token", flat=True)
    let_the_lease_run_out(attempts=3)
    Snapshot.objects.update(state=WorkState.PROCESSING)
    assert sum(in_threads(queue.give_up_lost, count=4)) == 5  # type: ignore[arg-type]
    assert list(tokens) == [1] * 5
    assert set(Snapshot.objects.values_list("state", "failure_code")) == {(WorkState.FAILED, queue.WORKER_LOST)}


def test_work_that_kills_its_worker_three_times_is_given_up(claimed: queue.Claim, snapshot: Snapshot) -> None:
    let_the_lease_run_out(attempts=2)
    assert queue.give_up_lost() == 0
    let_the_lease_run_out(attempts=3)
    assert queue.claim(Snapshot, snapshot.pk) is None
    assert queue.give_up_lost() == 1
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.failure_code) == (WorkState.FAILED, queue.WORKER_LOST)
    assert not queue.complete(claimed)


def test_cancelled_work_takes_no_result(claimed: queue.Claim, snapshot: Snapshot) -> None:
    assert queue.cancel(Snapshot.objects.all()) == 1
    assert not queue.complete(claimed)
    snapshot.refresh_from_db()
    assert snapshot.state == WorkState.CANCELLED


def test_only_failed_work_can_be_queued_again_by_hand(claimed: queue.Claim, snapshot: Snapshot) -> None:
    assert not queue.requeue(snapshot)
    queue.fail(claimed, code="x", reason="A reason.")
    assert queue.requeue(snapshot)
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts, snapshot.failure_reason) == (WorkState.QUEUED, 0, "")


def test_pauses_grow() -> None:
    assert [queue.backoff_seconds(attempt) for attempt in (1, 2, 3)] == [5, 20, 80]
