"""The same stranger across photos: groups of faces without names.

Average linkage, best pair first, on the graph of the pairs that reach the threshold: two groups whose mean similarity
reaches it have at least one such pair between them, so nothing else need be looked at. Every pair of groups waits in
the list of the one that was made last, and a heap holds the best of each list.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from faces.distance import check_embeddings
from faces.types import Embeddings

REACH: Final = 0.9
"""Two groups are one person down to this share of the way from 1 to the recogniser's threshold of identification.

Chosen on all of LFW's people with 2 to 8 pictures, with both halves of them looked at beside: pairwise F1 is best here
and stays at or above 0.986 from 0.94 (0.9862 for SFace) down to 0.84, for SFace (0.355) and for SFace with dlib's
(0.75), whose scales differ. See docs/recognition.md.
"""
_BLOCK: Final = 1024
"""Rows compared at once: 10,000 faces then take 80 MB at a time in place of 800."""
_ROUNDING: Final = 1e-5
"""So far below the threshold float32 still looks, lest its rounding hide a pair that the exact mean accepts."""

_Numbers = NDArray[np.int64]
_Means = NDArray[np.float64]


def cluster_threshold(threshold_cosine: float) -> float:
    """Say from which mean similarity on two groups are one person, for a recogniser with this threshold.

    Args:
        threshold_cosine: the recogniser's calibrated threshold of identification, range [-1, 1].

    Returns:
        A threshold for ``cluster`` on the recogniser's own scale, whose strangers may have a mean of 0 or of 0.6.
    """
    return 1.0 - REACH * (1.0 - threshold_cosine)


def cluster(embeddings: Embeddings, *, threshold_cosine: float, photos: Sequence[str] | None = None) -> list[int]:
    """Group faces by person.

    Repeatedly joins the two groups with the highest mean similarity, while it reaches the threshold. The same faces in
    another order make the same groups. It is exact average linkage, but for the pairs that a shared photo forbids.

    Args:
        embeddings: float32 (n, d), rows of unit L2 norm; n may be zero.
        threshold_cosine: groups are joined when their mean similarity >= threshold; range (0, 1].
        photos: n keys, the photo each face comes from: two faces of one photo are never the same person. None where
            nothing of the kind is known.

    Returns:
        n cluster numbers in the order of the faces, numbered from 0 by first appearance.

    Raises:
        ValueError: not as many photos as faces, or no threshold above zero.
    Source: average linkage, Sokal and Michener 1958; cannot-link constraints, Wagstaff et al. 2001.
    """
    check_embeddings(embeddings)
    keys = [str(face) for face in range(len(embeddings))] if photos is None else photos
    if len(keys) != len(embeddings):
        raise ValueError(f"{len(embeddings)} faces need as many photos, not {len(keys)}.")
    if not 0.0 < threshold_cosine <= 1.0:
        raise ValueError("Clustering needs a threshold above 0 and at most 1.")
    order = sorted(
        range(len(keys)), key=lambda face: (embeddings[face].tobytes(), "" if photos is None else keys[face])
    )
    linkage = _Linkage(embeddings[order], [keys[face] for face in order], float(np.float32(threshold_cosine)))
    linkage.run()
    groups = np.empty_like(linkage.owner)
    groups[order] = linkage.owner
    return _numbered(groups.tolist())


@dataclass(slots=True)
class _Partners:
    """The groups that one group may be joined with, best first, and how many were tried."""

    means: _Means
    groups: _Numbers
    ages: _Numbers
    tried: int = 0


class _Linkage:
    """Groups while they grow. A group keeps the place of its first face, and ages when it grows or is swallowed.

    Attributes:
        owner: int64 (n,), the group of each face.
    """

    def __init__(self, embeddings: Embeddings, photos: Sequence[str], threshold: float) -> None:
        faces = len(embeddings)
        self.owner: _Numbers = np.arange(faces)
        self._threshold = threshold
        self._sums = embeddings.astype(np.float64)
        self._sizes = np.ones(faces)
        self._ages = np.zeros(faces, dtype=np.int64)
        self._members = [[face] for face in range(faces)]
        self._photos = [{photo} for photo in photos]
        self._near: list[_Numbers] = []
        self._partners: list[_Partners] = []
        self._heap: list[tuple[float, int, int]] = []
        self._find_near(embeddings)

    def run(self) -> None:
        """Join until nothing reaches the threshold."""
        for group in range(len(self._partners)):
            self._queue(group)
        while self._heap:
            _mean, group, age = heapq.heappop(self._heap)
            if age != self._ages[group]:
                continue
            partners = self._partners[group]
            other, other_age = partners.groups[partners.tried], partners.ages[partners.tried]
            if other_age == self._ages[other] and self._photos[group].isdisjoint(self._photos[other]):
                self._join(*sorted((group, int(other))))
            else:
                partners.tried += 1
                self._queue(group)

    def _find_near(self, embeddings: Embeddings) -> None:
        """Compare all faces, a block at a time, and keep the pairs that reach the threshold."""
        faces = len(embeddings)
        pairs: list[tuple[_Numbers, _Numbers]] = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]
        for start in range(0, faces, _BLOCK):
            similar = embeddings[start : start + _BLOCK] @ embeddings[start:].T
            rows, columns = np.nonzero(similar >= self._threshold - _ROUNDING)
            once = columns > rows
            pairs.append((rows[once] + start, columns[once] + start))
        rows, columns = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        both = np.concatenate([rows, columns])
        ends = np.searchsorted(np.sort(both), np.arange(1, faces))
        self._near = np.split(np.concatenate([columns, rows])[np.argsort(both, kind="stable")], ends)
        starts = np.searchsorted(rows, np.arange(faces + 1))
        for face, (first, last) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
            self._partners.append(self._ranked(face, columns[first:last]))

    def _ranked(self, group: int, groups: _Numbers) -> _Partners:
        """Order those that a group may be joined with, best first; equals in the order of their first faces."""
        means = self._sums[groups] @ self._sums[group] / (self._sizes[groups] * self._sizes[group])
        kept = means >= self._threshold
        order = np.lexsort((groups[kept], -means[kept]))
        ranked = groups[kept][order]
        return _Partners(means[kept][order], ranked, self._ages[ranked])

    def _queue(self, group: int) -> None:
        partners = self._partners[group]
        if partners.tried < len(partners.groups):
            heapq.heappush(self._heap, (-float(partners.means[partners.tried]), group, int(self._ages[group])))

    def _join(self, first: int, second: int) -> None:
        """Let one group swallow another, and look anew at all that are near to it."""
        self._sums[first] += self._sums[second]
        self._sizes[first] += self._sizes[second]
        self._photos[first] |= self._photos[second]
        self.owner[self._members[second]] = first
        self._members[first] += self._members[second]
        self._ages[[first, second]] += 1
        near = np.unique(self.owner[np.concatenate([self._near[first], self._near[second]])])
        near = near[near != first]
        self._near[first] = near
        self._partners[first] = self._ranked(first, near)
        self._queue(first)


def _numbered(groups: Sequence[int]) -> list[int]:
    """Number groups by their first face."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in groups]
