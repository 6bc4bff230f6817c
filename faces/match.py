"""Who is it: verification of two faces (1:1) and open-set identification against a gallery (1:N)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from faces.distance import Similarities, check_embeddings, cosine_similarities, cosine_similarity
from faces.errors import ModelMismatch
from faces.types import Embedding, Embeddings, Match

COHORT_WEIGHT: Final = 0.7
COHORT_PEOPLE: Final = 10
"""A roster of fewer says too little about what is common to the faces of a photo."""
PHOTO_FACES: Final = 33
"""Faces in the photos that thresholds are calibrated on."""
CALIBRATED_RATE: Final = 1 / 2000
"""Absent students marked, a student and photo, at a recipe's own threshold: of simulated classes that no stranger is
in the picture of (``docs/recognition.md``)."""
PER_DOUBLING: Final = 0.027
"""How much of the way from the threshold to 1 halves the rate of false marks, in the same classes."""
_FACES_RANGE: Final = (4, 132)
_AT_THRESHOLD: Final = 1e-9
"""Worth of a pair exactly at the threshold: more than no pair, less than any float32 step above it."""


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Enrolled embeddings that probes are searched against.

    Attributes:
        identities: one key a row; a key that comes twice has two templates.
        embeddings: float32 (n, d), rows of unit L2 norm; n may be zero.
        model_id: the recipe that made the embeddings.
    """

    identities: tuple[str, ...]
    embeddings: Embeddings
    model_id: str

    def __post_init__(self) -> None:
        check_embeddings(self.embeddings)
        if len(self.identities) != len(self.embeddings):
            raise ValueError(f"{len(self.identities)} identities do not fit {len(self.embeddings)} embeddings.")

    @property
    def people(self) -> tuple[str, ...]:
        """Every identity once, in the order of its first template."""
        return tuple(dict.fromkeys(self.identities))


@dataclass(frozen=True, slots=True)
class Verification:
    """What a comparison of two faces says.

    Attributes:
        similarity: cosine similarity, range [-1, 1].
        threshold_cosine: what it had to reach.
        same: whether it did.
    """

    similarity: float
    threshold_cosine: float
    same: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A student whom a probe resembles, whether or not it was assigned to them.

    Attributes:
        identity: the gallery's key of that student.
        similarity: cosine similarity to that student's best template, range [-1, 1].
    """

    identity: str
    similarity: float


def verify(a: Embedding, b: Embedding, *, threshold_cosine: float) -> Verification:
    """Decide whether two faces are of one person (1:1).

    Args:
        a: float32 (d,), unit L2 norm.
        b: float32 (d,), unit L2 norm, of the same model.
        threshold_cosine: the same when similarity >= threshold; range [-1, 1].
    """
    similarity = cosine_similarity(a, b)
    same = bool(np.float32(similarity) >= np.float32(threshold_cosine))
    return Verification(similarity=similarity, threshold_cosine=threshold_cosine, same=same)


def identify(
    probes: Embeddings,
    gallery: Gallery,
    *,
    threshold_cosine: float,
    model_id: str,
    forbidden: Sequence[Collection[str]] | None = None,
    photo: Embeddings | None = None,
) -> list[Match | None]:
    """Assign each probe at most one student, each student at most one probe (open-set 1:N).

    Of all such assignments of pairs at or above the threshold it is the one with the largest sum of
    ``similarity - threshold``. Pairs below the threshold take no part, so they can never outvote one above it.

    Args:
        probes: float32 (n, d), rows of unit L2 norm; n may be zero.
        gallery: one or more templates a student (the best one counts); may be empty.
        threshold_cosine: accept when similarity >= threshold; range [-1, 1].
        model_id: the recipe that made the probes.
        forbidden: for each probe the identities that it is known not to be; None forbids nothing.
        photo: float32 (m, d), all faces of the photo where the probes are some of them; None means the probes.

    Returns:
        n entries in probe order; None means not on the roster.

    Raises:
        ModelMismatch: the gallery came from another embedding model.
    Source: optimal assignment, Kuhn 1955 (scipy.optimize.linear_sum_assignment).
    """
    if model_id != gallery.model_id:
        raise ModelMismatch(f"These faces were embedded by {model_id}, the gallery by {gallery.model_id}.")
    matches: list[Match | None] = [None] * len(probes)
    if not len(probes) or not gallery.identities:
        return matches
    people = gallery.people
    similarities = relative_similarities(probes, gallery, photo=photo)
    # Compared as float32: a similarity of 0.7 in float32 lies below the float64 0.7, and would miss its own threshold.
    accepted = similarities >= np.float32(threshold_cosine)
    if forbidden is not None:
        accepted &= ~_known_not_to_be(forbidden, gallery)
    for probe, person in _assign(similarities.astype(np.float64) - float(np.float32(threshold_cosine)), accepted):
        similarity = max(float(similarities[probe, person]), threshold_cosine)
        matches[probe] = Match(people[person], similarity, threshold_cosine)
    return matches


def candidates(
    probes: Embeddings, gallery: Gallery, *, top: int = 3, photo: Embeddings | None = None
) -> list[list[Candidate]]:
    """List the students whom each probe resembles most, without assigning any.

    Args:
        probes: float32 (n, d), rows of unit L2 norm; n may be zero.
        gallery: one or more templates a student (the best one counts); may be empty.
        top: at most so many a probe.
        photo: as for ``identify``.

    Returns:
        n lists in probe order, the most similar first; students of equal similarity in gallery order.
    """
    if not len(probes) or not gallery.identities:
        return [[] for _ in probes]
    people = gallery.people
    similarities = relative_similarities(probes, gallery, photo=photo)
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :top]
    return [
        [Candidate(people[person], float(row[person])) for person in ranked]
        for row, ranked in zip(similarities, order, strict=True)
    ]


def threshold_at(threshold_cosine: float, rate: float) -> float:
    """Move a recipe's threshold to another rate of absent students marked.

    Args:
        threshold_cosine: that holds ``CALIBRATED_RATE``, range [-1, 1].
        rate: wanted, a student and photo, range (0, 1).
    """
    doublings = np.log2(CALIBRATED_RATE / rate)
    return float(min(1.0, threshold_cosine + PER_DOUBLING * (1.0 - threshold_cosine) * doublings))


def photo_threshold(threshold_cosine: float, faces: int) -> float:
    """Fit a calibrated threshold to a photo: every face more is one more that an absent student may be taken for.

    Args:
        threshold_cosine: for photos of ``PHOTO_FACES`` faces, range [-1, 1].
        faces: found in this photo.
    """
    doublings = np.log2(np.clip(faces, *_FACES_RANGE) / PHOTO_FACES)
    return float(threshold_cosine + PER_DOUBLING * (1.0 - threshold_cosine) * doublings)


def relative_similarities(probes: Embeddings, gallery: Gallery, *, photo: Embeddings | None = None) -> Similarities:
    """Compare probes with each person's best template, each less by how much it resembles everybody.

    A face that is blurred or badly lit resembles all of a roster more than others do, and so whoever it is not. Its
    mean similarity to the roster, without the best, says by how much; against the mean of the photo's faces, so that
    the scale stays that of the threshold. This is cohort normalisation (Auckenthaler et al. 2000), the roster itself
    being the cohort.

    Args:
        probes: float32 (n, d), rows of unit L2 norm.
        gallery: must not be empty; with fewer people than ``COHORT_PEOPLE`` similarities stay as they are.
        photo: float32 (m, d), all faces of the photo where the probes are some of them; None means the probes.

    Returns:
        float32 (n, people), columns in the order of ``gallery.people``.
    """
    similarities = best_by_person(probes, gallery)
    if similarities.shape[1] < COHORT_PEOPLE:
        return similarities
    of_photo = similarities if photo is None else best_by_person(photo, gallery)
    shift = _resemblance(similarities)[:, None] - _resemblance(of_photo).mean()
    relative: Similarities = np.clip(similarities - np.float32(COHORT_WEIGHT) * shift, -1.0, 1.0).astype(np.float32)
    return relative


def _resemblance(similarities: Similarities) -> Similarities:
    """Mean of each row without its best."""
    rest: Similarities = (similarities.sum(axis=1) - similarities.max(axis=1)) / np.float32(similarities.shape[1] - 1)
    return rest


def best_by_person(probes: Embeddings, gallery: Gallery) -> Similarities:
    """Compare probes with each person's best template.

    Args:
        probes: float32 (n, d), rows of unit L2 norm.
        gallery: must not be empty.

    Returns:
        float32 (n, people), columns in the order of ``gallery.people``.
    """
    by_template = cosine_similarities(probes, gallery.embeddings)
    column = {person: position for position, person in enumerate(gallery.people)}
    best = np.full((len(probes), len(column)), -1.0, dtype=np.float32)
    for template, identity in enumerate(gallery.identities):
        of_person = best[:, column[identity]]
        np.maximum(of_person, by_template[:, template], out=of_person)
    return best


def _known_not_to_be(forbidden: Sequence[Collection[str]], gallery: Gallery) -> NDArray[np.bool_]:
    return np.array([[person in names for person in gallery.people] for names in forbidden], dtype=np.bool_)


def _assign(excess: NDArray[np.float64], accepted: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Solve the assignment; a pair that is not accepted is worth nothing and is dropped afterwards."""
    worth = np.where(accepted, excess + _AT_THRESHOLD, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if accepted[row, column]]
