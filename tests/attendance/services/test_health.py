"""Readiness: each thing that a photo needs, broken and whole, and an answer in time whatever is frozen."""

import base64
import datetime as dt
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from attendance.models import Heartbeat, Student
from attendance.services import bounded, disk, health, keys

pytestmark = pytest.mark.django_db(transaction=True)
IN_TIME_SECONDS = 5.0


@pytest.fixture
def frozen_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield int(listener.getsockname()[1])


def heard(kind: str, *, detail: dict[str, str] | None = None) -> None:
    Heartbeat.objects.create(name=f"{kind}@school", kind=kind, at=timezone.now(), detail=detail or {})


def test_what_is_missing_is_named_and_nothing_else(client: Client) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["status"] == "not-ready"
    checks = response.json()["checks"]
    assert set(checks) == set(health.CHECKS)
    assert {type(holds) for holds in checks.values()} == {bool}
    assert (checks["database"], checks["disk"], checks["files"]) == (True, True, True)
    assert (checks["broker"], checks["worker"], checks["sweeper"]) == (False, False, False)


def test_probe_by_head_gets_the_status_alone(client: Client) -> None:
    for path, status in (("/health/live", 200), ("/health/ready", 503)):
        response = client.head(path)
        assert (response.status_code, response.content) == (status, b"")


def test_live_needs_nothing(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}


def test_only_who_was_heard_of_lately_counts() -> None:
    heard("worker")
    assert health.readiness()["worker"] is True
    assert health.readiness()["sweeper"] is False
    Heartbeat.objects.update(at=timezone.now() - dt.timedelta(seconds=health.ALIVE_SECONDS + 30))
    assert health.readiness()["worker"] is False


def test_disk_that_is_nearly_full(settings: Settings) -> None:
    settings.MIN_FREE_DISK_MB = disk.fullest_free_mb() + 1_000_000
    assert health.readiness()["disk"] is False


def test_wrong_master_key(student: Student, settings: Settings) -> None:
    keys.student_key(student.pk)
    assert health.readiness()["master_key"] is True
    settings.MASTER_KEY = base64.b64encode(secrets.token_bytes(32)).decode()
    assert health.readiness()["master_key"] is False


class TestWeights:
    def test_the_folder_here_speaks_while_no_worker_has(self, settings: Settings, tmp_path: Path) -> None:
        settings.WEIGHTS_DIR = tmp_path
        heard("worker")
        assert health.readiness()["weights"] is False
        (tmp_path / "yunet.onnx").touch()
        assert health.readiness()["weights"] is True

    def test_site_without_a_folder_trusts_its_workers(self, settings: Settings, tmp_path: Path) -> None:
        settings.WEIGHTS_DIR = tmp_path / "none"
        assert health.readiness()["weights"] is False
        heard("worker")
        assert health.readiness()["weights"] is True

    def test_worker_that_refuses_them_is_believed(self, settings: Settings, tmp_path: Path) -> None:
        settings.WEIGHTS_DIR = tmp_path
        (tmp_path / "yunet.onnx").touch()
        heard("worker", detail={"engine": "The weights file does not hold the bytes of the manifest."})
        assert health.readiness()["weights"] is False

    def test_worker_that_is_loading_says_nothing_of_them(self, settings: Settings, tmp_path: Path) -> None:
        settings.WEIGHTS_DIR = tmp_path
        (tmp_path / "yunet.onnx").touch()
        heard("worker", detail={"engine": "loading"})
        assert health.readiness()["weights"] is True


def test_files_without_a_row_are_the_wrong_database(private_files: Path) -> None:
    assert health.readiness()["files"] is True
    (private_files / "snapshots").mkdir(parents=True)
    (private_files / "snapshots" / "left.jpg").touch()
    assert health.readiness()["files"] is False


def test_frozen_broker_is_missing_in_time(settings: Settings, frozen_port: int) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{frozen_port}/0"
    started = time.monotonic()
    assert health.readiness()["broker"] is False
    assert time.monotonic() - started < IN_TIME_SECONDS


class TestRound:
    def test_what_hangs_is_missing_in_time_and_not_asked_again_until_it_is_over(self) -> None:
        thaw, asked = threading.Event(), []

        def frozen(notes: dict[str, bool]) -> None:
            asked.append("frozen")
            notes["first"] = True
            thaw.wait(60)
            notes["second"] = True

        def sound(notes: dict[str, bool]) -> None:
            notes["sound"] = True

        questions = bounded.Round({"frozen": frozen, "sound": sound})
        started = time.monotonic()
        assert questions.ask(seconds=0.5) == {"first": True, "sound": True}
        assert questions.ask(seconds=0.5) == {"sound": True}
        assert time.monotonic() - started < IN_TIME_SECONDS
        assert asked == ["frozen"]
        thaw.set()
        for _ in range(100):
            if "second" in questions.ask(seconds=5):
                return
            time.sleep(0.05)
        pytest.fail("the group was never asked again")

    def test_error_of_a_question_reaches_who_asked(self) -> None:
        def broken() -> int:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            bounded.ask(broken, seconds=10)


def test_flood_of_probes_asks_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    settings.READINESS_KEPT_SECONDS = 60.0

    def count(notes: dict[str, bool]) -> None:
        asked.append(1)
        notes["database"] = True

    monkeypatch.setattr(health, "_latest", health._Latest())
    monkeypatch.setattr(health._latest, "_round", bounded.Round({"database": count}))
    threads = [threading.Thread(target=health.readiness) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [1]
