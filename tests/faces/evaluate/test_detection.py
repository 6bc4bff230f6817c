from faces.evaluate.detection import match_boxes
from faces.types import Box

HEAD = Box(0, 0, 10, 10)


def test_overlap_of_exactly_the_limit_counts() -> None:
    # 10 x 4 of 10 x 10: intersection 40, union 100.
    assert match_boxes([Box(0, 0, 10, 4)], [HEAD]) == {0: 0}
    assert match_boxes([Box(0, 0, 10, 3.9)], [HEAD]) == {}


def test_a_face_found_twice_counts_once() -> None:
    assert len(match_boxes([HEAD, Box(1, 0, 10, 10)], [HEAD])) == 1


def test_a_box_over_two_faces_counts_for_one() -> None:
    assert len(match_boxes([HEAD], [HEAD, Box(1, 0, 10, 10)])) == 1


def test_as_many_faces_as_possible_are_paired() -> None:
    # The first box fits both faces, the second only the first: the best single overlap would leave one face.
    truth = [Box(0, 0, 10, 10), Box(4, 0, 10, 10)]
    found = [Box(0.5, 0, 10, 10), Box(-4, 0, 10, 10)]
    assert truth[1].iou(found[0]) >= 0.4
    assert match_boxes(found, truth) == {0: 1, 1: 0}


def test_nothing_found_and_nothing_there() -> None:
    assert match_boxes([], [HEAD]) == {}
    assert match_boxes([HEAD], []) == {}
