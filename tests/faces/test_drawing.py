import numpy as np
import pytest

from faces.drawing import draw_faces
from faces.types import Box


def test_a_named_box_is_coloured_and_an_unknown_one_is_grey() -> None:
    image = np.full((200, 300, 3), 255, dtype=np.uint8)
    drawn = np.asarray(draw_faces(image, [(Box(20, 80, 60, 60), "ada"), (Box(200, 80, 60, 60), None)]))
    red, green, blue = (int(value) for value in drawn[110, 20])
    assert green > red
    assert green > blue
    assert len(set(drawn[110, 200].tolist())) == 1
    assert (drawn[110, 50] == 255).all()


def test_an_unknown_face_gets_a_box_and_nothing_else() -> None:
    image = np.full((200, 300, 3), 255, dtype=np.uint8)
    drawn = np.asarray(draw_faces(image, [(Box(100, 80, 60, 60), None)]))
    changed = np.argwhere((drawn != 255).any(axis=2))
    assert changed.min(axis=0).tolist() == [80, 100]
    assert changed.max(axis=0).tolist() == [140, 160]


def test_the_name_stands_below_the_box_or_beside_it_at_the_lower_edge() -> None:
    image = np.full((200, 300, 3), 255, dtype=np.uint8)
    inside = np.asarray(draw_faces(image, [(Box(20, 80, 60, 60), "ada")]))
    assert (inside[141:150, 20:40] != 255).any()
    at_edge = np.asarray(draw_faces(image, [(Box(20, 139, 60, 60), "ada")]))
    assert (at_edge[185:199, 82:100] != 255).any()
    assert (at_edge[110:138] == 255).all()


@pytest.mark.parametrize("side", [24, 60])
def test_in_rows_that_stand_close_names_leave_every_face_free(side: int) -> None:
    image = np.full((400, 600, 3), 255, dtype=np.uint8)
    step = side + 22
    boxes = [Box(20 + step * across, 20 + step * down, side, side) for down in range(4) for across in range(5)]
    drawn = np.asarray(draw_faces(image, [(box, str(number)) for number, box in enumerate(boxes)]))
    for box in boxes:
        left, top = int(box.x) + 3, int(box.y) + 3
        assert (drawn[top : top + side - 6, left : left + side - 6] == 255).all()


def test_a_name_makes_way_for_the_face_below() -> None:
    image = np.full((300, 300, 3), 255, dtype=np.uint8)
    below = Box(100, 162, 60, 60)
    drawn = np.asarray(draw_faces(image, [(Box(100, 100, 60, 60), "ada"), (below, None)]))
    assert (drawn[166:218, 104:156] == 255).all()
    assert (drawn[100:160, 162:190] != 255).any()


def test_two_names_do_not_stand_on_each_other() -> None:
    image = np.full((200, 300, 3), 255, dtype=np.uint8)
    one, other = (Box(100, 80, 40, 40), "ada lovelace"), (Box(145, 80, 40, 40), "grace hopper")
    both = (np.asarray(draw_faces(image, [one, other])) != 255).any(axis=2).sum()
    alone = [(np.asarray(draw_faces(image, [face])) != 255).any(axis=2).sum() for face in (one, other)]
    assert both == sum(alone)


def test_the_picture_given_stays_as_it_was() -> None:
    image = np.zeros((50, 50, 3), dtype=np.uint8)
    draw_faces(image, [(Box(5, 5, 20, 20), "ada")])
    assert not image.any()
