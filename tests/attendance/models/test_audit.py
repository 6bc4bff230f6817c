"""The audit log is append-only: the database itself says so."""

from importlib import import_module

import pytest
from django.db import DatabaseError, connection, transaction

from attendance.models import AuditEvent
from attendance.services.audit import record_event

migration = import_module("attendance.migrations.0002_audit_append_only")


@pytest.fixture
def event(db: None) -> AuditEvent:
    return record_event(actor=None, action="photo.viewed", object_type="snapshot", object_id=1)


def refused(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        return "append-only" in str(error)
    return False


def test_event_cannot_be_changed(event: AuditEvent) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.update(action="other")


def test_event_cannot_be_deleted(event: AuditEvent) -> None:
    # The tests' own database lost this trigger, so that its tables can be emptied: here it is put back as migrated.
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(migration.SQLITE[1])
    assert refused("DELETE FROM attendance_auditevent")
    assert AuditEvent.objects.count() == 1
