import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.distance import (
    check_embeddings,
    cosine_distance,
    cosine_similarities,
    cosine_similarity,
    l2_distance,
    unit_rows,
)


def test_similarity_of_known_vectors_is_exact() -> None:
    a = np.array([[1, 0], [0, 1]], dtype=np.float32)
    b = np.array([[1, 0], [0.6, 0.8], [-1, 0]], dtype=np.float32)
    assert cosine_similarities(a, b).tolist() == [
        [1.0, pytest.approx(0.6), -1.0],
        [0.0, pytest.approx(0.8), 0.0],
    ]


def test_one_pair_equals_its_entry_of_the_matrix() -> None:
    rows = unit_rows(np.random.default_rng(1).normal(size=(2, 128)))
    assert cosine_similarity(rows[0], rows[1]) == pytest.approx(float(cosine_similarities(rows, rows)[0, 1]))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_squared_l2_is_twice_the_cosine_distance(seed: int) -> None:
    a, b = unit_rows(np.random.default_rng(seed).normal(size=(2, 16)))
    similarity = cosine_similarity(a, b)
    measured = float(np.linalg.norm(a.astype(float) - b.astype(float)))
    assert l2_distance(similarity) == pytest.approx(measured, abs=1e-3)
    assert l2_distance(similarity) ** 2 == pytest.approx(2 * cosine_distance(similarity), abs=1e-9)


def test_no_faces_compare_to_nothing() -> None:
    none = np.zeros((0, 4), dtype=np.float32)
    one = np.array([[1, 0, 0, 0]], dtype=np.float32)
    assert cosine_similarities(none, one).shape == (0, 1)


@pytest.mark.parametrize(
    ("embeddings", "error"),
    [
        (np.array([[1.0, 0.0]]), TypeError),
        (np.array([1, 0], dtype=np.float32), ValueError),
        (np.array([[2, 0]], dtype=np.float32), ValueError),
        (np.array([[0, 0]], dtype=np.float32), ValueError),
        (np.array([[np.nan, 0]], dtype=np.float32), ValueError),
    ],
)
def test_what_is_no_unit_vector_is_refused(embeddings: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_embeddings(embeddings)


def test_vectors_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 3 numbers"):
        cosine_similarities(np.eye(2, dtype=np.float32), np.eye(3, dtype=np.float32))


def test_a_zero_vector_has_no_direction() -> None:
    with pytest.raises(ValueError, match="no direction"):
        unit_rows(np.zeros((1, 3)))
