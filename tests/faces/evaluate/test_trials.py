import numpy as np

from faces.evaluate.trials import Tally, Trial, tally
from faces.match import Gallery


def trial(present: set[str], faces: list[int]) -> Trial:
    """A roster of three on the axes; the faces found are those axes. ``dee`` has no template."""
    axes = np.eye(4, dtype=np.float32)
    return Trial(
        label="photo",
        probes=axes[faces],
        gallery=Gallery(("ada", "ben", "cem"), axes[:3], "m"),
        roster=frozenset({"ada", "ben", "cem", "dee"}),
        present=frozenset(present),
    )


def test_marks_are_counted_against_truth() -> None:
    assert tally([trial({"ada", "ben"}, [0, 2, 3])], 0.5) == Tally(present=2, present_marked=1, absent=2, false_marks=1)


def test_a_student_without_a_template_counts_as_missed() -> None:
    assert tally([trial({"dee"}, [3])], 0.5) == Tally(present=1, present_marked=0, absent=3, false_marks=0)


def test_counts_add_up_over_photos_and_shares_follow() -> None:
    both = tally([trial({"ada"}, [0]), trial({"ada", "ben", "cem"}, [0, 1])], 0.5)
    assert (both.recall, both.false_share) == (3 / 4, 0.0)


def test_no_faces_and_nobody_there() -> None:
    empty = tally([trial(set(), [])], 0.5)
    assert (empty.recall, empty.false_share, empty.false_marks) == (0.0, 0.0, 0)
    assert tally([], 0.5) == Tally(0, 0, 0, 0)
