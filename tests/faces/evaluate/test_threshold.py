import pytest

from faces.errors import FaceError
from faces.evaluate.threshold import Operating, choose


def point(threshold: float, false_marks: int, group_false_marks: int = 0) -> Operating:
    return Operating(threshold, 0.9, false_marks, 0.9, group_false_marks)


def test_lowest_threshold_within_both_limits_is_chosen() -> None:
    points = [point(0.1, 9), point(0.2, 0, 5), point(0.3, 0, 1), point(0.4, 0)]
    assert choose(points, max_false_marks=0, max_group_false_marks=1).threshold == 0.3
    assert choose(points, max_false_marks=0, max_group_false_marks=0).threshold == 0.4


def test_a_lucky_threshold_below_a_bad_one_is_not_chosen() -> None:
    points = [point(0.1, 0), point(0.2, 1), point(0.3, 0)]
    assert choose(points, max_false_marks=0, max_group_false_marks=0).threshold == 0.3


def test_limits_that_nothing_meets_are_an_error() -> None:
    with pytest.raises(FaceError, match="No threshold"):
        choose([point(0.9, 1)], max_false_marks=0, max_group_false_marks=0)
