"""The same stranger across photos: groups of faces without names."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from faces.distance import check_embeddings
from faces.types import Embeddings

_BLOCK: Final = 1024
"""Rows compared at once: 10,000 faces then take 40 MB at a time in place of 400."""


@dataclass(slots=True)
class _Merger:
    """Clusters while they grow; a merged pair gets a new number, so old heap entries are known to be stale.

    Attributes:
        sums: the sum of a living cluster's vectors; the product of two sums, over both sizes, is the mean similarity.
        members: faces of a living cluster.
        photos: the photos its faces come from.
        near: other clusters that have at least one face at or above the threshold.
        heap: (-mean similarity, first face of a, first face of b, a, b), so that ties fall the same way every time.
    """

    threshold: float
    sums: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    members: dict[int, list[int]] = field(default_factory=dict)
    photos: dict[int, set[str]] = field(default_factory=dict)
    near: dict[int, set[int]] = field(default_factory=dict)
    heap: list[tuple[float, int, int, int, int]] = field(default_factory=list)

    def offer(self, a: int, b: int) -> None:
        """Queue a merge if its mean similarity reaches the threshold and no photo would hold the person twice."""
        mean = float(self.sums[a] @ self.sums[b]) / (len(self.members[a]) * len(self.members[b]))
        if mean >= self.threshold and self.photos[a].isdisjoint(self.photos[b]):
            first, second = sorted((self.members[a][0], self.members[b][0]))
            heapq.heappush(self.heap, (-mean, first, second, a, b))

    def merge(self, a: int, b: int, merged: int) -> None:
        """Replace two clusters by one and queue its further merges."""
        self.sums[merged] = self.sums.pop(a) + self.sums.pop(b)
        self.members[merged] = sorted(self.members.pop(a) + self.members.pop(b))
        self.photos[merged] = self.photos.pop(a) | self.photos.pop(b)
        neighbours = (self.near.pop(a) | self.near.pop(b)) - {a, b}
        self.near[merged] = neighbours
        for other in neighbours:
            self.near[other] = (self.near[other] - {a, b}) | {merged}
            self.offer(merged, other)


def cluster(embeddings: Embeddings, *, photos: Sequence[str], threshold_cosine: float) -> list[int]:
    """Group faces by person; two faces of one photo are never the same person.

    Repeatedly joins the two groups with the highest mean similarity, while it reaches the threshold. The result is
    the same every time; it is exact average linkage, but for the pairs that a shared photo forbids.

    Args:
        embeddings: float32 (n, d), rows of unit L2 norm; n may be zero.
        photos: n keys, the photo each face comes from.
        threshold_cosine: groups are joined when their mean similarity >= threshold; range (0, 1].

    Returns:
        n cluster numbers in the order of the faces, numbered from 0 by first appearance.

    Raises:
        ValueError: as many photos as faces are needed, and a threshold above zero.
    Source: average linkage, Sokal and Michener 1958; cannot-link constraints, Wagstaff et al. 2001.
    """
    check_embeddings(embeddings)
    if len(photos) != len(embeddings):
        raise ValueError(f"{len(embeddings)} faces need as many photos, not {len(photos)}.")
    if not 0.0 < threshold_cosine <= 1.0:
        raise ValueError("Clustering needs a threshold above 0 and at most 1.")
    merger = _start(embeddings, photos, float(np.float32(threshold_cosine)))
    following = len(embeddings)
    while merger.heap:
        _, _, _, a, b = heapq.heappop(merger.heap)
        if a in merger.members and b in merger.members:
            merger.merge(a, b, following)
            following += 1
    return _labels(merger.members.values(), len(embeddings))


def _start(embeddings: Embeddings, photos: Sequence[str], threshold: float) -> _Merger:
    """Make every face a cluster of its own and queue all pairs that reach the threshold."""
    merger = _Merger(threshold)
    vectors = embeddings.astype(np.float64)
    for face, photo in enumerate(photos):
        merger.sums[face] = vectors[face]
        merger.members[face] = [face]
        merger.photos[face] = {photo}
        merger.near[face] = set()
    for start in range(0, len(vectors), _BLOCK):
        # A hair below, so that rounding in a block never hides a pair that offer() would accept.
        rows, columns = np.nonzero(vectors[start : start + _BLOCK] @ vectors.T >= threshold - 1e-9)
        for row, column in zip((rows + start).tolist(), columns.tolist(), strict=True):
            if row < column:
                merger.near[row].add(column)
                merger.near[column].add(row)
                merger.offer(row, column)
    return merger


def _labels(groups: Iterable[list[int]], faces: int) -> list[int]:
    """Number groups by their first face."""
    labels = [0] * faces
    for label, group in enumerate(sorted(groups)):
        for face in group:
            labels[face] = label
    return labels
