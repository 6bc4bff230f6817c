"""A course with one of everything, for the pages and the API alike."""

from dataclasses import dataclass
from typing import Any

import pytest

from attendance.models import (
    ClassSession,
    Course,
    DetectedFace,
    PartialUpload,
    PolicyText,
    Selfie,
    Snapshot,
    Student,
    User,
)
from attendance.services import gallery, partial_uploads, recognition, snapshots
from tests.fakes import class_photo, selfie_of


@pytest.fixture
def enrolled(student: Student, policy: PolicyText, teacher: User) -> Selfie:
    """Ada's selfie, looked at and accepted."""
    gallery.give_consent(student=student, by=teacher)
    selfie = gallery.add_selfie(student=student, data=selfie_of("ada"), by=teacher)
    gallery.process_selfie(selfie.pk)
    selfie.refresh_from_db()
    return selfie


@pytest.fixture
def photo(enrolled: Selfie, class_session: ClassSession, teacher: User) -> Snapshot:
    """A photo of Ada and of a stranger, looked at."""
    added = snapshots.add_snapshot(session=class_session, data=class_photo("ada", "zoe"), by=teacher)
    recognition.recognise(added.snapshot.pk)
    added.snapshot.refresh_from_db()
    return added.snapshot


@dataclass(frozen=True)
class World:
    """One of everything that Tess may see and Otto may not."""

    course: Course
    session: ClassSession
    photo: Snapshot
    face: DetectedFace
    student: Student
    selfie: Selfie
    upload: PartialUpload

    def fill(self, path: str) -> str:
        """Put this world's ids into a path of the schema."""
        noun = path.split("/")[3]
        ids: dict[str, Any] = {
            "courses": self.course.pk,
            "sessions": self.session.pk,
            "faces": self.face.pk,
            "students": self.student.pk,
            "selfies": self.selfie.pk,
        }
        public_id = self.upload.public_id if noun == "uploads" else self.photo.public_id
        filled = path.replace("{id}", str(ids.get(noun, ""))).replace("{public_id}", str(public_id))
        return filled.replace("{student_pk}", str(self.student.pk))


@pytest.fixture
def world(
    course: Course, class_session: ClassSession, photo: Snapshot, student: Student, enrolled: Selfie, teacher: User
) -> World:
    face = DetectedFace.objects.filter(snapshot=photo, student=student).get()
    upload = partial_uploads.begin(session=class_session, by=teacher, length=1000)
    return World(course, class_session, photo, face, student, enrolled, upload)
