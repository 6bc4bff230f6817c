"""Wake-ups, the sweeper's round, and what a worker says about itself."""

import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery.signals import celeryd_after_setup
from django.core.management import call_command
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from attendance import sweeper, tasks, worker
from attendance.celery import app
from attendance.models import ClassSession, FaceModelChange, Heartbeat, Selfie, Snapshot, Student, User, WorkState
from attendance.services import engine, gallery, heartbeats, model_change, queue, working
from attendance.services.errors import EngineNotReady
from faces.errors import WeightsError
from faces.types import Face, RGBImage
from tests.conftest import forget_broker_outage
from tests.fakes import FakePipeline, build_pipeline, selfie_of


def point_to(url: str) -> None:
    """Use this broker from now on, with fresh connections, as a new process does."""
    app.conf.update(broker_url=url)
    app._after_fork()  # type: ignore[attr-defined]  # Celery's own, left out of the stubs


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Point the app to a broker, and back afterwards."""
    before = app.conf.broker_url

    def point(url: str) -> None:
        point_to(url)
        forget_broker_outage()

    yield point
    point(before)


@pytest.fixture
def frozen_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield int(listener.getsockname()[1])


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.django_db(transaction=True)
class TestWake:
    def test_publishes_and_notes_the_call(self, snapshot: Snapshot) -> None:
        assert tasks.wake(snapshot) is True
        snapshot.refresh_from_db()
        assert snapshot.woken_at is not None
        assert list(queue.overdue()) == []

    def test_broker_that_is_down_is_no_error_and_the_row_stays_queued(
        self, snapshot: Snapshot, broker: Callable[[str], None]
    ) -> None:
        broker(f"redis://127.0.0.1:{closed_port()}/0")
        started = time.monotonic()
        assert tasks.wake(snapshot) is False
        assert time.monotonic() - started < 5
        snapshot.refresh_from_db()
        assert (snapshot.state, snapshot.woken_at) == (WorkState.QUEUED, None)

    def test_frozen_broker_holds_an_upload_of_many_photos_once_and_under_five_seconds(
        self, snapshot: Snapshot, broker: Callable[[str], None], frozen_port: int
    ) -> None:
        broker(f"redis://127.0.0.1:{frozen_port}/0")
        started = time.monotonic()
        assert [tasks.wake(snapshot) for _ in range(20)] == [False] * 20
        assert time.monotonic() - started < 5

    def test_broker_is_asked_again_after_the_pause(
        self, snapshot: Snapshot, broker: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broker(f"redis://127.0.0.1:{closed_port()}/0")
        assert tasks.wake(snapshot) is False
        point_to("memory://")
        assert tasks.wake(snapshot) is False
        later = time.monotonic() + tasks.PAUSE_SECONDS + 1
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert tasks.wake(snapshot) is True


def test_inside_a_transaction_it_waits_for_the_commit(
    snapshot: Snapshot, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert tasks.wake(snapshot) is True
        snapshot.refresh_from_db()
        assert snapshot.woken_at is None
    snapshot.refresh_from_db()
    assert snapshot.woken_at is not None


class TestTasks:
    def test_photo_is_done_once_however_often_the_task_runs(self, snapshot: Snapshot) -> None:
        for _ in range(2):
            tasks.recognise_snapshot(snapshot.pk)
        snapshot.refresh_from_db()
        assert (snapshot.state, snapshot.attempts, snapshot.faces.count()) == (WorkState.DONE, 1, 2)

    def test_missing_weights_leave_the_job_queued_and_the_health_red(
        self, snapshot: Snapshot, settings: Settings
    ) -> None:
        settings.FACE_MODEL = "missing"
        tasks.recognise_snapshot(snapshot.pk)
        snapshot.refresh_from_db()
        assert (snapshot.state, snapshot.attempts) == (WorkState.QUEUED, 0)
        assert "weights" in Heartbeat.objects.get().detail["engine"]
        settings.FACE_MODEL = ""
        tasks.recognise_snapshot(snapshot.pk)
        assert Heartbeat.objects.get().detail == {"engine": "ready"}

    def test_selfie_task_embeds(self, student: Student, school: object) -> None:
        gallery.give_consent(student=student, by=None)
        selfie = gallery.add_selfie(student=student, data=selfie_of("ada"), by=None)
        tasks.process_selfie(selfie.pk)
        assert Selfie.objects.get().verdict == Selfie.Verdict.ACCEPTED

    def test_change_of_model_calls_for_its_next_slice(
        self,
        recognisable: Callable[..., Student],
        settings: Settings,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        recognisable("ada")
        change = model_change.set_face_model(name="facenet", by=None)
        settings.LEASE_SECONDS = 0
        with django_capture_on_commit_callbacks() as calls:
            tasks.change_face_model(change.pk)
        assert len(calls) == 1
        settings.LEASE_SECONDS = 120
        with django_capture_on_commit_callbacks() as calls:
            tasks.change_face_model(change.pk)
        assert calls == []
        assert FaceModelChange.objects.get().state == WorkState.DONE


class SlowEngine:
    """Builds the fake engine once somebody lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_end = threading.Event()
        self.built = 0
        monkeypatch.setattr(engine.pipelines, "import_string", lambda name: self.build)

    def build(self, recogniser: str, **options: Any) -> FakePipeline:
        self.may_end.wait(60)
        self.built += 1
        return build_pipeline(recogniser, **options)


@pytest.fixture
def slow_engine(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[SlowEngine]:
    """An engine that is still loading, asked by calls that do not wait for it."""
    settings.LEASE_SECONDS = 0
    slow = SlowEngine(monkeypatch)
    yield slow
    slow.may_end.set()


@pytest.mark.django_db(transaction=True)
class TestLoading:
    def test_call_that_comes_while_the_models_load_takes_nothing_and_is_made_again(
        self, snapshot: Snapshot, slow_engine: SlowEngine, settings: Settings
    ) -> None:
        for _ in range(3):
            tasks.recognise_snapshot(snapshot.pk)
        snapshot.refresh_from_db()
        assert (snapshot.state, snapshot.attempts) == (WorkState.QUEUED, 0)
        assert tasks.calls_waiting() == 3
        assert not Heartbeat.objects.exists()
        slow_engine.may_end.set()
        settings.LEASE_SECONDS = 120
        tasks.recognise_snapshot(snapshot.pk)
        snapshot.refresh_from_db()
        assert (snapshot.state, snapshot.attempts, slow_engine.built) == (WorkState.DONE, 1, 1)
        tasks.recognise_snapshot(snapshot.pk)
        assert tasks.calls_waiting() == 3

    def test_photo_that_is_gone_is_not_called_for_again(self, snapshot: Snapshot, slow_engine: SlowEngine) -> None:
        pk = snapshot.pk
        snapshot.delete()
        tasks.recognise_snapshot(pk)
        assert tasks.calls_waiting() == 0

    def test_call_for_what_another_worker_has_done_goes_to_what_still_waits(
        self, snapshot: Snapshot, teacher: User, slow_engine: SlowEngine
    ) -> None:
        waiting = Snapshot.objects.create(
            session=snapshot.session, lane=snapshot.lane, sha256="0" * 64, width=9, height=9, uploaded_by=teacher
        )
        Snapshot.objects.filter(pk=snapshot.pk).update(state=WorkState.DONE)
        tasks.recognise_snapshot(snapshot.pk)
        assert tasks.calls_waiting() == 1
        waiting.refresh_from_db()
        assert waiting.woken_at is not None

    def test_change_of_model_waits_for_its_models_uncounted(
        self, recognisable: Callable[..., Student], slow_engine: SlowEngine
    ) -> None:
        change = model_change.set_face_model(name="facenet", by=None)
        tasks.change_face_model(change.pk)
        change.refresh_from_db()
        assert (change.state, change.attempts, change.failure_reason) == (WorkState.QUEUED, 0, "")
        assert not Heartbeat.objects.exists()

    def test_models_that_could_not_be_loaded_are_tried_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fails = iter([True, False])

        def build(recogniser: str, **options: Any) -> FakePipeline:
            if next(fails):
                raise WeightsError("They are not there.")
            return build_pipeline(recogniser, **options)

        monkeypatch.setattr(engine.pipelines, "import_string", lambda name: build)
        with pytest.raises(EngineNotReady, match="They are not there"):
            engine.pipeline("sface")
        assert engine.pipeline("sface").model_id == "fake-sface-1"

    def test_child_loads_and_looks_at_a_photo_before_it_says_that_it_is_ready(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[tuple[int, ...]] = []
        plain = FakePipeline.find_faces

        def find_faces(self: FakePipeline, image: RGBImage) -> list[Face]:
            assert not Heartbeat.objects.exists()
            seen.append(image.shape)
            return plain(self, image)

        monkeypatch.setattr(FakePipeline, "find_faces", find_faces)
        worker._load()
        ((height, width, _channels),) = seen
        assert max(height, width) == working.FIRST_PHOTO_PX
        assert heartbeats.said_of_engine(Heartbeat.objects.all()) == {heartbeats.READY}

    def test_child_that_cannot_load_says_why(self, settings: Settings) -> None:
        settings.FACE_MODEL = "missing"
        worker._load()
        (said,) = heartbeats.said_of_engine(Heartbeat.objects.all())
        assert "weights of missing" in said

    def test_child_whose_models_break_does_not_seem_to_load_for_ever(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(name: str) -> object:
            raise MemoryError

        monkeypatch.setattr(engine.pipelines, "import_string", broken)
        worker._load()
        assert heartbeats.said_of_engine(Heartbeat.objects.all()) == {"The models could not be loaded (MemoryError)."}
        assert "not loaded at the start" in caplog.text


@pytest.mark.django_db(transaction=True)
class TestSweeper:
    def test_round_calls_for_overdue_rows_and_beats(self, snapshot: Snapshot) -> None:
        assert (sweeper.sweep(), sweeper.sweep()) == (1, 0)
        assert heartbeats.alive(heartbeats.SWEEPER, within_seconds=60).count() == 1

    def test_forgets_once_a_day_what_was_kept_long_enough(self, snapshot: Snapshot, today: dt.date) -> None:
        ClassSession.objects.update(held_on=today - dt.timedelta(days=31))
        sweeper.sweep(thorough=False)
        assert Snapshot.objects.exclude(image="").count() == 1
        sweeper.sweep()
        assert Snapshot.objects.exclude(image="").count() == 0
        assert Heartbeat.objects.get(kind=heartbeats.RETENTION).detail["photos"] == 1
        Snapshot.objects.update(image="snapshots/again.jpg")
        sweeper.sweep()
        assert Snapshot.objects.exclude(image="").count() == 1
        Heartbeat.objects.update(at=timezone.now() - dt.timedelta(hours=25))
        sweeper.sweep()
        assert Snapshot.objects.exclude(image="").count() == 0

    def test_row_is_called_for_again_when_the_broker_is_back(
        self, snapshot: Snapshot, broker: Callable[[str], None]
    ) -> None:
        broker(f"redis://127.0.0.1:{closed_port()}/0")
        assert sweeper.sweep() == 0
        broker("memory://")
        assert sweeper.sweep() == 1

    def test_broker_that_nobody_empties_is_not_filled(self, snapshot: Snapshot) -> None:
        long_ago = timezone.now() - dt.timedelta(hours=1)
        assert sweeper.sweep() == 1
        for _ in range(5):
            Snapshot.objects.update(woken_at=long_ago)
            assert sweeper.sweep() == 0
        assert tasks.calls_waiting() == 1
        app.control.purge()
        assert sweeper.sweep() == 1

    def test_lost_work_is_failed_with_a_reason(self, snapshot: Snapshot) -> None:
        Snapshot.objects.update(state=WorkState.PROCESSING, attempts=3, lease_until=timezone.now() - dt.timedelta(1))
        sweeper.sweep()
        snapshot.refresh_from_db()
        assert (snapshot.state, snapshot.failure_code) == (WorkState.FAILED, queue.WORKER_LOST)

    def test_command_does_one_round(self, snapshot: Snapshot, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("sweep", "--once")
        assert "1 rows" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
class TestWorker:
    def test_says_its_name_and_beats_at_most_once_a_sweep(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(heartbeats, "_names", {})
        celeryd_after_setup.send(sender="w1@school", instance=None, conf=None)
        assert Heartbeat.objects.get().detail == heartbeats.of_engine(heartbeats.LOADING)
        pulse = worker._Pulse()
        pulse.beat()
        Heartbeat.objects.update(at=timezone.now() - dt.timedelta(minutes=5))
        pulse.beat()
        assert Heartbeat.objects.get().name == "w1@school"
        assert not heartbeats.alive(heartbeats.WORKER, within_seconds=60).exists()
        heartbeats.beat(heartbeats.WORKER)
        assert heartbeats.alive(heartbeats.WORKER, within_seconds=60).exists()

    def test_refuses_to_start_under_another_model_than_the_templates(
        self, recognisable: Callable[..., Student], settings: Settings
    ) -> None:
        recognisable("ada")
        settings.FACE_MODEL = "facenet"
        with pytest.raises(SystemExit, match="set_face_model facenet"):
            worker.introduce_worker(sender="w1@school")

    def test_pipeline_is_built_once_whoever_asks_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        built = []

        def slow(*args: object, **options: object) -> object:
            time.sleep(0.05)
            built.append(args)
            return object()

        monkeypatch.setattr(engine.pipelines, "import_string", lambda name: slow)
        threads = [threading.Thread(target=engine.pipeline, args=("sface",)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert built == [("sface",)]
