"""The loop learns, goes on where it stopped, and refuses another network's checkpoint."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from faces.errors import FaceError
from faces.train.fit import Fitting, fit
from faces.train.sampling import BatchShape, Sampler

LABELS = np.repeat(np.arange(6), 6)
_RANDOM = np.random.default_rng(2)
# What tells people apart is in the first three numbers; the others are louder.
INPUTS = np.concatenate([_RANDOM.normal(size=(6, 3))[LABELS], 3 * _RANDOM.normal(size=(36, 5))], axis=1).astype(
    np.float32
)


def network(width: int = 4) -> keras.Model:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8,))
    return keras.Model(inputs, keras.layers.UnitNormalization()(keras.layers.Dense(width)(inputs)))


def batches(step: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    rows = Sampler(LABELS, BatchShape(4, 4), seed=5).batch(step)
    return INPUTS[rows], LABELS[rows]


def test_the_loss_falls(tmp_path: Path) -> None:
    losses = fit(network(), batches, Fitting(150, 0.02), folder=tmp_path)
    assert len(losses) == 150
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:20])


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole, first, second = network(), network(), network()
    losses = fit(whole, batches, Fitting(30, 0.01, checkpoint_every=10), folder=tmp_path / "whole")

    def stopped(step: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        if step == 17:
            raise KeyboardInterrupt
        return batches(step)

    with pytest.raises(KeyboardInterrupt):
        fit(first, stopped, Fitting(30, 0.01, checkpoint_every=10), folder=tmp_path / "stopped")
    again = fit(second, batches, Fitting(30, 0.01, checkpoint_every=10), folder=tmp_path / "stopped")

    assert again == pytest.approx(losses[10:], abs=1e-6)
    for one, other in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_run_that_is_done_trains_no_more(tmp_path: Path) -> None:
    first, second = network(), network()
    fit(first, batches, Fitting(5, 0.01), folder=tmp_path)
    assert fit(second, batches, Fitting(5, 0.01), folder=tmp_path) == []
    np.testing.assert_array_equal(first.get_weights()[0], second.get_weights()[0])


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    fit(network(), batches, Fitting(2, 0.01), folder=tmp_path)
    with pytest.raises(FaceError, match="another network"):
        fit(network(width=5), batches, Fitting(4, 0.01), folder=tmp_path)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(FaceError, match="smaller learning rate"):
        fit(network(), lambda step: (batches(step)[0] * np.nan, LABELS[:16]), Fitting(3, 0.01), folder=tmp_path)
