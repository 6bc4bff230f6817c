"""Meetings: which times can be meant, what finalising closes, and what is on today."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    Course,
    DetectedFace,
    Term,
    User,
    WorkState,
)
from attendance.services import records, sessions
from attendance.services.errors import BadDate, SessionClosed, WrongState
from attendance.services.sessions import TodayState
from tests.attendance.services.builders import face_in, photo_of
from tests.conftest import MakeStudent

HOUR = dt.timedelta(hours=1)


def open_at(course: Course, starts_at: dt.datetime, by: User, length: dt.timedelta = HOUR) -> ClassSession:
    return sessions.open_session(course=course, starts_at=starts_at, ends_at=starts_at + length, by=by)


class TestOpening:
    def test_day_is_the_schools_day(self, course: Course, teacher: User) -> None:
        with timezone.override(ZoneInfo("Pacific/Auckland")):
            now = timezone.localtime().replace(hour=1, minute=0, second=0, microsecond=0)
            session = open_at(course, now.astimezone(dt.UTC), teacher)
            assert session.held_on == now.date()
        assert AuditEvent.objects.get(action="session.opened").session_id == session.pk

    @pytest.mark.parametrize(
        "starts_at",
        [
            dt.datetime(9999, 12, 31, 23, 30, tzinfo=dt.UTC),
            dt.datetime(9999, 12, 31, 23, 30, tzinfo=ZoneInfo("America/Lima")),
            dt.datetime(1, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo")),
        ],
    )
    def test_year_that_cannot_be_meant_is_refused(self, starts_at: dt.datetime, course: Course, teacher: User) -> None:
        with pytest.raises(BadDate):
            sessions.open_session(course=course, starts_at=starts_at, ends_at=starts_at, by=teacher)

    @pytest.mark.parametrize("aware", [True, False])
    def test_hour_that_summer_time_leaves_out_is_refused(self, aware: bool, course: Course, teacher: User) -> None:
        berlin = ZoneInfo("Europe/Berlin")
        Term.objects.update(starts_on=dt.date(2026, 1, 1), ends_on=dt.date(2026, 12, 31))
        course.refresh_from_db()
        gap = dt.datetime(2026, 3, 29, 2, 30, tzinfo=berlin if aware else None)
        with timezone.override(berlin), pytest.raises(BadDate, match="clocks"):
            open_at(course, gap, teacher)

    def test_naive_time_is_on_the_schools_clock(self, course: Course, teacher: User) -> None:
        berlin = ZoneInfo("Europe/Berlin")
        with timezone.override(berlin):
            local = timezone.localtime().replace(hour=8, minute=0, second=0, microsecond=0)
            session = open_at(course, local.replace(tzinfo=None), teacher)
        assert session.starts_at == local

    def test_two_days_ahead_is_refused(self, course: Course, teacher: User) -> None:
        with pytest.raises(BadDate, match="ahead"):
            open_at(course, timezone.now() + dt.timedelta(days=2), teacher)

    def test_day_outside_the_term_is_refused(self, course: Course, teacher: User) -> None:
        with pytest.raises(BadDate, match="term"):
            open_at(course, timezone.now() - dt.timedelta(days=100), teacher)

    @pytest.mark.parametrize("length", [dt.timedelta(0), -HOUR, dt.timedelta(hours=25)])
    def test_length_that_cannot_be_meant_is_refused(self, length: dt.timedelta, course: Course, teacher: User) -> None:
        with pytest.raises(BadDate):
            open_at(course, timezone.now(), teacher, length=length)

    def test_same_start_twice_is_refused(self, course: Course, teacher: User) -> None:
        now = timezone.now()
        open_at(course, now, teacher)
        with pytest.raises(BadDate, match="already"):
            open_at(course, now, teacher)


class TestTakeAttendanceNow:
    def test_two_taps_give_one_session(self, course: Course, teacher: User, admin: User) -> None:
        first = sessions.session_for_today(course=course, by=teacher)
        assert sessions.session_for_today(course=course, by=admin) == first
        assert ClassSession.objects.count() == 1

    def test_running_meeting_comes_before_an_older_open_one(self, course: Course, teacher: User) -> None:
        now = timezone.now()
        running = ClassSession.objects.create(
            course=course, starts_at=now - HOUR / 2, ends_at=now + HOUR, held_on=timezone.localdate(now)
        )
        ClassSession.objects.create(
            course=course, starts_at=now + HOUR * 2, ends_at=now + HOUR * 3, held_on=timezone.localdate(now)
        )
        assert sessions.session_for_today(course=course, by=teacher) == running

    def test_earlier_meeting_still_open_is_the_one_meant(self, course: Course, teacher: User) -> None:
        now = timezone.now()
        earlier = ClassSession.objects.create(
            course=course, starts_at=now - HOUR * 3, ends_at=now - HOUR * 2, held_on=timezone.localdate(now)
        )
        assert sessions.session_for_today(course=course, by=teacher) == earlier

    def test_finished_meeting_of_the_morning_is_not_taken_again(self, course: Course, teacher: User) -> None:
        now = timezone.now()
        morning = ClassSession.objects.create(
            course=course, starts_at=now - HOUR * 3, ends_at=now - HOUR * 2, held_on=timezone.localdate(now)
        )
        sessions.finalise_session(session=morning, by=teacher)
        assert sessions.session_for_today(course=course, by=teacher) != morning

    def test_outside_the_term_there_is_none(self, course: Course, teacher: User, today: dt.date) -> None:
        Term.objects.update(ends_on=today - dt.timedelta(days=1))
        course.refresh_from_db()
        with pytest.raises(BadDate):
            sessions.session_for_today(course=course, by=teacher)


class TestFinalising:
    def test_not_seen_becomes_absent_by_the_teachers_word(
        self, class_session: ClassSession, make_student: MakeStudent, teacher: User
    ) -> None:
        ada, ben = make_student("ada"), make_student("ben")
        records.set_status(session=class_session, student=ada, status="LATE", by=teacher)
        assert sessions.finalise_session(session=class_session, by=teacher) == 1
        marks = {r.student: (r.status, r.source, r.updated_by) for r in AttendanceRecord.objects.all()}
        assert marks == {ada: ("LATE", "MANUAL", teacher), ben: ("ABSENT", "MANUAL", teacher)}
        class_session.refresh_from_db()
        assert (class_session.is_final, class_session.finalised_by) == (True, teacher)
        assert class_session.finalised_at is not None

    def test_empty_marks_stay_empty_when_asked(
        self, class_session: ClassSession, make_student: MakeStudent, teacher: User
    ) -> None:
        make_student("ada")
        assert sessions.finalise_session(session=class_session, by=teacher, mark_absent=False) == 0
        assert not AttendanceRecord.objects.exists()

    def test_embeddings_and_their_key_are_dropped(
        self, class_session: ClassSession, make_student: MakeStudent, teacher: User
    ) -> None:
        class_session.wrapped_key = b"wrapped"
        class_session.save()
        face_in(class_session, make_student("ada"))
        sessions.finalise_session(session=class_session, by=teacher)
        assert ClassSession.objects.get().wrapped_key is None
        assert DetectedFace.objects.get().sealed_embedding is None

    def test_nobody_is_marked_absent_while_a_photo_waits(
        self, class_session: ClassSession, make_student: MakeStudent, teacher: User
    ) -> None:
        make_student("ada")
        photo_of(class_session, state=WorkState.QUEUED)
        with pytest.raises(WrongState, match="1 photo is still waiting"):
            sessions.finalise_session(session=class_session, by=teacher)
        assert not AttendanceRecord.objects.exists()
        sessions.finalise_session(session=class_session, by=teacher, mark_absent=False)

    def test_failed_photo_does_not_hold_the_register_up(self, class_session: ClassSession, teacher: User) -> None:
        photo_of(class_session, state=WorkState.FAILED, reason="No face was found.")
        sessions.finalise_session(session=class_session, by=teacher)
        assert ClassSession.objects.get().is_final

    def test_twice_is_refused(self, class_session: ClassSession, teacher: User) -> None:
        sessions.finalise_session(session=class_session, by=teacher)
        with pytest.raises(SessionClosed):
            sessions.finalise_session(session=class_session, by=teacher)

    def test_reopened_session_takes_marks_again(
        self, class_session: ClassSession, make_student: MakeStudent, teacher: User
    ) -> None:
        ada = make_student("ada")
        sessions.finalise_session(session=class_session, by=teacher)
        sessions.reopen_session(session=class_session, by=teacher)
        record = records.set_status(session=class_session, student=ada, status="PRESENT", by=teacher)
        class_session.refresh_from_db()
        assert (record.status, class_session.finalised_at) == ("PRESENT", None)
        actions = AuditEvent.objects.filter(action__startswith="session.").order_by("pk")
        assert [(e.action, e.old, e.new, e.actor_id) for e in actions] == [
            ("session.finalised", "OPEN", "FINAL", teacher.pk),
            ("session.reopened", "FINAL", "OPEN", teacher.pk),
        ]

    def test_open_session_cannot_be_reopened(self, class_session: ClassSession, teacher: User) -> None:
        with pytest.raises(WrongState):
            sessions.reopen_session(session=class_session, by=teacher)


class TestToday:
    def test_course_without_a_meeting_is_not_taken(
        self, course: Course, make_student: MakeStudent, teacher: User, today: dt.date
    ) -> None:
        make_student("ada")
        (row,) = sessions.today(teacher, day=today)
        assert (row.course, row.session, row.state, row.enrolled) == (course, None, TodayState.NOT_TAKEN, 1)

    def test_meeting_without_photo_or_mark_is_not_taken(
        self, class_session: ClassSession, teacher: User, today: dt.date
    ) -> None:
        (row,) = sessions.today(teacher, day=today)
        assert (row.session, row.state) == (class_session, TodayState.NOT_TAKEN)

    def test_photos_and_marks_are_counted(
        self, class_session: ClassSession, make_student: MakeStudent, teacher: User, today: dt.date
    ) -> None:
        face_in(class_session, make_student("ben"))
        for state in (WorkState.QUEUED, WorkState.PROCESSING):
            photo = photo_of(class_session)
            type(photo).objects.filter(pk=photo.pk).update(state=state, lease_until=timezone.now())
        photo_of(class_session, state=WorkState.FAILED, reason="Unreadable")
        photo_of(class_session, state=WorkState.CANCELLED)
        records.set_status(session=class_session, student=make_student("ada"), status="LATE", by=teacher)
        (row,) = sessions.today(teacher, day=today)
        assert (row.state, row.enrolled, row.marked) == (TodayState.OPEN, 2, 1)
        assert (row.photos_waiting, row.photos_failed, row.photos_done) == (2, 1, 1)

    def test_final_meeting_says_so(self, class_session: ClassSession, teacher: User, today: dt.date) -> None:
        sessions.finalise_session(session=class_session, by=teacher)
        assert [row.state for row in sessions.today(teacher, day=today)] == [TodayState.FINAL]

    def test_teacher_sees_only_the_own_courses(
        self, course: Course, other_course: Course, other_teacher: User, admin: User, student_user: User, today: dt.date
    ) -> None:
        assert [row.course for row in sessions.today(other_teacher, day=today)] == [other_course]
        assert {row.course for row in sessions.today(admin, day=today)} == {course, other_course}
        assert sessions.today(student_user, day=today) == []

    def test_course_of_another_term_is_not_on(self, course: Course, teacher: User, term: Term) -> None:
        assert sessions.today(teacher, day=term.ends_on + dt.timedelta(days=1)) == []

    @pytest.mark.parametrize("count", [1, 3])
    def test_query_count_does_not_grow(
        self,
        count: int,
        course: Course,
        term: Term,
        teacher: User,
        today: dt.date,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for n in range(count):
            made = Course.objects.create(name=f"Course {n}", term=term)
            made.teachers.add(teacher)
            for hour in range(count):
                starts_at = timezone.now() + hour * HOUR
                ClassSession.objects.create(course=made, starts_at=starts_at, ends_at=starts_at + HOUR, held_on=today)
        with django_assert_num_queries(3):
            rows = [
                (row.course.term.name, row.session and row.session.course.name)
                for row in sessions.today(teacher, day=today)
            ]
        assert len(rows) == count * count + 1
