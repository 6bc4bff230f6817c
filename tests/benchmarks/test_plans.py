"""The plans of every page and export on a small made school: none reads or sorts all marks."""

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from attendance.models import AttendanceRecord, AuditEvent, ClassSession, Enrolment, User
from benchmarks import big_school, plans
from benchmarks.records_at_scale import CASES, Case, addressed


@pytest.fixture
def school(transactional_db: None) -> None:
    """Sixty students in ten courses that met on twelve days."""
    big_school.fill(big_school.Size(60, 12))


def asked(case: Case) -> list[plans.Query]:
    client = Client()
    client.force_login(User.objects.get(username=case.who), backend=settings.AUTHENTICATION_BACKENDS[1])
    with plans.recorded() as queries:
        response = client.get(addressed(case))
        assert response.status_code == 200
        if response.streaming:
            assert len(list(response)) > 0
    return queries


def test_made_school_has_a_mark_and_an_event_for_each_student_and_meeting(school: None) -> None:
    assert (Enrolment.objects.count(), ClassSession.objects.count()) == (300, 120)
    assert AttendanceRecord.objects.count() == AuditEvent.objects.count() == 300 * 12
    pairs = AttendanceRecord.objects.values_list("session_id", "student_id").distinct().count()
    assert pairs == 3600
    assert set(AttendanceRecord.objects.values_list("status", flat=True).distinct()) == {
        *("PRESENT", "LATE", "EXCUSED", "ABSENT")
    }
    with connection.cursor() as cursor:
        tables = connection.introspection.get_constraints(cursor, "attendance_attendancerecord")
    assert "record_session_student_status" in tables


def test_no_page_reads_or_sorts_all_marks(school: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a real school, a batch is a small part of all meetings.
    monkeypatch.setattr("attendance.services.exports._SESSIONS_AT_ONCE", 10)
    faults = {}
    for case in CASES:
        queries = asked(case)
        told = [plans.plan_of(query) for query in queries]
        faults[case.name] = [fault for plan in told for fault in plan.faults]
        assert all(plan.lines for plan in told)
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "attendance_attendancerecord"."version" FROM "attendance_attendancerecord" WHERE "version" > 5',
        'SELECT COUNT(*) FROM "attendance_attendancerecord" WHERE "status" = \'LATE\'',
        'SELECT DISTINCT "action" FROM "attendance_auditevent" ORDER BY 1',
        'SELECT U0."version" FROM "attendance_attendancerecord" U0 ORDER BY U0."version"',
    ],
)
def test_reading_all_is_found(school: None, sql: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL rightly reads all of a table of a few pages")
    assert plans.plan_of(plans.Query(sql, ())).faults


def test_sorting_the_marks_of_all_courses_is_found(school: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL is judged by how many rows it expects to sort, and here they are few")
    marks = AttendanceRecord.objects.filter(session__held_on__gte="2000-01-01").order_by("session__held_on", "status")
    with plans.recorded() as queries:
        assert marks.values_list("status").first() is not None
    assert plans.plan_of(queries[0]).faults


def test_seeking_is_no_fault(school: None) -> None:
    sql = 'SELECT "status" FROM "attendance_attendancerecord" WHERE "session_id" = 1 AND "student_id" = 1'
    plan = plans.plan_of(plans.Query(sql, ()))
    assert plan.lines
    assert plan.faults == ()
