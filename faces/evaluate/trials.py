"""Open-set identification: what a photo shows, what was marked, and how the two agree."""

from collections.abc import Iterable
from dataclasses import dataclass

from faces.match import Gallery, identify, photo_threshold
from faces.types import Embeddings, Match


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One photo searched against one roster.

    Attributes:
        label: names it in lists of errors.
        probes: float32 (n, d), the faces found.
        gallery: templates of the roster; somebody whose portrait failed has none, and still belongs to the roster.
        roster: everybody on it.
        present: those of the roster who are in the photo.
        shown: whom of them each of the n faces shows by its box, None for nobody; empty where the truth has no boxes.
    """

    label: str
    probes: Embeddings
    gallery: Gallery
    roster: frozenset[str]
    present: frozenset[str]
    shown: tuple[str | None, ...] = ()

    def fitted(self, threshold_cosine: float) -> float:
        """Fit a threshold to the photo."""
        return photo_threshold(threshold_cosine, len(self.probes))

    def matches(self, threshold_cosine: float) -> list[Match | None]:
        """Identify each face at a threshold, fitted to the photo."""
        fitted = self.fitted(threshold_cosine)
        return identify(self.probes, self.gallery, threshold_cosine=fitted, model_id=self.gallery.model_id)

    def marked(self, threshold_cosine: float) -> dict[str, float]:
        """Give whoever identification marks at a threshold, fitted to the photo, with their similarity."""
        return {match.identity: match.similarity for match in self.matches(threshold_cosine) if match is not None}


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over trials.

    Attributes:
        present: people in the photos, summed over the photos.
        present_marked: of those, the ones marked.
        absent: people of the rosters who are not in the photo, summed.
        false_marks: of those, the ones marked.
    """

    present: int
    present_marked: int
    absent: int
    false_marks: int

    @property
    def recall(self) -> float:
        """Share of present people who were marked; 1 - FNIR."""
        return share(self.present_marked, self.present)

    @property
    def false_share(self) -> float:
        """Share of absent people who were marked."""
        return share(self.false_marks, self.absent)


def share(part: int, whole: int) -> float:
    """Divide counts; no people means no share of them, 0."""
    return part / whole if whole else 0.0


def tally(trials: Iterable[Trial], threshold_cosine: float) -> Tally:
    """Count marks against truth at one threshold."""
    present = present_marked = absent = false_marks = 0
    for trial in trials:
        marked = trial.marked(threshold_cosine).keys()
        present += len(trial.present)
        present_marked += len(marked & trial.present)
        absent += len(trial.roster - trial.present)
        false_marks += len(marked - trial.present)
    return Tally(present, present_marked, absent, false_marks)
