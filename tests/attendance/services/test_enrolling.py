"""Who becomes recognisable after the photo was taken."""

import datetime as dt
from collections.abc import Callable

from attendance.models import ClassSession, Course, DetectedFace, Enrolment, Selfie, Snapshot, Student, User
from attendance.services import enrolling, gallery, recognition, records, sessions, snapshots
from tests.conftest import MakeStudent
from tests.fakes import class_photo, selfie_of

Recognisable = Callable[..., Student]


def photographed(session: ClassSession, teacher: User, *people: str) -> Snapshot:
    added = snapshots.add_snapshot(session=session, data=class_photo(*people), by=teacher)
    recognition.recognise(added.snapshot.pk)
    return added.snapshot


def enrol(student: Student, teacher: User, name: str) -> Selfie:
    gallery.give_consent(student=student, by=teacher)
    selfie = gallery.add_selfie(student=student, data=selfie_of(name), by=teacher)
    enrolling.enrol(selfie.pk)
    return selfie


def marks(session: ClassSession) -> dict[str, str]:
    return {record.student.name: record.status for record in session.records.select_related("student")}


def test_student_who_enrols_after_the_photo_is_marked_from_it(
    class_session: ClassSession, teacher: User, make_student: MakeStudent, recognisable: Recognisable
) -> None:
    recognisable("ada")
    ben = make_student("ben")
    photographed(class_session, teacher, "ada", "ben")
    assert marks(class_session) == {"Ada": "PRESENT"}
    enrol(ben, teacher, "ben")
    assert marks(class_session) == {"Ada": "PRESENT", "Ben": "PRESENT"}
    assert DetectedFace.objects.get(student=ben).outcome == "MARKED"


def test_the_task_delivered_twice_changes_nothing(
    class_session: ClassSession, teacher: User, make_student: MakeStudent, recognisable: Recognisable
) -> None:
    recognisable("ada")
    ben = make_student("ben")
    photographed(class_session, teacher, "ben")
    selfie = enrol(ben, teacher, "ben")
    version = class_session.records.get(student=ben).version
    enrolling.enrol(selfie.pk)
    assert class_session.records.get(student=ben).version == version


def test_a_mark_by_hand_stays(
    class_session: ClassSession, teacher: User, make_student: MakeStudent, recognisable: Recognisable
) -> None:
    recognisable("ada")
    ben = make_student("ben")
    photographed(class_session, teacher, "ben")
    records.set_status(session=class_session, student=ben, status="EXCUSED", by=teacher, version=None)
    enrol(ben, teacher, "ben")
    assert marks(class_session) == {"Ben": "EXCUSED"}


def test_a_final_session_stays_as_it_is(
    class_session: ClassSession, teacher: User, make_student: MakeStudent, recognisable: Recognisable
) -> None:
    recognisable("ada")
    ben = make_student("ben")
    photographed(class_session, teacher, "ada", "ben")
    sessions.finalise_session(session=class_session, by=teacher, mark_absent=True)
    enrol(ben, teacher, "ben")
    assert marks(class_session) == {"Ada": "PRESENT", "Ben": "ABSENT"}


def test_who_was_not_on_the_roster_that_day_is_not_marked(
    class_session: ClassSession, course: Course, teacher: User, make_student: MakeStudent, recognisable: Recognisable
) -> None:
    recognisable("ada")
    ben = make_student("ben")
    photographed(class_session, teacher, "ben")
    Enrolment.objects.filter(course=course, student=ben).update(starts_on=class_session.held_on + dt.timedelta(days=1))
    enrol(ben, teacher, "ben")
    assert marks(class_session) == {}


def test_the_first_of_a_school_is_found_too(
    class_session: ClassSession, teacher: User, make_student: MakeStudent, school: object
) -> None:
    ben = make_student("ben")
    photographed(class_session, teacher, "ben", "zoe")
    assert marks(class_session) == {}
    enrol(ben, teacher, "ben")
    assert marks(class_session) == {"Ben": "PRESENT"}
