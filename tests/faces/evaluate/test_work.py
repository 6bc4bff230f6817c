import numpy as np
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from faces.evaluate.trials import Trial
from faces.evaluate.work import UNCERTAIN_MARGIN, Question, Work, questions, work_left
from faces.match import Gallery, photo_threshold

PEOPLE = ("ada", "ben", "cem", "dee")
THRESHOLD = 0.6
FITTED = photo_threshold(THRESHOLD, 4)  # 0.567: photos of four faces
LEAST = FITTED - UNCERTAIN_MARGIN * (1 - FITTED)  # 0.513


def face(**likeness: float) -> np.ndarray:
    """A unit vector of these similarities to the people; the rest points away from all of them."""
    row = np.zeros(8)
    for person, value in likeness.items():
        row[PEOPLE.index(person)] = value
    row[4] = np.sqrt(1 - (row**2).sum())
    return row.astype(np.float32)


def trial(faces: list[np.ndarray], shown: list[str | None], present: set[str], roster: int = 4) -> Trial:
    """A roster on the axes, too small to be a cohort."""
    gallery = Gallery(PEOPLE[:roster], np.eye(8, dtype=np.float32)[:roster], "m")
    return Trial("photo", np.stack(faces), gallery, frozenset(PEOPLE), frozenset(present), tuple(shown))


def test_margin_is_that_of_the_site() -> None:
    assert settings.UNCERTAIN_MARGIN == UNCERTAIN_MARGIN


def test_everybody_marked_leaves_nothing_to_do() -> None:
    photo = trial([face(ada=0.9), face(ben=0.8), face(), face()], ["ada", "ben", None, None], {"ada", "ben"})
    assert work_left([photo], THRESHOLD) == Work(1, 2, 0, 2, 0, 0)


def test_a_question_that_is_right_costs_one_tap() -> None:
    photo = trial([face(ada=0.9), face(ben=0.53), face(), face()], ["ada", "ben", None, None], {"ada", "ben"})
    work = work_left([photo], THRESHOLD)
    assert (work.taps, work.questions, work.share_after_questions) == (1, 1, 1.0)


def test_a_face_below_the_margin_is_tapped_after_strangers_who_are_more_alike() -> None:
    faces = [face(ada=0.9), face(ben=0.3), face(cem=0.4), face(dee=0.2)]
    work = work_left([trial(faces, ["ada", "ben", None, None], {"ada", "ben"})], THRESHOLD)
    assert (work.taps, work.questions, work.share_after_questions) == (2, 0, 0.5)


def test_a_box_counts_by_students_not_yet_seen() -> None:
    """The stranger is more like Ada, but Ada was seen; to the others he is less alike than Ben's face."""
    faces = [face(ada=0.9), face(ada=0.5), face(ben=0.3), face()]
    work = work_left([trial(faces, ["ada", None, "ben", None], {"ada", "ben"})], THRESHOLD)
    assert work.taps == 1


def test_an_absent_student_marked_costs_a_tap_that_also_names_whom_the_box_shows() -> None:
    photo = trial([face(ada=0.9), face(cem=0.7), face(), face()], ["ada", "ben", None, None], {"ada", "ben"})
    assert work_left([photo], THRESHOLD) == Work(1, 2, 1, 2, 0, 0)


def test_a_wrong_mark_is_undone_though_all_present_are_right() -> None:
    photo = trial([face(ada=0.9), face(cem=0.7), face(), face()], ["ada", None, None, None], {"ada"})
    assert work_left([photo], THRESHOLD).taps == 1


def test_an_answer_frees_a_student_for_the_next_question() -> None:
    """Both faces are like Ben. The first question is wrong, so the second face is asked about as Ben then."""
    faces = [face(ben=0.55), face(ben=0.52), face(), face()]
    work = work_left([trial(faces, ["cem", "ben", None, None], {"ben", "cem"})], THRESHOLD)
    assert (work.taps, work.questions, work.share_after_questions) == (2, 2, 1.0)


def test_the_first_question_being_right_spares_the_second() -> None:
    faces = [face(ben=0.55), face(ben=0.52), face(), face()]
    work = work_left([trial(faces, ["ben", None, None, None], {"ben"})], THRESHOLD)
    assert (work.taps, work.questions) == (1, 1)


def test_who_is_in_no_box_is_marked_by_hand_after_all_boxes() -> None:
    photo = trial([face(ada=0.9), face(), face(), face()], ["ada", None, None, None], {"ada", "ben"})
    work = work_left([photo], THRESHOLD)
    assert (work.taps, work.by_hand, work.share_after_questions) == (4, 1, 0.5)


def test_truth_without_boxes_leaves_the_missed_to_the_register() -> None:
    gallery = Gallery(PEOPLE, np.eye(8, dtype=np.float32)[:4], "m")
    photo = Trial("photo", np.stack([face(ada=0.9)]), gallery, frozenset(PEOPLE), frozenset({"ada", "ben"}))
    assert work_left([photo], THRESHOLD) == Work(1, 2, 1, 1, 0, 1)


def test_a_student_without_a_template_is_named_by_their_box() -> None:
    photo = trial([face(ada=0.9), face(), face(), face()], ["ada", "dee", None, None], {"ada", "dee"}, roster=3)
    work = work_left([photo], THRESHOLD)
    assert (work.taps, work.by_hand) == (1, 0)


def test_photos_are_one_queue_and_questions_of_all_come_first() -> None:
    """Two photos: a question in the second comes before the other box of the first, which nobody needs for 3 of 4."""
    first = trial([face(ada=0.9), face(ben=0.4), face(), face()], ["ada", "ben", None, None], {"ada", "ben"})
    second = trial([face(ada=0.9), face(ben=0.53), face(), face()], ["ada", "ben", None, None], {"ada", "ben"})
    work = work_left([first, second], THRESHOLD, enough=0.75)
    assert (work.taps, work.taps_per_photo, work.share_after_questions) == (1, 0.5, 0.75)
    assert work_left([first, second], THRESHOLD).taps == 2


def test_no_photos_and_an_empty_photo() -> None:
    assert work_left([], THRESHOLD) == Work(0, 0, 0, 0, 0, 0)
    nobody = Gallery((), np.zeros((0, 0), np.float32), "m")
    empty = Trial("photo", np.zeros((0, 0), np.float32), nobody, frozenset(), frozenset())
    assert work_left([empty], THRESHOLD).taps_per_photo == 0.0


def test_questions_go_to_the_most_alike_and_each_student_is_asked_about_once() -> None:
    similarities = np.array([[0.50, 0.54], [0.55, 0.20], [0.30, 0.30]], dtype=np.float32)
    asked = questions(similarities, {0, 1, 2}, set(), least=0.5)
    assert [(one.face, one.student) for one in asked] == [(1, 0), (0, 1)]
    assert questions(similarities, {0, 1, 2}, {0}, least=0.5) == [Question(0, 1, float(np.float32(0.54)))]
    assert questions(similarities, {0}, {1}, least=0.5)[0].student == 0  # just at the margin
    assert questions(similarities, {2}, set(), least=0.5) == []
    assert questions(np.zeros((3, 0), np.float32), {0, 1, 2}, set(), least=0.5) == []


@given(st.lists(st.lists(st.floats(0, 0.45), min_size=4, max_size=4), min_size=1, max_size=6), st.data())
def test_more_wanted_is_never_less_work(rows: list[list[float]], data: st.DataObject) -> None:
    faces = [face(**dict(zip(PEOPLE, row, strict=True))) for row in rows]
    shown = data.draw(st.permutations([*PEOPLE, *[None] * len(faces)]))[: len(faces)]
    photo = trial(faces, shown, {person for person in shown if person} | {"ada"})
    taps = [work_left([photo], 0.4, enough=enough).taps for enough in (0.0, 0.5, 0.998, 1.0)]
    assert taps == sorted(taps)
    assert taps[-1] <= len(faces) + len(photo.present)
