"""The admin's page about the queue: what waits, for whom, and what was set aside."""

import datetime as dt
import re
import socket

import pytest
from django.test import Client
from django.utils import timezone

from attendance.models import AuditEvent, ClassSession, Course, Priority, Selfie, Snapshot, User, WorkState
from attendance.services import health, heartbeats, queue
from attendance.web.health import PARTS, SIGNS
from tests.attendance.conftest import World
from tests.attendance.services.builders import photo_of


@pytest.fixture
def office(client: Client, admin: User) -> Client:
    client.force_login(admin)
    return client


def page_of(office: Client) -> str:
    return " ".join(office.get("/school/queue/").content.decode().split())


def waiting(session: ClassSession, *, minutes: int, priority: Priority = Priority.URGENT) -> None:
    photo = photo_of(session, state=WorkState.QUEUED)
    since = timezone.now() - dt.timedelta(minutes=minutes)
    Snapshot.objects.filter(pk=photo.pk).update(queued_at=since, priority=priority)


def test_says_what_waits_for_each_course_and_since_when(
    office: Client, class_session: ClassSession, other_course: Course
) -> None:
    other = ClassSession.objects.create(
        course=other_course,
        starts_at=class_session.starts_at,
        ends_at=class_session.ends_at,
        held_on=class_session.held_on,
    )
    waiting(class_session, minutes=3)
    waiting(class_session, minutes=12)
    waiting(other, minutes=40, priority=Priority.BULK)
    page = page_of(office)
    physics = page[page.index(">Physics<") :]
    assert "2 photos" in physics
    assert "the oldest for 12 minutes" in physics
    music = page[page.index(">Music<") : page.index(">Physics<")]
    assert "1 in the background" in music
    assert "the oldest for 40 minutes" in music
    assert "2, and 1 in the background" in page


def test_every_part_and_every_sign_of_life_has_words(office: Client, db: None) -> None:
    kinds = {
        name: kind for name, kind in vars(heartbeats).items() if name in {"WORKER", "SWEEPER", "RETENTION", "BACKUP"}
    }
    for kind in kinds.values():
        heartbeats.beat(kind)
    assert SIGNS.keys() == set(kinds.values())
    assert PARTS.keys() == set(health.CHECKS)
    page = page_of(office)
    machine = socket.gethostname()
    for words in SIGNS.values():
        assert f"<span>{words} <small>on {machine}</small></span>" in page
    for words in PARTS.values():
        assert f"<span>{words}</span>" in page
    assert not re.search(r"\w@\w", page)
    assert "master_key" not in page


def test_slowest_photo_is_told_in_seconds(office: Client, world: World) -> None:
    Snapshot.objects.update(processing_ms=1249)
    assert "1.2 seconds" in page_of(office)


def test_nothing_waits(office: Client, db: None) -> None:
    assert "Nothing waits." in page_of(office)


def test_photo_that_was_set_aside_is_queued_again_as_urgent(office: Client, world: World) -> None:
    Snapshot.objects.update(state=WorkState.FAILED, failure_reason="Too dark.", priority=Priority.BULK)
    retry = f"/school/queue/photos/{world.photo.public_id}/retry/"
    page = page_of(office)
    assert "Too dark." in page
    assert retry in page
    answer = office.post(retry)
    assert answer["Location"] == "/school/queue/"
    world.photo.refresh_from_db()
    assert (world.photo.state, world.photo.priority) == (WorkState.QUEUED, Priority.URGENT)
    assert AuditEvent.objects.filter(action="photo.retried").count() == 1
    assert "Too dark." not in page_of(office)


def test_photo_of_a_final_session_has_no_button(office: Client, world: World) -> None:
    Snapshot.objects.update(state=WorkState.FAILED, failure_reason="Too dark.")
    ClassSession.objects.update(state=ClassSession.State.FINAL, finalised_at=timezone.now())
    page = page_of(office)
    assert "Too dark." in page
    assert "/school/queue/photos/" not in page


def test_selfie_that_broke_the_worker_is_there_and_one_to_retake_is_not(office: Client, world: World) -> None:
    Selfie.objects.update(state=WorkState.FAILED, failure_code="no-face", failure_reason="No face.")
    assert "No face." not in page_of(office)
    Selfie.objects.update(failure_code=queue.WORKER_LOST, failure_reason="It broke.")
    assert "It broke." in page_of(office)
    assert office.post(f"/school/queue/selfies/{world.selfie.pk}/retry/")["Location"] == "/school/queue/"
    world.selfie.refresh_from_db()
    assert world.selfie.state == WorkState.QUEUED


def test_what_did_not_fail_is_not_queued_again(office: Client, world: World) -> None:
    assert office.post(f"/school/queue/photos/{world.photo.public_id}/retry/").status_code == 409
    world.photo.refresh_from_db()
    assert world.photo.state == WorkState.DONE
