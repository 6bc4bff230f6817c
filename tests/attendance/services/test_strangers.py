"""Unknown faces, grouped over the photos and open sessions of a course."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from attendance.models import AttendanceRecord, ClassSession, Course, DetectedFace, Enrolment, Source, Status, User
from attendance.services import marks, recognition, records, sessions, snapshots, solving, strangers
from attendance.services.errors import InvalidValue, NotEnrolled, NotFound, SessionClosed, WrongState
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


def test_student_enrolled_on_one_of_the_days_is_named_on_that_day_only(
    course: Course, zoes: list[int], class_session: ClassSession, make_student: MakeStudent, teacher: User
) -> None:
    zoe = make_student("zoe", from_day=class_session.held_on)
    answer = strangers.answer(course=course, face_ids=zoes, decision="STUDENT", student=zoe, by=teacher)
    assert (len(answer.face_ids), answer.left) == (2, 1)
    assert [one.session for one in AttendanceRecord.objects.all()] == [class_session]
    [left] = DetectedFace.objects.filter(pk__in=zoes, decision=Decision.NONE)
    with pytest.raises(NotEnrolled):
        strangers.answer(course=course, face_ids=[left.pk], decision="STUDENT", student=zoe, by=teacher)


def test_student_whom_a_teacher_named_in_one_of_the_photos_is_named_in_the_others(
    course: Course, zoes: list[int], make_student: MakeStudent, teacher: User
) -> None:
    zoe = make_student("zoe")
    yan = strangers.groups(course)[1].faces[0]
    strangers.answer(course=course, face_ids=[yan.pk], decision="STUDENT", student=zoe, by=teacher)
    answer = strangers.answer(course=course, face_ids=zoes, decision="STUDENT", student=zoe, by=teacher)
    assert (len(answer.face_ids), answer.left) == (2, 1)
    beside = DetectedFace.objects.get(pk__in=zoes, snapshot=yan.snapshot_id)
    assert beside.decision == Decision.NONE
    with pytest.raises(WrongState):
        strangers.answer(course=course, face_ids=[beside.pk], decision="STUDENT", student=zoe, by=teacher)


def test_roster_is_who_is_enrolled_on_the_day_of_an_open_session(
    course: Course,
    class_session: ClassSession,
    yesterday: ClassSession,
    make_student: MakeStudent,
    other_course: Course,
    teacher: User,
) -> None:
    day = dt.timedelta(days=1)
    ada, ben = make_student("ada"), make_student("ben", from_day=class_session.held_on)
    cem, gus = make_student("cem"), make_student("gus")
    make_student("dee", from_day=class_session.held_on + day)
    make_student("eli", course=other_course)
    Enrolment.objects.filter(student=cem).update(ends_on=yesterday.held_on)
    Enrolment.objects.filter(student=gus).update(ends_on=yesterday.held_on - day)
    assert list(strangers.roster(course)) == [ada, ben, cem]
    sessions.finalise_session(session=yesterday, by=teacher)
    assert list(strangers.roster(course)) == [ada, ben]


def test_student_enrolled_only_between_two_open_sessions_is_not_on_the_roster(
    course: Course, class_session: ClassSession, yesterday: ClassSession, make_student: MakeStudent
) -> None:
    between = make_student("ada", from_day=yesterday.held_on)
    Enrolment.objects.filter(student=between).update(ends_on=yesterday.held_on)
    ClassSession.objects.filter(pk=yesterday.pk).update(held_on=yesterday.held_on - dt.timedelta(days=1))
    assert list(strangers.roster(course)) == []


def test_vectors_of_strangers_end_with_the_register(
    course: Course, zoes: list[int], class_session: ClassSession, teacher: User
) -> None:
    sessions.finalise_session(session=class_session, by=teacher)
    kept = DetectedFace.objects.filter(snapshot__session=class_session, sealed_embedding__isnull=False)
    assert not kept.exists()
    class_session.refresh_from_db()
    assert class_session.wrapped_key is None
    assert all(face.snapshot.session_id != class_session.pk for one in strangers.groups(course) for face in one.faces)


def test_one_answer_decides_once_on_each_session(
    course: Course, zoes: list[int], teacher: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved: list[int] = []
    solve_again = solving.solve_again

    def counted(session: ClassSession) -> None:
        solved.append(session.pk)
        solve_again(session)

    monkeypatch.setattr(solving, "solve_again", counted)
    strangers.answer(course=course, face_ids=zoes, decision="NOT_IN_CLASS", by=teacher)
    assert sorted(solved) == sorted(ClassSession.objects.values_list("pk", flat=True))


def test_word_that_changes_no_other_face_writes_none(course: Course, zoes: list[int], teacher: User) -> None:
    with CaptureQueriesContext(connection) as captured:
        strangers.answer(course=course, face_ids=zoes, decision="NOT_A_FACE", by=teacher)
    table = DetectedFace._meta.db_table
    writes = [one["sql"] for one in captured if one["sql"].startswith(f'UPDATE "{table}"')]
    assert len(writes) == len(zoes)


def test_one_answer_takes_so_many_faces_and_a_larger_group_comes_in_parts(
    course: Course, zoes: list[int], teacher: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "MOST_ANSWERED", 2)
    assert [len(group.faces) for group in strangers.groups(course)] == [2, 1, 1]
    with pytest.raises(InvalidValue, match="2 faces"):
        strangers.answer(course=course, face_ids=zoes, decision="NOT_A_FACE", by=teacher)


def test_word_of_another_teacher_is_not_taken_back(
    course: Course, zoes: list[int], teacher: User, other_teacher: User
) -> None:
    strangers.answer(course=course, face_ids=zoes[:2], decision="NOT_A_FACE", by=teacher)
    strangers.answer(course=course, face_ids=zoes[2:], decision="NOT_IN_CLASS", by=other_teacher)
    answer = strangers.answer(course=course, face_ids=zoes, decision="NONE", by=teacher)
    assert (sorted(answer.face_ids), answer.left) == (sorted(zoes[:2]), 1)
    assert DetectedFace.objects.get(pk=zoes[2]).decision == Decision.NOT_IN_CLASS
    with pytest.raises(WrongState):
        strangers.answer(course=course, face_ids=zoes[2:], decision="NONE", by=teacher)


def test_mark_by_hand_in_another_session_stands(
    course: Course, zoes: list[int], yesterday: ClassSession, make_student: MakeStudent, teacher: User
) -> None:
    zoe = make_student("zoe")
    records.set_status(session=yesterday, student=zoe, status=Status.EXCUSED, by=teacher)
    answer = strangers.answer(course=course, face_ids=zoes, decision="STUDENT", student=zoe, by=teacher)
    assert (len(answer.face_ids), answer.left) == (2, 1)
    assert AttendanceRecord.objects.get(session=yesterday).status == Status.EXCUSED
    assert AttendanceRecord.objects.exclude(session=yesterday).get().status == Status.PRESENT
    [left] = DetectedFace.objects.filter(pk__in=zoes, decision=Decision.NONE)
    with pytest.raises(WrongState, match="by hand"):
        strangers.answer(course=course, face_ids=[left.pk], decision="STUDENT", student=zoe, by=teacher)


def test_session_that_is_deleted_meanwhile_has_no_faces(
    course: Course, zoes: list[int], teacher: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(session: ClassSession) -> ClassSession:
        ClassSession.objects.filter(pk=session.pk).delete()
        return marks.lock_session(session)

    monkeypatch.setattr(strangers, "lock_session", too_late)
    with pytest.raises(NotFound):
        strangers.answer(course=course, face_ids=zoes, decision="NOT_A_FACE", by=teacher)


def test_session_of_long_ago_is_grouped_no_more(course: Course, zoes: list[int], yesterday: ClassSession) -> None:
    held_on = yesterday.held_on - dt.timedelta(days=strangers.GROUPED_DAYS - 1)
    ClassSession.objects.filter(pk=yesterday.pk).update(held_on=held_on)
    assert len(strangers.groups(course)[0].faces) == 3
    ClassSession.objects.filter(pk=yesterday.pk).update(held_on=held_on - dt.timedelta(days=1))
    assert len(strangers.groups(course)[0].faces) == 2
