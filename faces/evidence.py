"""Several looks at one person, from photos of one session, joined into one probe.

A face that falls short in two photos may clear the threshold once its looks are averaged: what a blur or a turned head
adds to one look is not in the other. Looks are joined only where they resemble each other more than strangers do, so
that the mean is one person's. Whoever resembles a student does so in every photo: the threshold stays what it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from faces.distance import cosine_similarities
from faces.types import Embedding, Embeddings

SAME_PERSON: Final = 0.07
"""Looks are joined from this share of the way from the threshold to 1 on; a little below it two people were."""
FULL_WEIGHT_PX: Final = 48.0
"""A face of this width counts fully, a narrower one by its share of it."""


@dataclass(eq=False)
class Looks:
    """One person in several photos.

    Attributes:
        places: by photo number, the place of the person's face there.
        total: float64 (d,), sum of the embeddings by their weights.
    """

    places: dict[int, int]
    total: NDArray[np.float64] = field(repr=False)

    @property
    def embedding(self) -> Embedding:
        """Weighted mean of the looks, float32 (d,), unit L2 norm."""
        return (self.total / np.linalg.norm(self.total)).astype(np.float32)


def join_looks(
    photos: Sequence[Embeddings], face_px: Sequence[Sequence[float]], *, threshold_cosine: float
) -> list[Looks]:
    """Find who is in more than one photo; each face belongs to one person, each person has one face a photo.

    Args:
        photos: for each photo float32 (n, d), rows of unit L2 norm; n may be zero.
        face_px: for each photo the widths of its faces.
        threshold_cosine: of identification, range [-1, 1].

    Returns:
        those with two looks at least.
    Source: optimal assignment of each photo's faces to the people so far, as in ``faces.match.identify``.
    """
    people: list[Looks] = []
    reach = threshold_cosine + SAME_PERSON * (1.0 - threshold_cosine)
    for number, (rows, widths) in enumerate(zip(photos, face_px, strict=True)):
        known = _known(people, rows, reach)
        for place, row in enumerate(rows):
            weighted = row.astype(np.float64) * min(1.0, widths[place] / FULL_WEIGHT_PX)
            if place in known:
                known[place].places[number] = place
                known[place].total += weighted
            else:
                people.append(Looks({number: place}, weighted))
    return [person for person in people if len(person.places) > 1]


def _known(people: Sequence[Looks], rows: Embeddings, reach: float) -> dict[int, Looks]:
    """Assign a photo's faces to people of earlier photos."""
    if not people or not len(rows):
        return {}
    similar = cosine_similarities(rows, np.stack([person.embedding for person in people])).astype(np.float64)
    worth = np.where(similar >= reach, similar, 0.0)
    pairs = zip(*linear_sum_assignment(worth, maximize=True), strict=True)
    return {int(place): people[int(who)] for place, who in pairs if worth[place, who] > 0.0}
