"""How often a suggestion is right, by how far its similarity lies above the threshold.

A suggestion is what the site shows beside a face: the student who was marked, or the one asked about
(``faces.evaluate.work``). It is right when by the boxes of the truth that face shows that student. Its margin is
``(similarity - threshold) / (1 - threshold)``, with the threshold fitted to the photo.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from faces.confidence import Confidence, confidence
from faces.errors import FaceError
from faces.evaluate.classes import embed_classes
from faces.evaluate.engine import read_truth
from faces.evaluate.metrics import wilson
from faces.evaluate.trials import Trial, share
from faces.evaluate.work import UNCERTAIN_MARGIN, least_of_questions, questions, similarities_of
from faces.match import Gallery
from faces.types import Engine

EDGES: Final = (-0.125, -0.1, -0.075, -0.05, -0.025, 0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 1.0)
"""Of the bins; each holds its lower edge, the last one 1 as well."""
_WORDS: Final = {Confidence.CLEAR: "clear", Confidence.LIKELY: "likely", Confidence.LOOK: "please look"}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is shown beside a face.

    Attributes:
        margin: of the way from the threshold to 1, below 0 for questions.
        word: how sure.
        right: whether the face shows that student.
    """

    margin: float
    word: Confidence
    right: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """How many suggestions were right.

    Attributes:
        right: of those.
        suggestions: of this bin or word.
        share: of right ones; 0 where there are none.
        low: lower end of Wilson's interval of 95 %.
        high: upper end.
    """

    right: int
    suggestions: int
    share: float
    low: float
    high: float


def suggestions(trial: Trial, threshold_cosine: float) -> list[Suggestion]:
    """Give the marks and the questions of a photo.

    Args:
        trial: its truth has boxes.
        threshold_cosine: before it is fitted to the photo.
    """
    fitted = trial.fitted(threshold_cosine)
    matches = trial.matches(threshold_cosine)
    people = trial.gallery.people
    columns = {person: column for column, person in enumerate(people)}
    marked = {face: match for face, match in enumerate(matches) if match is not None}
    unmarked = [face for face in range(len(matches)) if face not in marked]
    seen = [columns[match.identity] for match in marked.values()]
    least = least_of_questions(fitted, UNCERTAIN_MARGIN)
    asked = questions(similarities_of(trial), unmarked, seen, least=least)
    shown = [(face, match.identity, match.similarity) for face, match in marked.items()]
    shown += [(one.face, people[one.student], one.similarity) for one in asked]
    return [
        Suggestion(
            margin=(similarity - fitted) / (1.0 - fitted),
            word=confidence(similarity, threshold_cosine=fitted),
            right=trial.shown[face] == person,
        )
        for face, person, similarity in shown
    ]


def doubled(classes: Sequence[Sequence[Trial]]) -> list[Trial]:
    """Search each class's photos with each other class's roster added, one at a time.

    Somebody who is on both rosters keeps the template of the own one.
    """
    return [
        _widened(trial, other[0])
        for place, trials in enumerate(classes)
        for other_place, other in enumerate(classes)
        if other and place != other_place
        for trial in trials
    ]


def counted(found: Iterable[Suggestion]) -> Counted:
    """Count the right ones."""
    rights = [one.right for one in found]
    low, high = wilson(sum(rights), len(rights))
    return Counted(sum(rights), len(rights), share(sum(rights), len(rights)), low, high)


def by_margin(found: Sequence[Suggestion]) -> list[Counted]:
    """Count by the bins between ``EDGES``."""
    bins: list[list[Suggestion]] = [[] for _ in EDGES[1:]]
    for one in found:
        # A question just at the lowest margin, or a similarity of 1, may lie outside by a rounding.
        bins[min(max(bisect_right(EDGES, one.margin) - 1, 0), len(bins) - 1)].append(one)
    return [counted(members) for members in bins]


def evaluate_reliability(engine: Engine, path: Path, *, threshold_cosine: float) -> dict[str, Any]:
    """Measure suggestions; see ``docs/recognition.md`` for the definitions.

    Args:
        engine: finds and embeds.
        path: anywhere below it may lie class folders; each is searched with its own roster and doubled ones.
        threshold_cosine: before it is fitted to each photo.

    Raises:
        FaceError: no class is there.
    """
    folders = [found.parent for found in sorted(path.rglob("truth.json")) if "roster" in read_truth(found.parent)]
    if not folders:
        raise FaceError(f"{path} holds no class photos.")
    return report([embed_classes(engine, folder).trials for folder in folders], threshold_cosine)


def report(classes: Sequence[Sequence[Trial]], threshold_cosine: float) -> dict[str, Any]:
    """Count the suggestions of classes that are embedded already."""
    alone = [trial for trials in classes for trial in trials]
    found = {
        roster: [one for trial in trials for one in suggestions(trial, threshold_cosine)]
        for roster, trials in (("own", alone), ("doubled", doubled(classes)))
    }
    return {
        "classes": len(classes),
        "photos": len(alone),
        "words": [
            {"word": name, "roster": roster, **asdict(counted(one for one in ones if one.word == word))}
            for roster, ones in found.items()
            for word, name in _WORDS.items()
        ],
        "bins": [
            {"from": low, "to": high, "roster": roster, **asdict(members)}
            for roster, ones in found.items()
            for low, high, members in zip(EDGES[:-1], EDGES[1:], by_margin(ones), strict=True)
        ],
    }


def _widened(trial: Trial, other: Trial) -> Trial:
    own = set(trial.roster)
    rows = [row for row, person in enumerate(other.gallery.identities) if person not in own]
    added = tuple(other.gallery.identities[row] for row in rows)
    return replace(trial, gallery=_joined(trial.gallery, added, other.gallery, rows), roster=trial.roster | set(added))


def _joined(own: Gallery, added: tuple[str, ...], other: Gallery, rows: list[int]) -> Gallery:
    if not own.identities:
        return Gallery(added, other.embeddings[rows], own.model_id)
    if not rows:
        return own
    return Gallery(own.identities + added, np.concatenate([own.embeddings, other.embeddings[rows]]), own.model_id)
