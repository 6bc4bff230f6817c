"""The loop: batches in, a trained network out, with checkpoints that a later run goes on from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from faces.errors import FaceError
from faces.train.triplets import MARGIN, triplet_loss

Batch = tuple[NDArray[Any], NDArray[np.int64]]
"""Inputs of the network and the person of each, int64 (n,)."""

_KEPT: Final = 2


@dataclass(frozen=True, slots=True)
class Fitting:
    """How long and how fast to learn.

    Attributes:
        steps: batches in all, those before a checkpoint included.
        learning_rate: of Adam.
        checkpoint_every: steps between checkpoints.
        margin: of the triplet loss.
    """

    steps: int
    learning_rate: float
    checkpoint_every: int = 200
    margin: float = MARGIN


def fit(
    network: keras.Model, batches: Callable[[int], Batch], how: Fitting, *, folder: Path, label: str = "triplets"
) -> list[float]:
    """Train a network; where ``folder`` holds a checkpoint of it, go on from there.

    Args:
        network: to unit vectors; trained in place.
        batches: gives the batch of a step, from 0; the same one every time.
        how: learning rate and number of steps.
        folder: of the checkpoints.
        label: of the progress bar.

    Returns:
        Loss of each step that this run took.

    Raises:
        FaceError: the checkpoint is of another network, or the loss is no longer a number.
    """
    optimizer = keras.optimizers.Adam(how.learning_rate)
    optimizer.build(network.trainable_variables)
    # Optimizer's state is not tracked by TensorFlow as Keras 3 holds it: its variables are listed one by one.
    state = {f"optimizer_{place}": one.value for place, one in enumerate(optimizer.variables)}
    weights = {f"weight_{place}": one.value for place, one in enumerate(network.variables)}
    done = tf.Variable(0, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(done=done, **state, **weights)
    manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=_KEPT)
    _restore(checkpoint, manager)
    step = _stepper(network, optimizer, how.margin)
    losses: list[float] = []
    with tqdm(total=how.steps, initial=int(done), desc=label, unit="batch") as bar:
        for number in range(int(done), how.steps):
            inputs, labels = batches(number)
            losses.append(float(step(tf.constant(inputs), tf.constant(labels))))
            if not np.isfinite(losses[-1]):
                raise FaceError(f"The loss of step {number + 1} is not a number: use a smaller learning rate.")
            done.assign(number + 1)
            if (number + 1) % how.checkpoint_every == 0 or number + 1 == how.steps:
                manager.save(number + 1)
            bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
            bar.update()
    return losses


def _restore(checkpoint: Any, manager: Any) -> None:
    if manager.latest_checkpoint is None:
        return
    try:
        checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    except (AssertionError, ValueError) as error:
        raise FaceError(
            f"{manager.directory} holds checkpoints of another network: train with --restart, or under another name."
        ) from error


def _stepper(network: keras.Model, optimizer: Any, margin: float) -> Callable[[Any, Any], Any]:
    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(inputs: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = triplet_loss(network(inputs, training=True), labels, margin)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    stepped: Callable[[Any, Any], Any] = step
    return stepped
