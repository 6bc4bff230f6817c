import numpy as np

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


def test_the_name_stands_above_the_box_or_below_it_at_the_top_edge() -> None:
    image = np.full((200, 300, 3), 255, dtype=np.uint8)
    inside = np.asarray(draw_faces(image, [(Box(20, 80, 60, 60), "ada")]))
    assert (inside[60:78, 20:60] != 255).any()
    at_edge = np.asarray(draw_faces(image, [(Box(20, 2, 60, 60), "ada")]))
    assert (at_edge[66:80, 20:60] != 255).any()


def test_the_picture_given_stays_as_it_was() -> None:
    image = np.zeros((50, 50, 3), dtype=np.uint8)
    draw_faces(image, [(Box(5, 5, 20, 20), "ada")])
    assert not image.any()
