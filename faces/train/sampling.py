"""Batches of P people with K pictures each, so that each anchor has positives and negatives in its batch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.errors import FaceError


@dataclass(frozen=True, slots=True)
class BatchShape:
    """How a batch is made up.

    Attributes:
        people: P, two at least.
        pictures: K of each, two at least.
    """

    people: int
    pictures: int


class Sampler:
    """Draws batches; which one depends on seed and step alone, so a run that goes on draws what it would have."""

    def __init__(self, labels: NDArray[np.int64], shape: BatchShape, *, seed: int) -> None:
        """Prepare to draw.

        Args:
            labels: int64 (n,), the person of each picture.
            shape: of a batch; with fewer people than asked for a batch holds them all.
            seed: of all draws.

        Raises:
            FaceError: fewer than two people have two pictures.
        """
        grouped = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self._pictures = [rows for rows in grouped if len(rows) > 1]
        if len(self._pictures) < 2:
            raise FaceError("Triplets need two people with two pictures each at least.")
        self._shape = shape
        self._seed = seed

    def batch(self, step: int) -> NDArray[np.int64]:
        """Draw a batch.

        Args:
            step: from 0.

        Returns:
            Rows of pictures, K in a row of each person; somebody with fewer than K pictures gives some twice.
        """
        generator = np.random.default_rng([self._seed, step])
        count = min(self._shape.people, len(self._pictures))
        people = generator.choice(len(self._pictures), count, replace=False)
        rows = [self._of(self._pictures[person], generator) for person in people]
        return np.concatenate(rows)

    def _of(self, rows: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
        wanted = self._shape.pictures
        drawn = generator.permutation(rows)[:wanted]
        if len(drawn) < wanted:
            drawn = np.concatenate([drawn, generator.choice(rows, wanted - len(drawn))])
        return drawn
