"""Whose turn it is: urgent before bulk, courses in turn, nothing left out."""

import datetime as dt
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterable

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from attendance import tasks
from attendance.models import ClassSession, FaceModelChange, Priority, Selfie, Snapshot, Student, User, WorkState
from attendance.services import gallery, model_change, queue, renewal, snapshots, turns
from tests.fakes import class_photo, selfie_of

pytestmark = pytest.mark.django_db
A, B, C = 1, 2, 3


def queued(
    session: ClassSession, lanes: Iterable[int], *, priority: Priority = Priority.URGENT, minutes_ago: float = 10
) -> None:
    """Queue photos of these lanes, one after the other."""
    since = timezone.now() - dt.timedelta(minutes=minutes_ago)
    Snapshot.objects.bulk_create(
        Snapshot(
            session=session,
            image="snapshots/x.jpg",
            sha256=uuid.uuid4().hex * 2,
            width=1,
            height=1,
            lane=lane,
            priority=priority,
            queued_at=since + dt.timedelta(milliseconds=place),
        )
        for place, lane in enumerate(lanes)
    )


def serve() -> Snapshot | None:
    """Let a worker do what is next."""
    claim = queue.claim_next()
    if claim is None:
        return None
    assert queue.complete(claim)
    time.sleep(0.002)  # SQLite's clock counts milliseconds; no photo takes less
    return Snapshot.objects.get(pk=claim.pk)


def served(count: int | None = None) -> list[int]:
    """Give the lanes in the order in which workers serve them."""
    done = itertools.takewhile(lambda photo: photo is not None, iter(serve, object()))
    return [photo.lane for photo in itertools.islice(done, count) if photo is not None]


def test_one_photo_of_another_course_does_not_wait_for_sixty(class_session: ClassSession) -> None:
    queued(class_session, [A] * 60)
    assert served(3) == [A, A, A]
    queued(class_session, [B], minutes_ago=0)
    assert served(2) == [B, A]


def test_courses_take_turns_and_each_goes_on_in_its_own_order(class_session: ClassSession) -> None:
    queued(class_session, [A, A, A, A, B, B, C])
    first = list(Snapshot.objects.order_by("queued_at").values_list("pk", flat=True))
    done = [serve() for _ in range(7)]
    assert [photo.lane for photo in done if photo] == [A, B, C, A, B, A, A]
    assert [photo.pk for photo in done if photo and photo.lane == A] == first[:4]


def test_what_a_course_used_up_alone_is_not_held_against_it(class_session: ClassSession) -> None:
    queued(class_session, [A] * 9)
    served()
    queued(class_session, [B] * 9, minutes_ago=1)
    queued(class_session, [A], minutes_ago=0)
    assert served(2) == [B, A]


@pytest.mark.parametrize("state", [WorkState.DONE, WorkState.FAILED])
def test_a_turn_counts_however_it_ended(class_session: ClassSession, state: WorkState) -> None:
    queued(class_session, [A, A, B])
    claim = queue.claim_next()
    assert claim is not None
    claim.row().update(state=state, lease_until=None, failure_reason="Too dark.")
    assert served() == [B, A]


def test_somebody_who_waits_goes_before_the_background(class_session: ClassSession) -> None:
    queued(class_session, [A] * 3, priority=Priority.BULK)
    queued(class_session, [A, B], minutes_ago=1)
    done = [serve() for _ in range(5)]
    assert [photo.priority for photo in done if photo] == [0, 0, 1, 1, 1]


def test_the_background_is_not_starved(class_session: ClassSession) -> None:
    """After an hour it takes its turn, and each course that waits still gets every second one."""
    queued(class_session, [A] * 3, priority=Priority.BULK, minutes_ago=61)
    queued(class_session, [B] * 4, minutes_ago=1)
    assert served() == [A, B, A, B, A, B, B]


@given(
    lanes=st.lists(st.integers(1, 5), min_size=1, max_size=14),
    bulk=st.lists(st.integers(1, 5), max_size=4),
    late=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), max_size=6),
)
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
def test_no_course_waits_for_more_than_its_share(
    class_session: ClassSession, lanes: list[int], bulk: list[int], late: list[tuple[int, int]]
) -> None:
    """Between two turns of a course that wants one, each other course has at most one; and all is done in the end."""
    Snapshot.objects.all().delete()
    queued(class_session, lanes)
    queued(class_session, bulk, priority=Priority.BULK)
    order: list[Snapshot] = []
    waits: dict[int, list[int]] = {}
    while True:
        for step, lane in late:
            if step == len(order):
                queued(class_session, [lane], minutes_ago=0)
        late = [one for one in late if one[0] > len(order)]
        wanting = Snapshot.objects.filter(state=WorkState.QUEUED, priority=Priority.URGENT)
        lanes_wanting = set(wanting.values_list("lane", flat=True))
        photo = serve()
        if photo is None:
            assert all(step > len(order) for step, _lane in late)
            break
        order.append(photo)
        if photo.priority == Priority.BULK:
            assert not lanes_wanting
        waits.pop(photo.lane, None)
        for lane in lanes_wanting - {photo.lane}:
            waits.setdefault(lane, []).append(photo.lane)
            assert len(waits[lane]) == len(set(waits[lane]))
    assert not Snapshot.objects.exclude(state=WorkState.DONE).exists()
    assert len({photo.pk for photo in order}) == len(order)


class TestCalls:
    def test_as_many_calls_as_rows_do_all_of_them_in_whatever_order(
        self, class_session: ClassSession, teacher: User, student: Student, school: object
    ) -> None:
        photos = [
            snapshots.add_snapshot(session=class_session, data=class_photo("ada", seed=seed), by=teacher).snapshot
            for seed in range(3)
        ]
        gallery.give_consent(student=student, by=teacher)
        selfie = gallery.add_selfie(student=student, data=selfie_of("ada"), by=teacher)
        tasks.process_selfie(selfie.pk)
        assert Snapshot.objects.get(pk=photos[0].pk).state == WorkState.DONE
        assert Selfie.objects.get().state == WorkState.QUEUED
        for photo in reversed(photos):
            tasks.recognise_snapshot(photo.pk)
        assert not Snapshot.objects.unfinished().exists()
        assert Selfie.objects.get().state == WorkState.DONE
        assert set(Snapshot.objects.values_list("attempts", flat=True)) == {1}

    def test_call_for_a_deleted_photo_does_another(self, snapshot: Snapshot) -> None:
        tasks.recognise_snapshot(snapshot.pk + 1000)
        snapshot.refresh_from_db()
        assert snapshot.state == WorkState.DONE

    def test_work_left_behind_takes_its_turn_again(self, snapshot: Snapshot) -> None:
        assert queue.claim_next() is not None
        assert queue.claim_next() is None
        Snapshot.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
        again = queue.claim_next()
        assert again is not None
        assert (again.pk, again.attempt) == (snapshot.pk, 2)


class TestWhatIsQueued:
    def test_a_photo_goes_in_its_courses_lane(self, snapshot: Snapshot) -> None:
        snapshot.refresh_from_db()
        assert (snapshot.priority, snapshot.lane) == (Priority.URGENT, snapshot.session.course_id)

    def test_who_uploads_a_pile_of_selfies_does_not_stand_in_the_students_way(
        self, student: Student, student_user: User, school: object, teacher: User
    ) -> None:
        gallery.give_consent(student=student, by=teacher)
        own = gallery.add_selfie(student=student, data=selfie_of("ada"), by=student_user)
        pile = gallery.add_selfie(student=student, data=selfie_of("ada", seed=1), by=teacher)
        assert (own.lane, pile.lane) == (0, teacher.pk)

    def test_renewal_queues_in_the_background_and_a_persons_retry_is_urgent(
        self, recognisable: Callable[..., Student], snapshot: Snapshot
    ) -> None:
        recognisable("ada")
        Snapshot.objects.update(state=WorkState.DONE, model_id="of-a-former-model")
        assert renewal.queue_stale_photos() == 1
        assert Snapshot.objects.get().priority == Priority.BULK
        Snapshot.objects.update(state=WorkState.FAILED, failure_reason="Too dark.")
        assert queue.requeue(snapshot)
        assert Snapshot.objects.get().priority == Priority.URGENT

    def test_change_of_model_runs_in_the_background_and_steps_aside_for_who_waits(self, snapshot: Snapshot) -> None:
        assert model_change.set_face_model(name="facenet", by=None).priority == Priority.BULK
        assert queue.somebody_waits()
        Snapshot.objects.update(priority=Priority.BULK)
        assert not queue.somebody_waits()


class TestClock:
    def test_web_machine_whose_clock_is_ahead_queues_nothing_into_the_future(
        self, class_session: ClassSession, teacher: User, monkeypatch: pytest.MonkeyPatch, jpeg: bytes
    ) -> None:
        ahead = timezone.now() + dt.timedelta(days=2)
        monkeypatch.setattr(timezone, "now", lambda: ahead)
        photo = snapshots.add_snapshot(session=class_session, data=jpeg, by=teacher).snapshot
        change = FaceModelChange.objects.create(face_model="facenet")
        monkeypatch.undo()
        for work in (photo, change):
            assert abs((work.not_before - timezone.now()).total_seconds()) < 60
            assert abs((work.queued_at - timezone.now()).total_seconds()) < 60
        assert queue.claim_next() is not None
        assert queue.claim(FaceModelChange, change.pk) is not None


def test_choice_among_ten_thousand_rows_reads_indexes_only(class_session: ClassSession) -> None:
    lanes = [number % 200 for number in range(10_000)]
    queued(class_session, lanes)
    started = time.perf_counter()
    head = turns.next_head()
    seconds = time.perf_counter() - started
    assert head is not None
    assert head.lane == 0
    assert seconds < 2.0
    if connection.vendor == "sqlite":
        assert "COVERING INDEX snapshot_turns" in turns._fronts(Snapshot, WorkState.QUEUED).explain()


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_take_each_row_once_and_leave_none(class_session: ClassSession) -> None:
    queued(class_session, [A] * 12 + [B] * 3 + [C])
    taken: list[int] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        try:
            taken.extend(claim.pk for claim in (queue.claim_next() for _ in range(4)) if claim is not None)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(Snapshot.objects.values_list("pk", flat=True))
    assert set(Snapshot.objects.values_list("attempts", flat=True)) == {1}
