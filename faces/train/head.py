"""The mode ``head``: one linear layer over the joined embeddings of frozen recognisers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from faces.degrade import BANDS
from faces.distance import cosine_similarities
from faces.evaluate.small import FULL, accepted
from faces.models.fused import fuse
from faces.models.trained import apply_head
from faces.train.cache import Samples
from faces.train.fit import Fitting, fit
from faces.train.sampling import BatchShape, Sampler
from faces.types import Embeddings

DIMENSIONS: Final = 128
_FALSE_ACCEPTS: Final = 1e-5
"""Share of strangers' pairs above the threshold: about one in 2,000 photographs of 50 faces against one student."""

Head = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedHead:
    """A head, and how its score is added to those of the recognisers.

    Attributes:
        head: ``kernel`` and ``bias``.
        input_weights: what the recognisers' cosines weigh in its input, of sum 1.
        score_weights: what their cosines and then its own weigh in the result, of sum 1.
        deviations: of strangers' cosines, of the recognisers and then of the head, among those learned from.
        losses: of the steps that this run took.
    """

    head: Head
    input_weights: NDArray[np.float64]
    score_weights: NDArray[np.float64]
    deviations: list[float]
    losses: list[float]

    def own(self, samples: Samples) -> Embeddings:
        """Embed faces by the head alone."""
        return apply_head(fuse(samples.parts, self.input_weights), self.head)

    def embeddings(self, samples: Samples) -> Embeddings:
        """Embed faces as the trained recogniser does."""
        return fuse([*samples.parts, self.own(samples)], self.score_weights)


def train_head(
    samples: Samples, how: Fitting, shape: BatchShape, *, seed: int, influences: tuple[float, ...], folder: Path
) -> TrainedHead:
    """Train a head.

    Args:
        samples: of the people to learn from.
        how: steps and learning rate.
        shape: of a batch.
        seed: of the sampling; the layer starts without chance.
        influences: what the normalised scores of the recognisers, and then of the head, count for.
        folder: of the checkpoints.
    """
    deviations = [deviation(samples, rows) for rows in samples.parts]
    input_weights = weights_of(deviations, (1.0,) * len(deviations))
    inputs = fuse(samples.parts, input_weights)
    labels = np.unique(samples.people, return_inverse=True)[1].astype(np.int64)
    network, layer = build_head(principal_head(inputs))
    sampler = Sampler(labels, shape, seed=seed)

    def batch(step: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        rows = sampler.batch(step)
        return inputs[rows], labels[rows]

    losses = fit(network, batch, how, folder=folder)
    kernel, bias = layer.get_weights()
    head = {"kernel": kernel, "bias": bias}
    deviations.append(deviation(samples, apply_head(inputs, head)))
    return TrainedHead(head, input_weights, weights_of(deviations, influences), deviations, losses)


def principal_head(inputs: Embeddings) -> Head:
    """Start from the principal components: the head's cosines are nearly those of its input before it learns anything.

    Args:
        inputs: float32 (n, d), rows of unit L2 norm.

    Returns:
        ``kernel`` float32 (d, 128) and ``bias`` float32 (128,). With fewer than 128 inputs the rest is zero.
    """
    mean = inputs.mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(np.cov(inputs.T.astype(np.float64)))
    kernel = np.zeros((inputs.shape[1], DIMENSIONS), dtype=np.float64)
    leading = vectors[:, ::-1][:, :DIMENSIONS]
    kernel[:, : leading.shape[1]] = leading
    return {"kernel": kernel.astype(np.float32), "bias": (-mean @ kernel).astype(np.float32)}


def build_head(start: Head) -> tuple[keras.Model, Any]:
    """Make the head a network that can learn; also give its one layer with weights."""
    joined = keras.Input((start["kernel"].shape[0],))
    layer = keras.layers.Dense(DIMENSIONS)
    network = keras.Model(joined, keras.layers.UnitNormalization()(layer(joined)))
    layer.set_weights([start["kernel"], start["bias"]])
    return network, layer


def deviation(samples: Samples, rows: Embeddings) -> float:
    """Give the standard deviation of the cosines of strangers: clear faces of different people."""
    clear = np.flatnonzero(samples.draws == FULL)
    cosines = cosine_similarities(rows[clear], rows[clear])
    strangers = samples.people[clear][:, None] != samples.people[clear][None, :]
    return float(cosines[strangers].std())


def weights_of(deviations: list[float], influences: tuple[float, ...]) -> NDArray[np.float64]:
    """Turn influences of normalised scores into weights of cosines, of sum 1; four digits, as ``fusion_weights``."""
    raw = np.array(influences) / np.array(deviations)
    weights: NDArray[np.float64] = np.round(raw / raw.sum(), 4)
    weights[-1] = 1 - weights[:-1].sum()
    return weights


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Held-out faces as ``faces.evaluate small`` pairs them.

    Attributes:
        enrolments: rows of the samples: each person's first photograph, as it is.
        probes: rows of the others, by band.
        same: whether a probe shows the enrolled person, (probes, enrolments).
    """

    enrolments: NDArray[np.int64]
    probes: dict[str, NDArray[np.int64]]
    same: NDArray[np.bool_]

    def shares(self, rows: Embeddings) -> dict[str, dict[str, float]]:
        """Give the share of probes accepted by band and FAR."""
        probes = {band: rows[chosen] for band, chosen in self.probes.items()}
        return accepted(rows[self.enrolments], probes, self.same)


def threshold_of(enrolled: Embeddings, probes: list[Embeddings], same: NDArray[np.bool_]) -> float:
    """Give the cosine that few strangers reach, over all bands.

    Args:
        enrolled: of each person.
        probes: of each band.
        same: whether a probe shows the enrolled person, (probes, enrolments).
    """
    scores = [cosine_similarities(rows, enrolled)[~same] for rows in probes]
    return round(float(np.quantile(np.concatenate(scores), 1.0 - _FALSE_ACCEPTS)), 4)


def trial_of(samples: Samples) -> Trial:
    """Pair held-out faces: the first file of each person is the enrolment, the others are probes."""
    first = {person: min(samples.files[samples.people == person]) for person in np.unique(samples.people)}
    is_first = samples.files == np.array([first[person] for person in samples.people])
    enrolments = np.flatnonzero(is_first & (samples.draws == FULL))
    probes = {band: np.flatnonzero(~is_first & (samples.draws == band)) for band in (*BANDS, FULL)}
    same = samples.people[probes[FULL]][:, None] == samples.people[enrolments][None, :]
    return Trial(enrolments, probes, same)
