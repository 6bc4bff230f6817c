"""Loss and mining against plain NumPy, by hand, and as properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from faces.distance import unit_rows
from faces.train.triplets import MARGIN, mine_negatives, squared_distances, triplet_loss

Rows = NDArray[np.float32]


def reference_negative(distances: NDArray[np.float32], labels: NDArray[np.int64], anchor: int, positive: int) -> int:
    """The nearest stranger beyond the positive, else the farthest stranger."""
    strangers = [other for other in range(len(labels)) if labels[other] != labels[anchor]]
    beyond = [other for other in strangers if distances[anchor, other] > distances[anchor, positive]]
    chosen = min if beyond else max
    return chosen(beyond or strangers, key=lambda other: distances[anchor, other])


def reference_loss(rows: Rows, labels: NDArray[np.int64], margin: float) -> float:
    distances = np.maximum(2 - 2 * rows @ rows.T, 0).astype(np.float32)
    losses = []
    for anchor in range(len(rows)):
        for positive in range(len(rows)):
            if anchor == positive or labels[anchor] != labels[positive] or len(set(labels.tolist())) == 1:
                continue
            negative = reference_negative(distances, labels, anchor, positive)
            losses.append(max(0.0, float(distances[anchor, positive] - distances[anchor, negative]) + margin))
    return float(np.mean(losses)) if losses else 0.0


def at_angles(*degrees: float) -> Rows:
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Rows, NDArray[np.int64]]:
    count = draw(st.integers(2, 14))
    labels = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    seed = draw(st.integers(0, 10_000))
    rows = np.random.default_rng(seed).normal(size=(count, draw(st.integers(2, 8))))
    return unit_rows(rows), np.array(labels, dtype=np.int64)


@settings(deadline=None, max_examples=60)
@given(batches(), st.sampled_from([0.0, 0.2, 1.0]))
def test_the_loss_is_that_of_plain_numpy(batch: tuple[Rows, NDArray[np.int64]], margin: float) -> None:
    rows, labels = batch
    assert float(triplet_loss(rows, labels, margin)) == pytest.approx(reference_loss(rows, labels, margin), abs=1e-4)


@settings(deadline=None, max_examples=60)
@given(batches())
def test_a_triplet_is_two_pictures_of_one_person_and_one_of_another(batch: tuple[Rows, NDArray[np.int64]]) -> None:
    rows, labels = batch
    distances = squared_distances(rows).numpy()
    negatives, valid = (array.numpy() for array in mine_negatives(distances, labels))
    for anchor, positive in np.ndindex(valid.shape):
        strangers = distances[anchor][labels != labels[anchor]]
        pair = anchor != positive and labels[anchor] == labels[positive]
        assert valid[anchor, positive] == (pair and len(strangers) > 0)
        if valid[anchor, positive]:
            assert labels[negatives[anchor, positive]] != labels[anchor]
            near, far = distances[anchor, positive], distances[anchor, negatives[anchor, positive]]
            if (strangers > near).any():
                # Semi-hard: beyond the positive, and no stranger lies between.
                assert far > near
                assert not ((strangers > near) & (strangers < far)).any()
            else:
                assert far == strangers.max()


def test_a_semi_hard_negative_by_hand() -> None:
    # Ada at 0 and 60 degrees, Ben at 30 and 90: D = 2 - 2 cos. Beyond Ada's own picture (D 1) lies Ben's at 90 (D 2).
    rows, labels = at_angles(0, 60, 30, 90), np.array([0, 0, 1, 1])
    negatives, valid = mine_negatives(squared_distances(rows), labels)
    assert negatives.numpy()[0, 1] == 3
    assert valid.numpy().sum() == 4
    # From 60 both of Ben's are nearer (D 0.27): the farthest of them, one of two alike. From 0: 1 - 2 + 0.2 < 0.
    # By symmetry Ben's side is the same, so the loss is the mean of 0, 0.932, 0.932, 0.
    near = 2 - 2 * np.cos(np.radians(30))
    assert float(triplet_loss(rows, labels)) == pytest.approx((1 - near + MARGIN) / 2, abs=1e-5)


def test_triplets_beyond_the_margin_cost_nothing_and_have_no_gradient_to_give() -> None:
    assert float(triplet_loss(at_angles(0, 1, 180, 181), np.array([0, 0, 1, 1]))) == 0.0


def test_a_batch_of_one_person_or_of_single_pictures_has_no_triplets() -> None:
    assert float(triplet_loss(at_angles(0, 90, 180), np.array([5, 5, 5]))) == 0.0
    assert float(triplet_loss(at_angles(0, 90, 180), np.array([1, 2, 3]))) == 0.0


def test_a_positive_as_far_as_a_negative_takes_one_beyond() -> None:
    # The picture at 60 is as far as the stranger at -60; the next stranger lies at 120.
    negatives, _ = mine_negatives(squared_distances(at_angles(0, 60, -60, 120)), np.array([0, 0, 1, 2]))
    distances = squared_distances(at_angles(0, 60, -60, 120)).numpy()
    assert distances[0, negatives.numpy()[0, 1]] > distances[0, 1]
