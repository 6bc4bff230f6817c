"""Metrics: what they say of work that was really done, and that they hold nobody."""

import datetime as dt
import re
import time

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from attendance.context import RequestContext, request_context
from attendance.logs import ContextFilter
from attendance.models import ClassSession, Heartbeat, Snapshot, Status, Student, User, WorkState
from attendance.services import queue, recognition, records, snapshots
from attendance.services.errors import BadPhoto
from attendance.services.metrics import database
from attendance.services.metrics.exposition import exposition
from tests.conftest import MakeStudent, Recognisable
from tests.fakes import class_photo

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "a-token-of-some-length"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples() -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(exposition().decode()):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_queue_by_state_and_age(snapshot: Snapshot) -> None:
    Snapshot.objects.update(queued_at=timezone.now() - dt.timedelta(minutes=5))
    found = samples()
    depth = {"kind": "photo", "priority": "urgent"}
    assert value(found, "rollcall_queue_depth", state="queued", **depth) == 1
    assert value(found, "rollcall_queue_depth", state="failed", **depth) == 0
    assert 299 < value(found, "rollcall_queue_oldest_seconds", **depth) < 400
    assert value(found, "rollcall_queue_oldest_seconds", kind="selfie", priority="bulk") == 0


def test_every_kind_of_work_is_told_of_as_it_stands_and_as_it_ended(snapshot: Snapshot) -> None:
    told = {(name, dict(labels).get("kind")) for name, labels in samples()}
    for kind in queue.NAMED:
        assert ("rollcall_queue_depth", kind) in told
        assert ("rollcall_recent_work", kind) in told


def test_photo_that_was_done(recognisable: Recognisable, class_session: ClassSession, teacher: User) -> None:
    ada = recognisable("ada")
    photo = snapshots.add_snapshot(session=class_session, data=class_photo("ada", "zoe"), by=teacher).snapshot
    recognition.recognise(photo.pk)
    records.set_status(session=class_session, student=ada, status=Status.LATE, by=teacher)
    found = samples()
    assert value(found, "rollcall_recent_work", kind="photo", outcome="done") == 1
    assert value(found, "rollcall_recent_attempts", kind="photo") == 1
    assert value(found, "rollcall_recent_faces", outcome="marked") == 1
    assert value(found, "rollcall_recent_faces", outcome="unknown") == 1
    assert value(found, "rollcall_recent_marks", by="machine") == 1
    assert value(found, "rollcall_recent_marks", by="person") == 1
    assert value(found, "rollcall_recent_marks", by="corrected") == 1
    for stage in ("wait", "decode", "match", "write", "total"):
        assert value(found, "rollcall_stage_seconds", stage=stage, quantile="0.95") >= 0
    assert value(found, "rollcall_worker_memory_bytes") > 10_000_000


def test_photo_that_failed_is_counted_by_its_reason(snapshot: Snapshot) -> None:
    Snapshot.objects.update(
        state=WorkState.FAILED, failure_code="bad-photo", failure_reason="No.", finished_at=timezone.now(), attempts=3
    )
    found = samples()
    assert value(found, "rollcall_recent_failures", kind="photo", code="bad-photo") == 1
    assert value(found, "rollcall_recent_attempts", kind="photo") == 3
    Snapshot.objects.update(finished_at=timezone.now() - dt.timedelta(minutes=20))
    assert value(samples(), "rollcall_recent_work", kind="photo", outcome="failed") == 0


def test_signs_of_life_and_the_backup() -> None:
    now = timezone.now()
    Heartbeat.objects.create(name="w1", kind="worker", at=now)
    Heartbeat.objects.create(name="w2", kind="worker", at=now - dt.timedelta(hours=2))
    Heartbeat.objects.create(name="b", kind="backup", at=now - dt.timedelta(hours=30))
    found = samples()
    assert value(found, "rollcall_heartbeats", kind="worker") == 1
    assert value(found, "rollcall_heartbeat_age_seconds", kind="worker") < 60
    assert value(found, "rollcall_heartbeat_age_seconds", kind="backup") > 29 * 3600
    assert value(found, "rollcall_ready", check="sweeper") == 0
    assert value(found, "rollcall_ready", check="database") == 1
    assert value(found, "rollcall_disk_free_bytes") > 0


def test_uploads_by_outcome(class_session: ClassSession, teacher: User) -> None:
    def count(outcome: str) -> float:
        return samples().get(("rollcall_uploads_total", frozenset({("outcome", outcome)})), 0)

    before = {outcome: count(outcome) for outcome in ("accepted", "known", "bad-photo")}
    for _ in range(2):
        snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher)
    with pytest.raises(BadPhoto):
        snapshots.add_snapshot(session=class_session, data=b"no photo", by=teacher)
    assert {outcome: count(outcome) - before[outcome] for outcome in before} == dict.fromkeys(before, 1)


def test_requests_are_counted_by_view(client: Client) -> None:
    client.get("/enrol/tok3n-of-a-link/")
    client.get("/sessions/4711/")
    client.get("/no/such/page")
    text = exposition().decode()
    assert 'rollcall_http_request_seconds_count{status="4xx",view="link"}' in text
    assert 'view="session"' in text
    assert 'view="none"' in text
    assert not re.search("tok3n|4711|such", text)


def test_nobody_is_named(
    make_student: MakeStudent, class_session: ClassSession, teacher: User, student: Student, snapshot: Snapshot
) -> None:
    recognition.recognise(snapshot.pk)
    text = exposition().decode()
    for secret in (student.name, teacher.name, teacher.username, class_session.course.code, class_session.course.name):
        assert f'"{secret}"' not in text


def test_database_that_breaks_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OperationalError("away")

    monkeypatch.setattr(database, "READERS", (broken,))
    found = samples()
    assert value(found, "rollcall_database_up") == 0
    assert value(found, "rollcall_ready", check="database") == 1


def test_database_that_freezes_leaves_the_rest_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "READERS", (lambda: time.sleep(30),))
    monkeypatch.setattr(database, "SECONDS", 0.2)
    started = time.monotonic()
    assert value(samples(), "rollcall_database_up") == 0
    assert time.monotonic() - started < 10


class TestAccess:
    def test_is_not_there_unless_a_token_or_network_is_set(self, client: Client) -> None:
        assert client.get("/metrics").status_code == 404

    def test_token_opens_it_and_another_does_not(self, client: Client, settings: Settings) -> None:
        settings.METRICS_TOKEN = TOKEN
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        assert b"rollcall_queue_depth" in answer.content
        for offered in (f"Bearer {TOKEN}x", "Bearer ", TOKEN, ""):
            assert client.get("/metrics", headers={"Authorization": offered}).status_code == 404

    def test_network_opens_it(self, client: Client, settings: Settings) -> None:
        settings.METRICS_ALLOWED = ["10.0.0.0/8", "192.0.2.7"]
        assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
        assert client.get("/metrics", REMOTE_ADDR="192.0.2.8").status_code == 404
        forged = client.get("/metrics", REMOTE_ADDR="192.0.2.8", headers={"X-Forwarded-For": "10.1.2.3"})
        assert forged.status_code == 404


def test_work_goes_on_under_the_id_of_its_request(
    class_session: ClassSession, teacher: User, caplog: pytest.LogCaptureFixture
) -> None:
    with request_context(RequestContext(request_id="upload-4711", address=None)):
        photo = snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher).snapshot
    caplog.handler.addFilter(ContextFilter())
    with caplog.at_level("INFO"):
        recognition.recognise(photo.pk)
    said = [line for line in caplog.records if f"snapshot {photo.pk}" in line.getMessage()]
    assert [getattr(line, "request_id", "") for line in said] == ["upload-4711"]
