"""Erasing, forgetting in time, and telling students what is kept about them."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    DetectedFace,
    Enrolment,
    EnrolmentLink,
    FaceTemplate,
    SchoolSettings,
    Selfie,
    Snapshot,
    Student,
    User,
    WorkState,
)
from attendance.services import gallery, privacy, recognition, rosters, snapshots
from attendance.services.errors import NotFound
from tests.fakes import class_photo, selfie_of

Recognisable = Callable[..., Student]


def stored_files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


@pytest.fixture
def seen(recognisable: Recognisable, class_session: ClassSession, teacher: User, student_user: User) -> Student:
    """Ada, recognised in a photo, with an account and an open link."""
    ada = recognisable("ada", user=student_user)
    added = snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher)
    recognition.recognise(added.snapshot.pk)
    gallery.make_enrolment_link(student=ada, by=teacher)
    return ada


def test_erasure_leaves_the_marks_and_nothing_of_the_face(seen: Student, admin: User, private_files: Path) -> None:
    receipt = privacy.erase_student(student=seen, by=admin)
    assert (receipt.selfies, receipt.templates, receipt.links, receipt.photos, receipt.records) == (1, 1, 1, 1, 1)
    assert seen.name == f"Erased student {seen.pk}"
    assert (seen.wrapped_key, seen.user, seen.school_id) == (None, None, None)
    assert not any(model.objects.exists() for model in (Selfie, FaceTemplate, EnrolmentLink))
    assert not User.objects.filter(username="student").exists()
    assert AttendanceRecord.objects.get().student == seen
    assert DetectedFace.objects.get().sealed_embedding is None
    assert [path.parent.name for path in stored_files(private_files)] == ["snapshots"]


def test_erased_student_gets_no_name_again(seen: Student, admin: User) -> None:
    privacy.erase_student(student=seen, by=admin)
    with pytest.raises(NotFound):
        rosters.update_student(student=seen, by=admin, name="Ada", email="ada@example.org")
    assert Student.objects.get(pk=seen.pk).name == f"Erased student {seen.pk}"


def test_name_can_be_kept(seen: Student, admin: User) -> None:
    privacy.erase_student(student=seen, by=admin, keep_name=True)
    assert (seen.name, seen.user is None, seen.wrapped_key) == ("Ada", False, None)


def test_nobody_is_erased_twice_and_nothing_new_is_taken(seen: Student, admin: User) -> None:
    privacy.erase_student(student=seen, by=admin)
    for again in (
        lambda: privacy.erase_student(student=seen, by=admin),
        lambda: gallery.give_consent(student=seen, by=admin),
        lambda: gallery.add_selfie(student=seen, data=selfie_of("ada"), by=admin),
        lambda: gallery.make_enrolment_link(student=seen, by=admin),
    ):
        with pytest.raises(NotFound):
            again()


def test_student_erased_while_queued_gets_no_template_back(
    student: Student, school: SchoolSettings, admin: User, private_files: Path
) -> None:
    gallery.give_consent(student=student, by=admin)
    selfie = gallery.add_selfie(student=student, data=selfie_of("ada"), by=admin)
    assert privacy.erase_student(student=student, by=admin).cancelled == 1
    gallery.process_selfie(selfie.pk)
    assert not FaceTemplate.objects.exists()
    assert stored_files(private_files) == []


def test_retention_deletes_old_photos_and_vectors_and_keeps_the_marks(
    seen: Student, class_session: ClassSession, today: dt.date, private_files: Path
) -> None:
    assert privacy.retention().photos == 0
    ClassSession.objects.update(held_on=today - dt.timedelta(days=31))
    report = privacy.retention()
    assert (report.photos, report.sessions, report.templates) == (1, 1, 0)
    snapshot = Snapshot.objects.get()
    assert (snapshot.image.name, snapshot.state) == ("", WorkState.DONE)
    assert DetectedFace.objects.get().sealed_embedding is None
    assert AttendanceRecord.objects.count() == 1
    assert [path.parent.name for path in stored_files(private_files)] == ["selfies"]
    assert privacy.retention().photos == 0


def test_retention_cancels_a_photo_that_nobody_processed_in_time(snapshot: Snapshot, today: dt.date) -> None:
    ClassSession.objects.update(held_on=today - dt.timedelta(days=31))
    privacy.retention()
    snapshot.refresh_from_db()
    assert snapshot.state == WorkState.CANCELLED


def test_retention_forgets_faces_that_are_old_or_whom_no_course_has(
    recognisable: Recognisable, today: dt.date, private_files: Path
) -> None:
    old, left, _stays = recognisable("ada"), recognisable("ben"), recognisable("cem")
    Selfie.objects.filter(student=old).update(created_at=timezone.now() - dt.timedelta(days=401))
    Enrolment.objects.filter(student=left).update(ends_on=today - dt.timedelta(days=1))
    report = privacy.retention()
    assert (report.templates, report.students) == (2, 2)
    assert [template.student.name for template in FaceTemplate.objects.all()] == ["Cem"]
    assert len(stored_files(private_files)) == 1
    left.refresh_from_db()
    assert left.wrapped_key is None


def test_retention_command_reports_each_count(seen: Student, capsys: pytest.CaptureFixture[str]) -> None:
    EnrolmentLink.objects.update(expires_at=timezone.now() - dt.timedelta(days=1))
    call_command("retention")
    assert "links: 1" in capsys.readouterr().out.splitlines()


def test_students_see_all_that_is_kept_about_them_and_no_vector(seen: Student, student_user: User) -> None:
    kept = privacy.student_export(student=seen, by=student_user)
    exported = AuditEvent.objects.get(action="student.exported")
    assert (exported.actor_id, exported.student_id) == (student_user.pk, seen.pk)
    assert kept["student"]["name"] == "Ada"
    assert [row["status"] for row in kept["records"]] == ["PRESENT"]
    assert [row["verdict"] for row in kept["selfies"]] == ["ACCEPTED"]
    assert len(kept["consents"]) == len(kept["templates"]) == 1
    text = json.dumps(kept, default=str)
    assert "embedding" not in text
    assert "wrapped" not in text
