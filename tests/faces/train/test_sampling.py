"""Batches of P people with K pictures each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.errors import FaceError
from faces.train.sampling import BatchShape, Sampler


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6), st.integers(2, 5), st.integers(0, 99), st.integers(0, 99))
def test_a_batch_holds_k_pictures_of_each_of_p_people(people: int, pictures: int, seed: int, step: int) -> None:
    labels = np.repeat(np.arange(8), 5)
    rows = Sampler(labels, BatchShape(people, pictures), seed=seed).batch(step)
    drawn, counts = np.unique(labels[rows], return_counts=True)
    assert len(drawn) == people
    assert set(counts) == {pictures}
    assert len(set(rows.tolist())) == people * pictures


def test_a_step_draws_the_same_whatever_was_drawn_before() -> None:
    labels = np.repeat(np.arange(9), 4)
    one, other = (Sampler(labels, BatchShape(4, 2), seed=3) for _ in range(2))
    one.batch(0)
    np.testing.assert_array_equal(one.batch(7), other.batch(7))
    assert (one.batch(7) != one.batch(8)).any()
    assert (Sampler(labels, BatchShape(4, 2), seed=4).batch(7) != one.batch(7)).any()


def test_who_has_too_few_pictures_gives_some_twice_and_who_has_one_none() -> None:
    labels = np.array([0, 0, 1, 1, 1, 2])
    rows = Sampler(labels, BatchShape(8, 4), seed=0).batch(0)
    assert np.bincount(labels[rows]).tolist() == [4, 4]
    assert set(rows.tolist()) == {0, 1, 2, 3, 4}


def test_one_person_makes_no_triplets() -> None:
    with pytest.raises(FaceError, match="two people"):
        Sampler(np.array([0, 0, 0, 1]), BatchShape(2, 2), seed=0)
