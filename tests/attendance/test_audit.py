"""The audit log: who, what, from where, and never changed afterwards."""

import importlib

import pytest
from django.db import DatabaseError, connection, transaction

from attendance.context import RequestContext, request_context
from attendance.models import AuditEvent, ClassSession, Student, User
from attendance.services import records
from attendance.services.audit import record_event


@pytest.fixture
def event(teacher: User) -> AuditEvent:
    """One event, in a log with its triggers as the migration makes them."""
    if connection.vendor == "sqlite":
        statements = importlib.import_module("attendance.migrations.0002_audit_append_only").SQLITE
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER audit_no_update")
            for statement in statements:
                cursor.execute(statement)
    return record_event(actor=teacher, action="photo.viewed", object_type="snapshot", object_id=7)


def test_row_cannot_be_changed(event: AuditEvent) -> None:
    event.reason = "never happened"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        event.save()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.update(actor_id=None)


def test_row_cannot_be_deleted(event: AuditEvent) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.all().delete()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        event.delete()


def test_event_knows_request_and_address(teacher: User) -> None:
    with request_context(RequestContext(request_id="abc-12345", address="192.0.2.7")):
        event = record_event(actor=teacher, action="photo.viewed", object_type="snapshot", object_id=7)
    event.refresh_from_db()
    assert (event.actor_id, event.object_id, event.address, event.request_id) == (
        teacher.pk,
        "7",
        "192.0.2.7",
        "abc-12345",
    )


def test_machine_has_no_actor_and_outside_a_request_there_is_no_address(db: None) -> None:
    event = record_event(actor=None, action="record.set", object_type="attendancerecord", object_id=1)
    assert (event.actor_id, event.address, event.request_id) == (None, None, "")


def test_long_reason_is_cut(teacher: User) -> None:
    event = record_event(actor=teacher, action="x", object_type="y", object_id=1, reason="r" * 1000)
    assert len(event.reason) == 300


def test_event_goes_back_with_the_change_it_speaks_of(
    class_session: ClassSession, student: Student, teacher: User
) -> None:
    with transaction.atomic():
        records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
        transaction.set_rollback(True)
    assert not AuditEvent.objects.exists()


def test_event_outlives_what_it_speaks_of(class_session: ClassSession, student: Student, teacher: User) -> None:
    records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
    student.delete()
    class_session.delete()
    event = AuditEvent.objects.get()
    assert event.student_id is not None
    assert event.session_id is not None


def test_event_holds_no_name(class_session: ClassSession, student: Student, teacher: User) -> None:
    records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
    event = AuditEvent.objects.get()
    values = [str(getattr(event, field.attname)) for field in event._meta.concrete_fields]
    assert not any(student.name in value or teacher.name in value for value in values)
