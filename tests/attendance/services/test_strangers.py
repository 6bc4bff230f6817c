"""Unknown faces, grouped over the photos and open sessions of a course."""

import datetime as dt
from collections.abc import Callable

import pytest

from attendance.models import AttendanceRecord, ClassSession, Course, DetectedFace, Source, User
from attendance.services import recognition, sessions, snapshots, strangers
from attendance.services.errors import InvalidValue, NotFound, SessionClosed, WrongState
from tests.conftest import MakeStudent
from tests.fakes import class_photo

Decision = DetectedFace.Decision
Photograph = Callable[..., None]


@pytest.fixture
def photograph(class_session: ClassSession, teacher: User) -> Photograph:
    """Let a worker look at a photo of these people."""

    def take(*people: str, session: ClassSession = class_session) -> None:
        added = snapshots.add_snapshot(session=session, data=class_photo(*people), by=teacher)
        recognition.recognise(added.snapshot.pk)

    return take


@pytest.fixture
def yesterday(class_session: ClassSession) -> ClassSession:
    return ClassSession.objects.create(
        course=class_session.course,
        starts_at=class_session.starts_at - dt.timedelta(days=1),
        ends_at=class_session.ends_at - dt.timedelta(days=1),
        held_on=class_session.held_on - dt.timedelta(days=1),
    )


@pytest.fixture
def zoes(photograph: Photograph, yesterday: ClassSession, course: Course) -> list[int]:
    """Zoe in three photos of two sessions, and Yan in one of them."""
    photograph("zoe", "yan")
    photograph("zoe")
    photograph("zoe", session=yesterday)
    return [face.pk for face in strangers.groups(course)[0].faces]


def test_one_person_is_one_group_over_photos_and_sessions(course: Course, zoes: list[int]) -> None:
    first, second = strangers.groups(course)
    assert (len(first.faces), first.photos, first.sessions) == (3, 3, 2)
    assert (len(second.faces), second.photos, second.sessions) == (1, 1, 1)


def test_a_student_is_named_in_every_photo_and_marked_in_every_session(
    course: Course, zoes: list[int], make_student: MakeStudent, teacher: User
) -> None:
    zoe = make_student("zoe")
    answer = strangers.answer(course=course, face_ids=zoes, decision="STUDENT", student=zoe, by=teacher)
    assert (sorted(answer.face_ids), answer.left) == (sorted(zoes), 0)
    assert [one.source for one in AttendanceRecord.objects.filter(student=zoe)] == [Source.MANUAL] * 2
    assert len(strangers.groups(course)) == 1
    strangers.answer(course=course, face_ids=zoes, decision="NONE", by=teacher)
    assert not AttendanceRecord.objects.exists()
    assert len(strangers.groups(course)) == 2


def test_guest_is_said_of_all_and_only_once(course: Course, zoes: list[int], teacher: User) -> None:
    strangers.answer(course=course, face_ids=zoes, decision="NOT_IN_CLASS", outsider="GUEST", by=teacher)
    said = set(DetectedFace.objects.filter(pk__in=zoes).values_list("decision", "outsider"))
    assert said == {("NOT_IN_CLASS", "GUEST")}
    with pytest.raises(WrongState):
        strangers.answer(course=course, face_ids=zoes, decision="NOT_IN_CLASS", outsider="GUEST", by=teacher)


def test_two_faces_of_one_photo_are_not_one_student(
    course: Course, photograph: Photograph, make_student: MakeStudent, teacher: User
) -> None:
    photograph("zoe", "yan")
    both = list(DetectedFace.objects.values_list("pk", flat=True))
    with pytest.raises(InvalidValue):
        strangers.answer(course=course, face_ids=both, decision="STUDENT", student=make_student("zoe"), by=teacher)
    assert not DetectedFace.objects.exclude(decision=Decision.NONE).exists()


def test_finalised_session_is_in_no_group(
    course: Course, zoes: list[int], class_session: ClassSession, yesterday: ClassSession, teacher: User
) -> None:
    sessions.finalise_session(session=class_session, by=teacher)
    [left] = strangers.groups(course)
    assert (len(left.faces), left.sessions) == (1, 1)
    sessions.finalise_session(session=yesterday, by=teacher)
    sessions.reopen_session(session=yesterday, by=teacher)
    assert strangers.groups(course) == []
    gone = [pk for pk in zoes if pk != left.faces[0].pk]
    with pytest.raises(SessionClosed):
        strangers.answer(course=course, face_ids=gone, decision="NOT_A_FACE", by=teacher)


def test_face_of_another_course_does_not_exist(other_course: Course, zoes: list[int], other_teacher: User) -> None:
    assert strangers.groups(other_course) == []
    with pytest.raises(NotFound):
        strangers.answer(course=other_course, face_ids=zoes, decision="NOT_A_FACE", by=other_teacher)
