"""Whose selfie has grown old or weak."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.utils import timezone

from attendance.models import ClassSession, Course, DetectedFace, Selfie, Student, User
from attendance.services import gallery, recognition, snapshots
from attendance.services.faces_review import decide_face
from tests.fakes import Look, class_photo

Recognisable = Callable[..., Student]
Lesson = Callable[..., DetectedFace]


@pytest.fixture
def ada(recognisable: Recognisable) -> Student:
    student = recognisable("ada")
    made_older(student, days=30)
    return student


@pytest.fixture
def lesson(course: Course, teacher: User, today: dt.date) -> Lesson:
    """A lesson of its own with a photo of Ada; a teacher names her there."""

    def hold(
        student: Student, *, day: int, likeness: float = 0.4, size_px: int = 60, named: bool = True
    ) -> DetectedFace:
        starts_at = timezone.now() - dt.timedelta(days=day)
        session = ClassSession.objects.create(
            course=course, starts_at=starts_at, ends_at=starts_at + dt.timedelta(hours=1), held_on=today
        )
        data = class_photo(Look("ada", likeness, size_px=size_px), "zoe", seed=day)
        added = snapshots.add_snapshot(session=session, data=data, by=teacher)
        recognition.recognise(added.snapshot.pk)
        face = added.snapshot.faces.order_by("x")[0]
        if named:
            decide_face(face=face, decision="STUDENT", student=student, by=teacher)
        return face

    return hold


def made_older(student: Student, *, days: int) -> None:
    Selfie.objects.filter(student=student).update(created_at=timezone.now() - dt.timedelta(days=days))


def advice(student: Student, course: Course) -> str | None:
    found = gallery.retakes([student.pk], courses=[course]).get(student.pk)
    return None if found is None else f"{found.retake}: {found.sentence}"


class TestAge:
    def test_selfie_of_this_year_is_fine(self, ada: Student, course: Course) -> None:
        made_older(ada, days=300)
        assert advice(ada, course) is None

    def test_selfie_of_over_a_year_is_old(self, ada: Student, course: Course) -> None:
        made_older(ada, days=366)
        assert advice(ada, course) == "OLD: The selfie is over a year old: ask for a new one."

    def test_day_of_deletion_is_said_a_month_before(self, ada: Student, course: Course) -> None:
        made_older(ada, days=380)
        ends_on = timezone.localdate(timezone.now() + dt.timedelta(days=20)).isoformat()
        assert advice(ada, course) == f"ENDING: The selfie is deleted on {ends_on}: ask for a new one."

    def test_newest_of_several_counts(self, ada: Student, course: Course) -> None:
        made_older(ada, days=366)
        Selfie.objects.create(student=ada, image="x", sha256="1" * 64, verdict=Selfie.Verdict.ACCEPTED)
        assert advice(ada, course) is None

    def test_who_has_none_is_not_asked_for_another(self, make_student: Recognisable, course: Course) -> None:
        assert advice(make_student("ben"), course) is None


class TestMisses:
    def test_missed_in_three_of_the_last_lessons_is_weak(self, ada: Student, course: Course, lesson: Lesson) -> None:
        for day in (1, 2):
            lesson(ada, day=day)
        assert advice(ada, course) is None
        lesson(ada, day=3)
        assert advice(ada, course) == (
            "WEAK: The photo missed this student in 3 of the last lessons: ask for a new selfie."
        )

    def test_found_more_often_than_missed_is_not(self, ada: Student, course: Course, lesson: Lesson) -> None:
        for day in (1, 2, 3):
            lesson(ada, day=day)
        for day in (4, 5, 6):
            lesson(ada, day=day, likeness=0.9, named=False)
        assert advice(ada, course) is None

    def test_confirming_what_the_machine_knew_is_no_miss(self, ada: Student, course: Course, lesson: Lesson) -> None:
        for day in (1, 2, 3):
            lesson(ada, day=day, likeness=0.9)
        assert advice(ada, course) is None

    def test_faces_too_small_to_tell_do_not_count(self, ada: Student, course: Course, lesson: Lesson) -> None:
        for day in (1, 2, 3):
            lesson(ada, day=day, size_px=30)
        assert advice(ada, course) is None

    def test_new_selfie_begins_anew(self, ada: Student, course: Course, lesson: Lesson) -> None:
        for day in (1, 2, 3):
            lesson(ada, day=day)
        made_older(ada, days=0)
        assert advice(ada, course) is None
