"""Decisions on embeddings: who is it, who is alike, who is the same stranger. Plain numbers, no neural network."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from attendance.services.errors import TooFewComparisons
from faces import calibration, cluster, evidence, match, quality, template_update
from faces.errors import TooFewScores
from faces.types import Embedding

MOST_CONFIRMED: Final = template_update.MOST_TEMPLATES


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """The embeddings that a class is searched against, with the student of each row."""

    student_pks: tuple[int, ...]
    embeddings: tuple[Embedding, ...]
    model_id: str


@dataclass(frozen=True, slots=True)
class Solution:
    """What the engine says about one probe.

    Attributes:
        student_pk: who was assigned; None where nobody reached the threshold.
        similarity: to that student.
        candidates: the nearest students with their similarities, best first.
    """

    student_pk: int | None
    similarity: float | None
    candidates: tuple[tuple[int, float], ...]


def threshold_at(threshold_cosine: float, *, rate: float) -> float:
    """Move a recipe's threshold to the rate of absent students marked that an operator states."""
    return match.threshold_at(threshold_cosine, rate)


def photo_threshold(threshold_cosine: float, *, faces: int) -> float:
    """Fit a threshold to the number of faces found in a photo."""
    return match.photo_threshold(threshold_cosine, faces)


def margin_cosine(threshold_cosine: float) -> float:
    """Say how far below a threshold a face is still asked about, and above it two students look alike."""
    margin: float = settings.UNCERTAIN_MARGIN * (1.0 - threshold_cosine)
    return margin


def join_looks(
    photos: Sequence[Sequence[Embedding]], face_px: Sequence[Sequence[float]], *, threshold_cosine: float
) -> list[evidence.Looks]:
    """Find who is in several photos, none of which may be without faces; see ``faces.evidence``."""
    return evidence.join_looks([np.stack(faces) for faces in photos], face_px, threshold_cosine=threshold_cosine)


def fit_to_keep(measures: Mapping[str, float]) -> bool:
    """Say whether a face that was measured so is good enough to be a template; one never measured is not."""
    return bool(measures) and template_update.fit_to_keep(quality.Quality(**measures))


def agrees_with_selfies(face: Embedding, *, own: Gallery, others: Gallery, threshold_cosine: float) -> bool:
    """Say whether a face may be whom a teacher named, by the selfies of the student and of their classmates."""
    return template_update.agrees_with_selfies(
        own=[float(face @ template) for template in own.embeddings],
        others=[float(face @ template) for template in others.embeddings],
        threshold_cosine=threshold_cosine,
    )


def solve(
    probes: Sequence[Embedding],
    gallery: Gallery,
    *,
    threshold_cosine: float,
    not_these: Sequence[Collection[int]],
    photo: Sequence[Embedding] | None = None,
    top: int = 5,
) -> list[Solution]:
    """Assign each probe at most one student, each student at most one probe.

    Args:
        probes: of the gallery's model.
        gallery: may be empty.
        threshold_cosine: similarity that a match must reach.
        not_these: for each probe the students whom it is known not to be.
        photo: all faces of the photo where the probes are some of them; None means the probes.
        top: how many candidates to keep for each.
    """
    if not probes or not gallery.student_pks:
        return [Solution(None, None, ()) for _probe in probes]
    searched = match.Gallery(
        tuple(str(pk) for pk in gallery.student_pks), np.stack(gallery.embeddings), gallery.model_id
    )
    rows = np.stack(probes)
    everybody = None if photo is None else np.stack(photo)
    matches = match.identify(
        rows,
        searched,
        threshold_cosine=threshold_cosine,
        model_id=gallery.model_id,
        forbidden=[{str(pk) for pk in pks} for pks in not_these],
        photo=everybody,
    )
    near = match.candidates(rows, searched, top=top, photo=everybody)
    return [
        Solution(
            student_pk=None if found is None else int(found.identity),
            similarity=None if found is None else found.similarity,
            candidates=tuple((int(one.identity), round(one.similarity, 4)) for one in ranked),
        )
        for found, ranked in zip(matches, near, strict=True)
    ]


def group(faces: Sequence[Embedding], *, photos: Sequence[str], threshold_cosine: float) -> list[int]:
    """Number faces of one model so that those of one person share a number; two of one photo never do.

    Args:
        faces: at least one.
        photos: the photo of each.
        threshold_cosine: that of identification; groups have one that follows from it.
    """
    reach = cluster.cluster_threshold(threshold_cosine)
    return cluster.cluster(np.stack(faces), photos=photos, threshold_cosine=reach)


def similarities(probes: Sequence[Embedding], gallery: Gallery) -> tuple[tuple[int, ...], NDArray[np.float32]]:
    """Compare probes with every student's best template, relative to the roster as searches are.

    Args:
        probes: n, of the gallery's model; at least one.
        gallery: must not be empty.

    Returns:
        the students, and float32 (n, students) with a column for each.
    """
    searched = match.Gallery(
        tuple(str(pk) for pk in gallery.student_pks), np.stack(gallery.embeddings), gallery.model_id
    )
    return tuple(int(pk) for pk in searched.people), match.relative_similarities(np.stack(probes), searched)


def calibrate(
    genuine: NDArray[np.float32], impostors: NDArray[np.float32], *, rate: float, gallery_size: int
) -> calibration.Calibration:
    """Choose the threshold that keeps a rate of errors in searches of a gallery; of size 1, in comparisons.

    Args:
        genuine: (m,), similarities of people with themselves.
        impostors: (n,), similarities of different people.
        rate: range (0, 1).
        gallery_size: at least 1.

    Raises:
        TooFewComparisons: n is too small to state this rate.
    """
    try:
        return calibration.calibrate(genuine, impostors, rate=calibration.comparison_rate(rate, gallery_size))
    except TooFewScores as error:
        least = -math.expm1(gallery_size * math.log1p(-min(calibration.least_rate(error.found), 0.5)))
        raise TooFewComparisons(
            _(
                "There are %(found)d comparisons of different people, and stating a rate of %(rate)g takes "
                "%(needed)d. These can state %(least)g at best: ask for that, or bring more."
            )
            % {"found": error.found, "rate": rate, "needed": error.needed, "least": math.ceil(least * 1e6) / 1e6}
        ) from error
