"""An older release beside a newer one leaves the work to it."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from attendance import sweeper
from attendance.models import Heartbeat, Snapshot, WorkState
from attendance.services import queue, release
from attendance.services.errors import BadPhoto, EngineNotReady


def upgrade() -> None:
    """Let the database be migrated by a release that this code does not know."""
    MigrationRecorder(connection).record_applied("attendance", "9999_of_a_newer_release")


def test_the_own_migrations_are_known(db: None) -> None:
    assert not release.is_outdated()
    release.require_current()


def test_migrations_of_others_do_not_matter(db: None) -> None:
    MigrationRecorder(connection).record_applied("auth", "9999_of_another_package")
    assert not release.is_outdated()


def test_no_photo_is_claimed_after_an_upgrade(snapshot: Snapshot) -> None:
    upgrade()
    with pytest.raises(EngineNotReady, match="newer release"):
        queue.claim(Snapshot, snapshot.pk)
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts) == (WorkState.QUEUED, 0)


def test_work_begun_before_an_upgrade_writes_nothing_after_it(snapshot: Snapshot) -> None:
    claim = queue.claim(Snapshot, snapshot.pk)
    assert claim is not None
    upgrade()
    with pytest.raises(EngineNotReady, match="newer release"):
        queue.complete(claim, face_count=3)
    snapshot.refresh_from_db()
    assert snapshot.state != WorkState.DONE
    assert snapshot.face_count != 3


def test_an_older_release_neither_gives_a_photo_up_nor_notes_progress(snapshot: Snapshot) -> None:
    claim = queue.claim(Snapshot, snapshot.pk)
    assert claim is not None
    upgrade()
    with pytest.raises(EngineNotReady, match="newer release"):
        queue.fail(claim, code="bad-photo", reason="Not a readable photo.")
    with pytest.raises(EngineNotReady, match="newer release"):
        queue.note_progress(claim, face_count=3)
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.failure_reason, snapshot.face_count) == (WorkState.PROCESSING, "", None)


@pytest.mark.parametrize("error", [BadPhoto("Not a readable photo."), RuntimeError("boom")])
def test_what_an_older_release_cannot_do_goes_back_uncounted_to_the_newer(
    snapshot: Snapshot, error: Exception, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 1
    claim = queue.claim(Snapshot, snapshot.pk)
    assert claim is not None
    upgrade()
    with pytest.raises(EngineNotReady, match="newer release"), queue.attempt(claim):
        raise error
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts, snapshot.failure_reason) == (WorkState.QUEUED, 0, "")


def test_the_sweeper_touches_nothing_and_leaves_no_sign_of_life(snapshot: Snapshot) -> None:
    upgrade()
    assert sweeper.sweep() == 0
    assert not Heartbeat.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_site_is_not_ready_and_says_why(client: Client) -> None:
    assert client.get("/health/ready").json()["checks"]["release"] is True
    upgrade()
    try:
        assert client.get("/health/ready").json()["checks"]["release"] is False
    finally:  # what is emptied after a test leaves this table alone, and every later test would be outdated
        MigrationRecorder(connection).record_unapplied("attendance", "9999_of_a_newer_release")
