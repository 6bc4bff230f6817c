"""The rules that the database itself keeps, whoever writes."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Consent,
    Course,
    DetectedFace,
    Enrolment,
    FaceTemplate,
    PolicyText,
    SchoolSettings,
    Selfie,
    Snapshot,
    Student,
    Term,
    User,
)
from tests.attendance.services.builders import face_in, photo_of

DAY = dt.timedelta(days=1)


def refused(write: Callable[[], object]) -> bool:
    try:
        with transaction.atomic():
            write()
    except IntegrityError:
        return True
    return False


def again(row: models.Model, **changes: Any) -> Callable[[], object]:
    """Write a second row like this one, but for these fields."""
    fields = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields if not f.primary_key}
    return lambda: type(row)._default_manager.create(**{**fields, **changes})


def changed(row: models.Model, **changes: Any) -> Callable[[], object]:
    return lambda: type(row)._default_manager.filter(pk=row.pk).update(**changes)


def test_user_has_a_known_role_and_a_user_name_of_the_own(teacher: User) -> None:
    assert refused(changed(teacher, role="HEAD"))
    assert refused(again(teacher))


def test_school_has_one_row(db: None) -> None:
    SchoolSettings.objects.create(pk=1)
    assert refused(lambda: SchoolSettings.objects.create(pk=2))


def test_term_ends_after_its_start(term: Term) -> None:
    assert refused(changed(term, ends_on=term.starts_on - DAY))
    assert refused(again(term))


def test_course_is_once_a_term_and_late_is_a_share(course: Course) -> None:
    assert refused(again(course))
    assert not refused(again(course, code="PH2"))
    assert refused(changed(course, late_weight=Decimal("1.01")))
    assert refused(changed(course, late_weight=Decimal("-0.01")))


class TestStudent:
    def test_name_is_not_empty_and_may_be_shared(self, student: Student) -> None:
        assert refused(changed(student, name=""))
        assert not refused(again(student, user_id=None))

    def test_school_id_is_of_one_student(self, student: Student) -> None:
        Student.objects.update(school_id="7")
        assert refused(again(student, user_id=None, school_id="7"))

    def test_erased_student_has_no_key(self, student: Student) -> None:
        assert refused(changed(student, erased_at=timezone.now(), wrapped_key=b"key"))
        assert not refused(changed(student, erased_at=timezone.now(), wrapped_key=None))


class TestEnrolment:
    def test_ends_after_its_start(self, student: Student) -> None:
        enrolment = student.enrolments.get()
        assert refused(changed(enrolment, ends_on=enrolment.starts_on - DAY))
        assert not refused(changed(enrolment, ends_on=enrolment.starts_on))

    def test_one_is_open_at_most(self, student: Student) -> None:
        enrolment = student.enrolments.get()
        later = enrolment.starts_on + DAY
        assert refused(again(enrolment, starts_on=later))
        assert not refused(again(enrolment, starts_on=later, ends_on=later))

    def test_starts_once_a_day(self, student: Student) -> None:
        Enrolment.objects.update(ends_on=student.enrolments.get().starts_on)
        assert refused(again(student.enrolments.get()))

    def test_days_are_both_included(self, student: Student, course: Course) -> None:
        enrolment = student.enrolments.get()
        first, last = enrolment.starts_on, enrolment.starts_on + 3 * DAY
        Enrolment.objects.update(ends_on=last)
        held = [day for day in (first - DAY, first, last, last + DAY) if Enrolment.objects.on(day).exists()]
        assert held == [first, last]


class TestSession:
    def test_ends_after_its_start_and_starts_once_a_course(self, class_session: ClassSession) -> None:
        assert refused(changed(class_session, ends_at=class_session.starts_at))
        assert refused(again(class_session))

    def test_final_one_says_since_when(self, class_session: ClassSession) -> None:
        assert refused(changed(class_session, state="FINAL"))
        assert not refused(changed(class_session, state="FINAL", finalised_at=timezone.now()))


class TestRecord:
    @pytest.fixture
    def record(self, class_session: ClassSession, student: Student) -> AttendanceRecord:
        return AttendanceRecord.objects.create(
            session=class_session, student=student, status="PRESENT", source="MANUAL"
        )

    def test_one_a_session_and_student(self, record: AttendanceRecord) -> None:
        assert refused(again(record))

    def test_status_and_source_are_known(self, record: AttendanceRecord) -> None:
        assert refused(changed(record, status="HERE"))
        assert refused(changed(record, source="GUESSED"))

    def test_deleted_photo_leaves_the_mark(self, record: AttendanceRecord, student: Student) -> None:
        face = face_in(record.session, student)
        AttendanceRecord.objects.update(face=face)
        face.snapshot.delete()
        record.refresh_from_db()
        assert (record.face_id, record.status) == (None, "PRESENT")


class TestPhotos:
    def test_photo_is_once_a_session(self, class_session: ClassSession) -> None:
        assert refused(again(photo_of(class_session), public_id="00000000-0000-0000-0000-000000000001"))

    @pytest.mark.parametrize(
        "fields", [{"state": "LOST"}, {"state": "PROCESSING", "lease_until": None}, {"state": "FAILED"}]
    )
    def test_work_is_in_a_known_state_with_lease_or_reason(
        self, fields: dict[str, Any], class_session: ClassSession
    ) -> None:
        photo = photo_of(class_session)
        assert refused(changed(photo, **fields))
        assert Snapshot.objects.get().state == "DONE"

    def test_face_has_an_area(self, class_session: ClassSession, student: Student) -> None:
        assert refused(changed(face_in(class_session, student), width=0))

    def test_student_is_recognised_once_a_photo(self, class_session: ClassSession, student: Student) -> None:
        face = face_in(class_session, student)
        assert refused(again(face))
        assert not refused(again(face, outcome=DetectedFace.Outcome.UNCERTAIN))


class TestGallery:
    @pytest.fixture
    def selfie(self, student: Student) -> Selfie:
        return Selfie.objects.create(student=student, image="selfies/1", sha256="1" * 64)

    def test_one_consent_stands_a_student(self, student: Student, policy: PolicyText) -> None:
        consent = Consent.objects.create(student=student, policy=policy)
        assert refused(again(consent))
        assert not refused(again(consent, withdrawn_at=timezone.now()))

    def test_same_selfie_counts_once_until_it_failed(self, selfie: Selfie) -> None:
        assert refused(again(selfie))
        Selfie.objects.update(state="FAILED", failure_reason="No face was found.")
        assert not refused(again(selfie, state="QUEUED"))

    def test_selfie_has_one_template_a_model(self, selfie: Selfie) -> None:
        template = FaceTemplate.objects.create(
            student=selfie.student, selfie=selfie, model_id="a", sealed_embedding=b"x"
        )
        assert refused(again(template))
        assert not refused(again(template, model_id="b"))

    def test_policy_that_somebody_agreed_to_stays(self, student: Student, policy: PolicyText) -> None:
        Consent.objects.create(student=student, policy=policy)
        with pytest.raises(models.ProtectedError):
            policy.delete()
