"""The teacher's work left: how many boxes have to be confirmed or named until nearly all present students are right.

A student is right when the register says present and they are. Before any tap these are the present students whom the
machine marked. Then a teacher who knows everybody taps boxes, and the count goes on until a share of ``ENOUGH`` of the
present students, over all photos together, is right:

1. Each absent student marked costs one tap, first of all and whatever the share is: naming whom that box shows undoes
   the mark and sets that student right, if it is one of the roster.
2. The questions, the most similar first. They are asked as the site asks them: an unmatched face is asked about, as
   the student most like it whom nobody was taken for yet, if that similarity is below the threshold by the margin at
   most.
   An answer frees or takes a student, so the questions still open are chosen anew.
3. The other boxes, by their similarity to the most similar student not yet seen.
4. Whoever is in no such box is marked in the register by hand, one tap each.

A box of somebody who is not of the roster costs its tap as well. Photos are worked off together, as if they were one
queue; each is searched by itself, though two photos of one class tell more.
"""

import heapq
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from faces.distance import Similarities
from faces.evaluate.trials import Trial, share
from faces.match import relative_similarities

UNCERTAIN_MARGIN: Final = 0.125
"""Below the threshold a face is asked about by this share of the way from the threshold to 1, as on the site."""
ENOUGH: Final = 0.998
_NOBODY: Final = -1.0
"""Similarity of a box when all students were seen, or none has a template."""


class Question(NamedTuple):
    """An unmatched face with the student whom a teacher is asked about.

    Attributes:
        face: its row.
        student: their column.
        similarity: of both.
    """

    face: int
    student: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Work:
    """What a teacher has to do.

    Attributes:
        photos: as many as were searched.
        present: people in the photos, summed.
        taps: boxes, and students in no box, until enough of the present are right.
        right_after_questions: present people who are right when wrong marks are undone and all questions answered.
        questions: boxes tapped for that, wrong marks left out.
        by_hand: present people who are right only by the register: no box left open shows them.
    """

    photos: int
    present: int
    taps: int
    right_after_questions: int
    questions: int
    by_hand: int

    @property
    def taps_per_photo(self) -> float:
        """Mean over the photos."""
        return share(self.taps, self.photos)

    @property
    def share_after_questions(self) -> float:
        """Share of the present people."""
        return share(self.right_after_questions, self.present)

    @property
    def questions_per_photo(self) -> float:
        """Mean over the photos."""
        return share(self.questions, self.photos)


def questions(
    similarities: Similarities, faces: Collection[int], seen: Collection[int], *, least: float
) -> list[Question]:
    """Choose what a teacher is asked about the unmatched faces of one photo.

    The face most like anybody comes first; each is asked about as the most similar student whom neither a mark nor a
    question before it was taken for.

    Args:
        similarities: float32 (n, people), of all faces.
        faces: rows that are neither marked nor answered.
        seen: columns of the students who count as present.
        least: similarity that a question must reach.

    Returns:
        in the order of choosing, at most one a face and one a student.
    """
    if not similarities.shape[1]:
        return []
    used = set(seen)
    asked = []
    for face in sorted(faces, key=lambda row: (-similarities[row].max(), row)):
        free = [column for column in range(similarities.shape[1]) if column not in used]
        student = max(free, key=lambda column: float(similarities[face, column]), default=None)
        if student is not None and similarities[face, student] >= np.float32(least):
            asked.append(Question(face, student, float(similarities[face, student])))
            used.add(student)
    return asked


def similarities_of(trial: Trial) -> Similarities:
    """Compare all faces of a photo with everybody; without templates float32 (n, 0)."""
    if not len(trial.probes) or not trial.gallery.identities:
        return np.zeros((len(trial.probes), 0), dtype=np.float32)
    return relative_similarities(trial.probes, trial.gallery)


def least_of_questions(fitted_threshold: float, margin: float) -> float:
    """Give the similarity from which on a face below the threshold is asked about."""
    return fitted_threshold - margin * (1.0 - fitted_threshold)


def work_left(
    trials: Sequence[Trial], threshold_cosine: float, *, margin: float = UNCERTAIN_MARGIN, enough: float = ENOUGH
) -> Work:
    """Count a teacher's taps; the module says how.

    Args:
        trials: where the truth of a photo has no boxes, everybody whom the machine missed is marked by hand.
        threshold_cosine: before it is fitted to each photo.
        margin: of the questions, as a share of the way from the threshold to 1.
        enough: share of the present people who shall be right.
    """
    desks = [_Desk(trial, threshold_cosine, margin) for trial in trials]
    wrong = sum(desk.undo_wrong_marks() for desk in desks)
    right, asked = _tapped(desks)
    present = sum(len(trial.present) for trial in trials)
    wanted = math.ceil(enough * present - 1e-9)
    # Behind the last box each tap in the register sets one more right.
    everybody = [*right, *range(right[-1] + 1, present + 1)]
    return Work(
        photos=len(trials),
        present=present,
        taps=wrong + next(taps for taps, count in enumerate(everybody) if count >= wanted),
        right_after_questions=right[asked],
        questions=asked,
        by_hand=present - right[-1],
    )


class _Offer(NamedTuple):
    """The next box of a photo; the smallest one comes first."""

    after_questions: bool
    distance: float
    photo: int
    face: int


def _tapped(desks: Sequence["_Desk"]) -> tuple[list[int], int]:
    """Tap all boxes; give the people right after 0, 1, 2 ... taps, and how many of the taps were questions."""
    queue = [offer for photo, desk in enumerate(desks) if (offer := desk.offer(photo)) is not None]
    heapq.heapify(queue)
    right = [sum(len(desk.right) for desk in desks)]
    asked = 0
    while queue:
        tapped = heapq.heappop(queue)
        desk = desks[tapped.photo]
        before = len(desk.right)
        desk.name(tapped.face)
        right.append(right[-1] + len(desk.right) - before)
        asked += not tapped.after_questions
        following = desk.offer(tapped.photo)
        if following is not None:
            heapq.heappush(queue, following)
    return right, asked


class _Desk:
    """One photo as the teacher works on it."""

    def __init__(self, trial: Trial, threshold_cosine: float, margin: float) -> None:
        fitted = trial.fitted(threshold_cosine)
        self._present = trial.present
        self._shown = trial.shown or (None,) * len(trial.probes)
        self._similarities = similarities_of(trial)
        self._least = least_of_questions(fitted, margin)
        self._columns = {person: column for column, person in enumerate(trial.gallery.people)}
        self._marks = {
            face: match.identity for face, match in enumerate(trial.matches(threshold_cosine)) if match is not None
        }
        self._open = set(range(len(trial.probes))) - self._marks.keys()
        self._seen = {self._columns[person] for person in self._marks.values()}
        self.right = set(self._marks.values()) & trial.present

    def undo_wrong_marks(self) -> int:
        wrong = [face for face, person in self._marks.items() if person not in self._present]
        for face in wrong:
            self._seen.discard(self._columns[self._marks[face]])
        for face in wrong:
            self.name(face)
        return len(wrong)

    def name(self, face: int) -> None:
        """Say whom a box shows."""
        self._open.discard(face)
        person = self._shown[face]
        if person is None:
            return
        self.right.add(person)
        if person in self._columns:
            self._seen.add(self._columns[person])

    def offer(self, photo: int) -> _Offer | None:
        asked = questions(self._similarities, self._open, self._seen, least=self._least)
        if asked:
            best = max(asked, key=lambda one: one.similarity)
            return _Offer(False, -best.similarity, photo, best.face)
        if not self._open:
            return None
        free = [column for column in self._columns.values() if column not in self._seen]
        nearest = {face: float(self._similarities[face, free].max()) if free else _NOBODY for face in self._open}
        face = min(nearest, key=lambda row: (-nearest[row], row))
        return _Offer(True, -nearest[face], photo, face)
