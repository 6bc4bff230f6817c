import numpy as np
import pytest

from faces.confidence import CLEAR, Confidence
from faces.evaluate.diagram import draw_reliability
from faces.evaluate.reliability import EDGES, Suggestion, by_margin, counted, doubled, report, suggestions
from faces.evaluate.trials import Trial
from faces.match import Gallery, photo_threshold

THRESHOLD = 0.6
FITTED = photo_threshold(THRESHOLD, 3)


def unit(axis: int, likeness: float, away: int = 7) -> np.ndarray:
    row = np.zeros(8, dtype=np.float32)
    row[axis], row[away] = likeness, np.sqrt(1 - likeness**2)
    return row


def trial(people: tuple[str, ...], axes: list[int], faces: list[np.ndarray], shown: list[str | None]) -> Trial:
    gallery = Gallery(people, np.eye(8, dtype=np.float32)[axes], "m")
    present = frozenset(person for person in shown if person)
    return Trial("photo", np.stack(faces), gallery, frozenset(people), present, tuple(shown))


@pytest.fixture
def first() -> Trial:
    """Ada clear, a stranger marked as Ben, Cem asked about."""
    faces = [unit(0, 0.95), unit(1, FITTED + 0.01), unit(2, FITTED - 0.01)]
    return trial(("ada", "ben", "cem"), [0, 1, 2], faces, ["ada", None, "cem"])


@pytest.fixture
def second() -> Trial:
    """Of a class whose Dee looks like a stranger of the first class, and that Ada is in as well."""
    faces = [unit(3, 0.9, away=5), unit(5, 1.0, away=6), unit(6, 1.0, away=5)]
    return trial(("dee", "ada"), [1, 4], faces, [None, None, None])


def test_marks_and_questions_have_margin_word_and_truth(first: Trial) -> None:
    found = suggestions(first, THRESHOLD)
    assert [(one.word, one.right) for one in found] == [
        (Confidence.CLEAR, True),
        (Confidence.LIKELY, False),
        (Confidence.LOOK, True),
    ]
    expected = [(value - FITTED) / (1 - FITTED) for value in (0.95, FITTED + 0.01, FITTED - 0.01)]
    assert [one.margin for one in found] == pytest.approx(expected, abs=1e-6)


def test_a_face_like_nobody_is_no_suggestion(second: Trial) -> None:
    assert suggestions(second, THRESHOLD) == []


def test_a_doubled_roster_adds_the_other_class_and_keeps_the_own_template(first: Trial, second: Trial) -> None:
    one, two = doubled([[first], [second]])
    assert one.gallery.people == ("ada", "ben", "cem", "dee")
    assert one.gallery.embeddings[0, 0] == 1.0  # Ada's own, not the one of the other class
    assert one.roster == {"ada", "ben", "cem", "dee"}
    assert (one.present, one.shown) == (first.present, first.shown)
    assert two.gallery.people == ("dee", "ada", "ben", "cem")
    assert doubled([[first]]) == []


def test_suggestions_fall_into_bins_that_hold_their_lower_edge() -> None:
    margins = [-0.1250001, EDGES[0], 0.0, 0.0249, 0.025, 1.0]
    counts = by_margin([Suggestion(margin, Confidence.LIKELY, margin > 0) for margin in margins])
    filled = {EDGES[place]: (one.right, one.suggestions) for place, one in enumerate(counts) if one.suggestions}
    assert filled == {-0.125: (0, 2), 0.0: (1, 2), 0.025: (1, 1), 0.3: (1, 1)}


def test_nothing_counted_says_nothing() -> None:
    one = counted([])
    assert (one.right, one.suggestions, one.share, one.low, one.high) == (0, 0, 0.0, 0.0, 1.0)


def test_report_counts_words_by_roster(first: Trial, second: Trial) -> None:
    words = {(row["word"], row["roster"]): row for row in report([[first], [second]], THRESHOLD)["words"]}
    assert (words["clear", "own"]["right"], words["clear", "own"]["suggestions"]) == (1, 1)
    assert (words["likely", "own"]["right"], words["likely", "own"]["suggestions"]) == (0, 1)
    assert (words["please look", "own"]["right"], words["please look", "own"]["suggestions"]) == (1, 1)
    assert CLEAR > 0.01 / (1 - FITTED)


def test_diagram_has_a_point_where_there_are_suggestions_and_none_elsewhere(first: Trial, second: Trial) -> None:
    full = report([[first], [second]], THRESHOLD)["bins"]
    empty = [{**row, "right": 0, "suggestions": 0} for row in full]
    plane = (92, 60, 1138, 455)
    drawn, bare = (np.asarray(draw_reliability(rows).crop(plane)).astype(int) for rows in (full, empty))
    own = (np.abs(drawn - (0, 90, 170)).sum(axis=2) == 0).sum()
    assert own > 3 * 80  # three discs at least
    assert (np.abs(bare - (0, 90, 170)).sum(axis=2) == 0).sum() == 0
