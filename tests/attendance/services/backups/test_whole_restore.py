"""Restores that migrate for real: all of it comes back, from nothing, into tables that are as they were."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    Consent,
    DetectedFace,
    FaceTemplate,
    Heartbeat,
    Selfie,
    Snapshot,
    Student,
    User,
    WorkState,
)
from attendance.services import backups, erasures, gallery, recognition
from attendance.services.backups import mending
from attendance.services.doctor import copies
from tests.attendance.services.backups.conftest import School, bring_back, lose_the_database, lose_the_files
from tests.conftest import PASSWORD

# In the group that also runs on PostgreSQL, and not in the fast one: every migration runs twice.
pytestmark = pytest.mark.faults
COMPARED = (Student, Snapshot, Selfie, FaceTemplate, DetectedFace, AttendanceRecord, Consent, ClassSession, AuditEvent)
QUEUE_FIELDS = {"attempts", "fencing_token", "lease_until", "not_before", "woken_at"}


def rows() -> dict[str, list[dict[str, Any]]]:
    """All of what matters, without where a piece of work stands in the queue."""
    found = {}
    for model in COMPARED:
        values = model._default_manager.order_by("pk").values()
        found[model.__name__] = [{k: v for k, v in one.items() if k not in QUEUE_FIELDS} for one in values]
    found["AuditEvent"] = [one for one in found["AuditEvent"] if one["action"] != "backup.restored"]
    return found


def tables() -> set[tuple[str, ...]]:
    """What the database holds of tables, indexes and triggers."""
    if connection.vendor != "sqlite":
        return {(name,) for name in connection.introspection.table_names()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
        return set(cursor.fetchall())


def interrupt(*_: object) -> int:
    raise KeyboardInterrupt


def test_everything_is_back_after_all_was_lost_and_a_first_try_was_interrupted(
    working: School, place: Path, private_files: Path, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, tables_before, highest = rows(), tables(), max(Student.objects.values_list("pk", flat=True))
    folder = backups.make_backup(place)
    installation = backups.verify(folder).installation
    made_at = backups.verify(folder).made_at
    lose_the_database()
    lose_the_files(private_files)
    with monkeypatch.context() as patch:
        patch.setattr(mending, "forget_again", interrupt)
        with pytest.raises(KeyboardInterrupt):
            bring_back(folder)
    assert connection.introspection.table_names() == []
    shutil.rmtree(private_files.parent / erasures.FOLDER)
    done = bring_back(folder)
    assert done.rows == backups.verify(folder).counts
    assert done.without_file == []
    assert (done.forgotten, done.orphans, done.requeued) == (0, 0, 1)
    assert rows() == before
    assert tables_before <= tables()
    assert User.objects.get(username="teacher").check_password(PASSWORD)
    assert gallery.open_selfie_image(selfie=Selfie.objects.first() or Selfie(), by=admin).startswith(b"\xff\xd8")
    recognition.recognise(working.queued.pk)
    assert Snapshot.objects.get(pk=working.queued.pk).state == WorkState.DONE
    assert Student.objects.create(name="Cem", sort_key="cem").pk > highest
    assert erasures.installation_ids() == (installation, installation)
    assert Heartbeat.objects.get(kind="backup").at == made_at
    assert "restored from it, and none was made since" in copies.backup().sentence
    assert AuditEvent.objects.filter(action="backup.restored").count() == 1
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.all().delete()
