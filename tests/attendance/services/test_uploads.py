"""Places in the queue: students' own selfies never take those of a class photo, nor the other way round."""

import pytest
from pytest_django import Settings

from attendance.models import ClassSession, SchoolSettings, Selfie, Snapshot, Student, User, WorkState
from attendance.services import gallery, sealing, snapshots
from attendance.services.errors import QueueTooLong, UploadLimit
from attendance.services.gallery import selfies
from tests.conftest import MakeStudent
from tests.fakes import class_photo, selfie_of


def waiting_selfies(student: Student, *, count: int, lane: int = 0) -> None:
    for number in range(count):
        sha256 = f"{lane:032x}{number:032x}"
        Selfie.objects.create(student=student, image=f"selfies/{number}", sha256=sha256, lane=lane)


def test_day_of_enrolment_refuses_no_class_photo(
    class_session: ClassSession, student: Student, teacher: User, settings: Settings
) -> None:
    settings.MAX_QUEUED_PHOTOS = 4
    waiting_selfies(student, count=9)
    for seed in range(4):
        assert snapshots.add_snapshot(session=class_session, data=class_photo("ada", seed=seed), by=teacher).created
    with pytest.raises(QueueTooLong):
        snapshots.add_snapshot(session=class_session, data=class_photo("ada", seed=4), by=teacher)


def test_selfies_that_students_send_have_half_as_many_places_of_their_own(
    class_session: ClassSession,
    make_student: MakeStudent,
    school: SchoolSettings,
    teacher: User,
    admin: User,
    settings: Settings,
) -> None:
    settings.MAX_QUEUED_PHOTOS = 4
    for seed in range(4):
        snapshots.add_snapshot(session=class_session, data=class_photo("ada", seed=seed), by=teacher)
    waiting_selfies(make_student("zoe"), count=1)
    students = {name: make_student(name) for name in ("ada", "ben", "cem")}
    tokens = {name: gallery.make_enrolment_link(student=student, by=teacher) for name, student in students.items()}
    assert gallery.use_enrolment_link(token=tokens["ada"], data=selfie_of("ada"), consent=True)
    with pytest.raises(QueueTooLong) as refusal:
        gallery.use_enrolment_link(token=tokens["ben"], data=selfie_of("ben"), consent=True)
    assert refusal.value.retry_after > 0
    user = User.objects.create_user(username="cem", password=None)
    Student.objects.filter(pk=students["cem"].pk).update(user=user)
    students["cem"].refresh_from_db()
    gallery.give_consent(student=students["cem"], by=user)
    with pytest.raises(QueueTooLong):
        gallery.add_selfie(student=students["cem"], data=selfie_of("cem"), by=user)
    Selfie.objects.update(state=WorkState.DONE)
    assert gallery.use_enrolment_link(token=tokens["ben"], data=selfie_of("ben"), consent=True)
    Snapshot.objects.update(state=WorkState.DONE)
    assert gallery.add_selfie(student=students["cem"], data=selfie_of("cem"), by=admin).lane == admin.pk


def test_selfies_that_staff_bring_count_with_the_photos(
    class_session: ClassSession, student: Student, teacher: User, settings: Settings
) -> None:
    settings.MAX_QUEUED_PHOTOS = 2
    waiting_selfies(student, count=2, lane=teacher.pk)
    with pytest.raises(QueueTooLong):
        snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher)


def test_one_student_sending_many_at_once_has_three_waiting(
    student: Student, school: SchoolSettings, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.give_consent(student=student, by=admin)
    seal = sealing.seal

    def while_others_come_in(plain: bytes, *, key: bytes, context: str) -> bytes:
        waiting_selfies(student, count=selfies.MOST_WAITING)
        return seal(plain, key=key, context=context)

    monkeypatch.setattr(sealing, "seal", while_others_come_in)
    with pytest.raises(UploadLimit):
        gallery.add_selfie(student=student, data=selfie_of("ada"), by=None)
    assert Selfie.objects.count() == selfies.MOST_WAITING
