"""Clustering: a folder a person, all pictures thrown together and grouped without names."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from faces.cluster import cluster, cluster_threshold
from faces.errors import FaceError
from faces.evaluate.engine import stack, subject
from faces.images import load
from faces.types import Engine, Face


@dataclass(frozen=True, slots=True)
class PairScores:
    """How well groups agree with the truth, over all pairs of pictures.

    Attributes:
        precision: share of the pairs put together that show one person; 1 where none were.
        recall: share of the pairs that show one person that were put together; 1 where there are none.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def pair_scores(people: Sequence[Hashable], groups: Sequence[Hashable]) -> PairScores:
    """Compare groups with the truth.

    Args:
        people: who each picture shows.
        groups: where each picture was put, in the same order.
    """
    right = _pairs(zip(people, groups, strict=True))
    put_together, of_one_person = _pairs(groups), _pairs(people)
    return PairScores(
        precision=right / put_together if put_together else 1.0,
        recall=right / of_one_person if of_one_person else 1.0,
    )


def evaluate_clusters(engine: Engine, path: Path, *, threshold_cosine: float | None = None) -> dict[str, Any]:
    """Measure clustering; see ``docs/recognition.md`` for the definitions.

    Args:
        engine: finds and embeds.
        path: a folder a person, with pictures of that person.
        threshold_cosine: group from this mean similarity on; None takes what belongs to the engine's own threshold.

    Raises:
        FaceError: no picture in any folder, or a threshold that cannot be meant.
    """
    pictures = sorted(file for file in path.glob("*/*") if file.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not pictures:
        raise FaceError(f"{path} has no folders with pictures, one a person.")
    chosen = cluster_threshold(engine.threshold_cosine) if threshold_cosine is None else threshold_cosine
    if not 0.0 < chosen <= 1.0:
        raise FaceError("Clustering needs a threshold above 0 and at most 1.")
    faces = [_face(engine, file) for file in tqdm(pictures, desc="faces", unit="picture", leave=False)]
    found = cluster(stack([face for face in faces if face]), threshold_cosine=chosen)
    numbers = iter(found)
    # A picture without a face stays alone: the pairs that it should be in are missed.
    groups = [(next(numbers) if face else None, None if face else place) for place, face in enumerate(faces)]
    people = [file.parent.name for file in pictures]
    scores = pair_scores(people, groups)
    return {
        "precision": scores.precision,
        "recall": scores.recall,
        "f1": scores.f1,
        "people": len(set(people)),
        "clusters": len(set(groups)),
        "images": len(pictures),
        "images_without_face": faces.count(None),
        "threshold": chosen,
    }


def _face(engine: Engine, file: Path) -> Face | None:
    image = load(file)
    found = engine.find_faces(image)
    return subject(found, image) if found else None


def _pairs(labels: Iterable[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(labels).values())
