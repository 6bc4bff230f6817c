import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.align import ARCFACE_TEMPLATE, scale_of, similarity_transform


def applied(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    moved: np.ndarray = points @ transform[:, :2].T + transform[:, 2]
    return moved


def test_landmarks_on_the_template_stay_where_they_are() -> None:
    transform = similarity_transform(ARCFACE_TEMPLATE.astype(np.float32), ARCFACE_TEMPLATE)
    np.testing.assert_allclose(transform, [[1, 0, 0], [0, 1, 0]], atol=1e-4)


def test_a_face_twice_as_large_is_halved() -> None:
    landmarks = (ARCFACE_TEMPLATE * 2 + (30, -10)).astype(np.float32)
    transform = similarity_transform(landmarks, ARCFACE_TEMPLATE)
    np.testing.assert_allclose(transform, [[0.5, 0, -15], [0, 0.5, 5]], atol=1e-4)
    assert scale_of(transform) == pytest.approx(0.5)


def test_a_quarter_turn_is_turned_back() -> None:
    template = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    lying = np.array([[0, 0], [0, 1], [-1, 0]], dtype=np.float32)
    np.testing.assert_allclose(similarity_transform(lying, template), [[0, 1, 0], [-1, 0, 0]], atol=1e-6)


@given(st.floats(-np.pi, np.pi), st.floats(0.05, 20), st.floats(-4000, 4000), st.floats(-4000, 4000))
def test_any_turn_scale_and_shift_is_undone(angle: float, scale: float, x: float, y: float) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = (ARCFACE_TEMPLATE @ turn.T + (x, y)).astype(np.float32)
    back = applied(similarity_transform(landmarks, ARCFACE_TEMPLATE), landmarks.astype(np.float64))
    np.testing.assert_allclose(back, ARCFACE_TEMPLATE, atol=0.05)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    landmarks = (ARCFACE_TEMPLATE * (-1, 1)).astype(np.float32)
    transform = similarity_transform(landmarks, ARCFACE_TEMPLATE)
    assert np.linalg.det(transform[:, :2]) > 0


def test_no_other_similarity_is_nearer() -> None:
    rng = np.random.default_rng(3)
    landmarks = (ARCFACE_TEMPLATE * 1.7 + rng.normal(0, 4, (5, 2))).astype(np.float32)
    best = similarity_transform(landmarks, ARCFACE_TEMPLATE)
    least = np.sum((applied(best, landmarks) - ARCFACE_TEMPLATE) ** 2)
    for turn, stretch, shift in rng.normal(0, 0.01, (50, 3)):
        other = best.copy()
        other[:, :2] *= 1 + stretch
        other[:, :2] = np.array([[1, -turn], [turn, 1]]) @ other[:, :2]
        other[:, 2] += shift * 100
        assert np.sum((applied(other, landmarks) - ARCFACE_TEMPLATE) ** 2) >= least


def test_landmarks_on_one_spot_have_no_transform() -> None:
    with pytest.raises(ValueError, match="one spot"):
        similarity_transform(np.ones((5, 2), dtype=np.float32), ARCFACE_TEMPLATE)
