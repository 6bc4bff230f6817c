import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces import detect, selfie
from faces.detect import Candidate
from faces.types import Box, Detection, RGBImage


def face(x: float, y: float, size: float, score: float = 0.9) -> Detection:
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], dtype=np.float32)
    return Detection(Box(x, y, size, size), points * np.float32(size) + np.array([x, y], np.float32), score)


def blank(width: int, height: int) -> RGBImage:
    return np.zeros((height, width, 3), dtype=np.uint8)


class SquareDetector:
    """Finds the bounding box of what is bright, if its side is within the sizes that this detector can see."""

    detector_id = "square"

    def __init__(self, least: float = 10, most: float = 200) -> None:
        self.least, self.most = least, most
        self.seen: list[tuple[int, int]] = []

    def detect(self, image: RGBImage) -> list[Detection]:
        self.seen.append((image.shape[1], image.shape[0]))
        rows, columns = np.nonzero(image[:, :, 0] > 200)
        if not rows.size:
            return []
        left, top = float(columns.min()), float(rows.min())
        side = float(columns.max()) + 1 - left
        return [face(left, top, side)] if self.least <= side <= self.most else []


def square(width: int, height: int, x: int, y: int, side: int) -> RGBImage:
    image = blank(width, height)
    image[y : y + side, x : x + side] = 255
    return image


def assert_near(box: Box, expected: tuple[float, float, float, float], within: float) -> None:
    np.testing.assert_allclose((box.x, box.y, box.width, box.height), expected, atol=within)


@pytest.mark.parametrize(
    ("side", "face_px", "sides"),
    [
        (400, 30, {400, 800, 1200, 480}),
        (699, 30, {699, 1398, 2097, 480}),
        (700, 30, {700, 1400, 480}),
        (1299, 30, {1299, 2598, 480}),
        (1300, 60, {650, 480}),
        (4032, 60, {2016, 480}),
        (4032, 30, {2016, 4032, 480}),
    ],
)
def test_small_photos_are_enlarged_and_far_faces_seen_at_full_resolution(
    side: int, face_px: int, sides: set[int]
) -> None:
    detector = SquareDetector()
    assert detect.find_all(detector, square(side, 300, 100, 100, face_px))
    assert {width for width, _ in detector.seen} == {min(one, side) if one == 480 else one for one in sides}


class UnsureFromFar(SquareDetector):
    """Is sure of a face in a small picture only."""

    def __init__(self, closer_score: float) -> None:
        super().__init__()
        self.closer_score = closer_score

    def detect(self, image: RGBImage) -> list[Detection]:
        score = self.closer_score if max(image.shape) < 300 else 0.4
        return [Detection(one.box, one.landmarks, score) for one in super().detect(image)]


@pytest.mark.parametrize(("closer_score", "count"), [(0.8, 1), (0.5, 0)])
def test_an_unsure_face_counts_when_a_closer_look_is_sure_of_it(closer_score: float, count: int) -> None:
    found = detect.find_all(UnsureFromFar(closer_score), square(2000, 1500, 600, 700, 90))
    assert len(found) == count
    for one in found:
        assert one.score == closer_score
        assert_near(one.box, (600, 700, 90, 90), within=2)


@pytest.mark.parametrize(("width", "height", "x", "y", "side"), [(1500, 1000, 700, 300, 60), (640, 401, 31, 200, 40)])
def test_a_face_comes_back_in_pixels_of_the_photo(width: int, height: int, x: int, y: int, side: int) -> None:
    found = detect.find_all(SquareDetector(), square(width, height, x, y, side))
    assert len(found) == 1
    assert_near(found[0].box, (x, y, side, side), 2.0)
    assert found[0].landmarks.dtype == np.float32
    np.testing.assert_allclose(found[0].landmarks, face(x, y, side).landmarks, atol=2.0)


def test_a_face_too_large_for_the_detector_is_found_by_the_overview() -> None:
    found = detect.find_all(SquareDetector(most=200), square(3000, 2000, 900, 500, 900))
    assert len(found) == 1
    assert_near(found[0].box, (900, 500, 900, 900), 12.0)


def test_boxes_below_the_least_size_are_dropped() -> None:
    assert detect.find_all(SquareDetector(least=1), square(1500, 1000, 700, 300, 7)) == []
    assert len(detect.find_all(SquareDetector(least=1), square(1500, 1000, 700, 300, 10))) == 1


def test_no_face_is_an_empty_list() -> None:
    assert detect.find_all(SquareDetector(), blank(500, 400)) == []
    assert selfie.find_selfie(SquareDetector(), blank(500, 400)) == []


def test_merging_weighs_by_score_and_keeps_the_best() -> None:
    merged = detect.merge([[face(0, 0, 100, 0.9)], [face(8, 4, 100, 0.6)], [face(300, 0, 50, 0.7)]])
    assert [(one.votes, one.detection.score) for one in merged] == [(2, 0.9), (1, 0.7)]
    # (0.9 * 0 + 0.6 * 8) / 1.5 and (0.9 * 0 + 0.6 * 4) / 1.5
    assert_near(merged[0].detection.box, (3.2, 1.6, 100, 100), 1e-6)
    np.testing.assert_allclose(merged[0].detection.landmarks[0], [33.2, 41.6], atol=1e-4)
    assert_near(merged[1].detection.box, (300, 0, 50, 50), 0)


def test_one_look_votes_once_for_a_face() -> None:
    merged = detect.merge([[face(0, 0, 100, 0.9), face(2, 2, 100, 0.8)]])
    assert [one.votes for one in merged] == [1]
    assert_near(merged[0].detection.box, (0, 0, 100, 100), 0)


@pytest.mark.parametrize(("shift", "count"), [(42.0, 1), (44.0, 2)])
def test_boxes_merge_from_the_stated_overlap_on(shift: float, count: int) -> None:
    # Two boxes of side 100 shifted by s overlap by (100 - s) / (100 + s): 0.408 and 0.389.
    assert len(detect.merge([[face(0, 0, 100)], [face(shift, 0, 100, 0.8)]])) == count


def test_merging_nothing_gives_nothing() -> None:
    assert detect.merge([]) == []
    assert detect.merge([[], []]) == []


faces_anywhere = st.builds(face, st.floats(0, 500), st.floats(0, 500), st.floats(5, 120), st.floats(0.6, 1.0))
looks_anywhere = st.lists(st.lists(faces_anywhere, max_size=6), max_size=4)


@given(looks_anywhere)
def test_merging_loses_no_face_and_invents_none(looks: list[list[Detection]]) -> None:
    merged = detect.merge(looks)
    everything = list(itertools.chain.from_iterable(looks))
    assert len(merged) <= len(everything)
    assert bool(merged) == bool(everything)
    assert all(1 <= one.votes <= len(looks) for one in merged)
    scores = [one.detection.score for one in merged]
    assert scores == sorted(scores, reverse=True)
    if everything:
        assert scores[0] == max(one.score for one in everything)
        assert min(one.box.x for one in everything) - 1e-6 <= min(one.detection.box.x for one in merged)
        assert max(one.detection.box.width for one in merged) <= max(one.box.width for one in everything) + 1e-6


@given(st.lists(faces_anywhere, max_size=6))
def test_looks_that_agree_change_no_box(look: list[Detection]) -> None:
    once, thrice = detect.merge([look]), detect.merge([look, look, look])
    assert [one.votes * 3 for one in once] == [one.votes for one in thrice]
    for one, other in zip(once, thrice, strict=True):
        a, b = one.detection.box, other.detection.box
        assert_near(b, (a.x, a.y, a.width, a.height), 1e-6)


def test_parts_of_a_face_are_dropped() -> None:
    whole, eye = face(100, 100, 200, 0.94), face(130, 130, 60, 0.65)
    assert detect.without_parts([whole, eye]) == [whole]


@pytest.mark.parametrize("other", [face(130, 130, 60, 0.9), face(350, 130, 60, 0.65), face(110, 110, 185, 0.65)])
def test_sure_apart_or_equally_large_boxes_are_no_parts(other: Detection) -> None:
    whole = face(100, 100, 200, 0.94)
    assert detect.without_parts([whole, other]) == [whole, other]


def test_rank_prefers_what_several_looks_agree_on_to_what_is_large() -> None:
    person = Candidate(face(300, 100, 100, 0.9), votes=3)
    cupboard = Candidate(face(0, 0, 180, 0.85), votes=1)
    assert person.rank > cupboard.rank
    assert person.rank == pytest.approx(3 * 0.81 * 100)


def test_prominence_falls_from_the_middle_to_the_corner() -> None:
    image = blank(400, 300)
    middle, corner = Candidate(face(175, 125, 50), 1), Candidate(face(-25, -25, 50), 1)
    assert selfie.prominence(middle, image) == pytest.approx(middle.rank)
    assert selfie.prominence(corner, image) == pytest.approx(0.1 * corner.rank)


@pytest.mark.parametrize("side", [250, 600, 1000, 3000])
def test_selfies_are_looked_at_in_several_sizes(side: int) -> None:
    scales = selfie.selfie_scales(blank(side, side // 2))
    assert len(scales) >= 2
    assert max(scales) <= 2.0
    assert 320 / side == pytest.approx(scales[0])


def test_a_face_that_fills_the_selfie_is_found_with_a_margin_around() -> None:
    class Shy(SquareDetector):
        """Finds nothing that touches the edge."""

        def detect(self, image: RGBImage) -> list[Detection]:
            edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
            return [] if edge.max() > 200 else super().detect(image)

    found = selfie.find_selfie(Shy(most=1000), square(400, 400, 0, 0, 400))
    assert len(found) == 1
    assert_near(found[0].detection.box, (0, 0, 400, 400), 4.0)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_lying_face_is_found_and_its_landmarks_lie_with_it(quarters: int) -> None:
    class Upright(SquareDetector):
        """Sees a face only where the bright square has a darker forehead on top."""

        def detect(self, image: RGBImage) -> list[Detection]:
            found = super().detect(image)
            box = found[0].box if found else Box(0, 0, 1, 1)
            middle = int(box.x + box.width / 2)
            upper, lower = (image[int(box.y + part * box.height), middle, 1] for part in (0.2, 0.8))
            return found if found and upper < lower - 50 else []

    standing = square(600, 440, 200, 100, 80)
    standing[100:140, 200:280, 1] = 60
    expected = selfie.find_selfie(Upright(), standing)[0].detection
    lying = np.ascontiguousarray(np.rot90(standing, -quarters))
    found = selfie.find_selfie(Upright(), lying)
    assert len(found) == 1
    got = found[0].detection
    rows, columns = np.nonzero(lying[:, :, 0] > 200)
    assert_near(got.box, (columns.min(), rows.min(), 80, 80), 2.0)
    eyes = got.landmarks[1] - got.landmarks[0]
    upright_eyes = expected.landmarks[1] - expected.landmarks[0]
    turned = {1: (-upright_eyes[1], upright_eyes[0]), 2: -upright_eyes, 3: (upright_eyes[1], -upright_eyes[0])}
    np.testing.assert_allclose(eyes, turned[quarters], atol=2.0)
    # The nose stays between the eyes and the mouth, inside the box.
    assert got.box.x < got.landmarks[2][0] < got.box.x + got.box.width
