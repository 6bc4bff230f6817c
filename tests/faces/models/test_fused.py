"""The cosine of fused vectors is the fused score, exactly."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from faces.distance import unit_rows
from faces.models.fused import FusedEmbedder, Part, fuse, fusion_weights
from faces.types import Box, Detection, Embedder, Embeddings, RGBImage

IMAGE: RGBImage = np.random.default_rng(5).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def detections(count: int) -> list[Detection]:
    return [Detection(Box(3 * place, place, 8, 8), np.zeros((5, 2), np.float32), 0.9) for place in range(count)]


class Projection:
    """A linear recogniser of 8x8 crops: real numbers from real pixels, without weights files."""

    def __init__(self, name: str, dimensions: int, offset: float) -> None:
        self.model_id = name
        self.dimensions = dimensions
        self.threshold_cosine = 0.5
        random = np.random.default_rng(dimensions)
        self._matrix = random.normal(size=(8 * 8 * 3, dimensions))
        self._offset = offset

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        if not detections:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        corners = [(int(found.box.y), int(found.box.x)) for found in detections]
        crops = np.stack([image[top : top + 8, left : left + 8].ravel() for top, left in corners])
        return unit_rows(((crops.astype(np.float64) - 127) @ self._matrix + self._offset).astype(np.float32))


# The offset moves strangers' cosines away from zero, as dlib's network does.
SPREAD = Projection("spread", 12, 0.0)
CROWDED = Projection("crowded", 20, 3000.0)


def cosines(rows: Embeddings) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    upper: NDArray[np.float64] = (wide @ wide.T)[np.triu_indices(len(rows), 1)]
    return upper


def impostors(embedder: Projection) -> tuple[NDArray[np.float64], float, float]:
    scores = cosines(embedder.embed(IMAGE, detections(12)))
    return scores, float(scores.mean()), float(scores.std())


@pytest.mark.parametrize("influence", [1.0, 0.5])
def test_the_fused_cosine_is_the_sum_of_normalised_scores_up_to_scale_and_constant(influence: float) -> None:
    first, first_mean, first_sigma = impostors(SPREAD)
    second, second_mean, second_sigma = impostors(CROWDED)
    summed = (first - first_mean) / first_sigma + influence * (second - second_mean) / second_sigma

    fused = FusedEmbedder([Part(SPREAD, first_sigma), Part(CROWDED, second_sigma, influence)], threshold_cosine=0.6)
    found = cosines(fused.embed(IMAGE, detections(12)))

    scale = 1 / first_sigma + influence / second_sigma
    constant = (first_mean / first_sigma + influence * second_mean / second_sigma) / scale
    # The weights are stated, and used, with four digits.
    np.testing.assert_allclose(found, summed / scale + constant, atol=1e-4)
    assert abs(second_mean) > 5 * abs(first_mean)
    assert second_sigma < first_sigma


@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_the_cosine_of_joined_vectors_is_the_weighted_mean_of_the_cosines(sigmas: list[float], seed: int) -> None:
    weights = fusion_weights([Part(SPREAD, sigma) for sigma in sigmas if sigma > max(sigmas) / 1000])
    random = np.random.default_rng(seed)
    rows = [unit_rows(random.normal(size=(4, width)).astype(np.float32)) for width in range(3, 3 + len(weights))]

    joined = fuse(rows, weights)

    assert joined.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(joined, axis=1), 1, atol=1e-6)
    expected = sum(weight * cosines(part) for weight, part in zip(weights, rows, strict=True))
    np.testing.assert_allclose(cosines(joined), expected, atol=1e-6)


def test_a_third_of_the_deviation_weighs_three_times() -> None:
    weights = fusion_weights([Part(SPREAD, 0.09), Part(CROWDED, 0.03)])

    np.testing.assert_allclose(weights, [0.25, 0.75])


def test_one_recogniser_alone_stays_itself() -> None:
    fused = FusedEmbedder([Part(SPREAD, 0.1)], threshold_cosine=0.6)

    np.testing.assert_allclose(fused.embed(IMAGE, detections(3)), SPREAD.embed(IMAGE, detections(3)), atol=1e-7)


def test_the_model_id_names_every_part_and_its_weight() -> None:
    fused = FusedEmbedder([Part(SPREAD, 0.09), Part(CROWDED, 0.03)], threshold_cosine=0.6)

    assert fused.model_id == "spread*0.2500+crowded*0.7500"
    assert fused.dimensions == 32
    assert fused.threshold_cosine == 0.6


def test_it_is_an_embedder_and_gives_no_rows_for_no_faces() -> None:
    fused = FusedEmbedder([Part(SPREAD, 0.1), Part(CROWDED, 0.1)], threshold_cosine=0.6)

    assert isinstance(fused, Embedder)
    empty = fused.embed(IMAGE, [])
    assert empty.shape == (0, 32)
    assert empty.dtype == np.float32


@pytest.mark.parametrize(
    "parts", [[], [Part(SPREAD, 0.0)], [Part(SPREAD, 0.1), Part(CROWDED, -0.1)], [Part(SPREAD, 0.1, influence=0.0)]]
)
def test_what_cannot_be_normalised_is_refused(parts: list[Part]) -> None:
    with pytest.raises(ValueError, match=r"at least one|greater than zero"):
        FusedEmbedder(parts, threshold_cosine=0.6)
