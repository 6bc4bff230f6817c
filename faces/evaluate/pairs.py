"""Verification of pairs in LFW's format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from faces.distance import cosine_similarities, cosine_similarity
from faces.errors import FaceError
from faces.evaluate.engine import subject
from faces.evaluate.metrics import fold_accuracy, val_table
from faces.images import load
from faces.types import Embedding, Engine

_FARS: Final = ("0.001", "0.01")
_FOLDS_OF_ONE_LIST: Final = 10
_UNSEEN: Final = -1.0
"""Score of a pair of which one face was not found: rejected at every threshold that anybody would use."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures of a pairs file.

    Attributes:
        first: person and number of the picture.
        second: person and number of the picture.
        fold: number of the fold, from 0.
    """

    first: tuple[str, int]
    second: tuple[str, int]
    fold: int

    @property
    def same(self) -> bool:
        """Whether both show one person."""
        return self.first[0] == self.second[0]


@dataclass(frozen=True, slots=True, eq=False)
class CrossScores:
    """Every picture of a pairs file compared with every other one.

    Attributes:
        genuine: float32 (m,), similarities of two pictures of one person.
        impostors: float32 (n,), similarities of pictures of two people.
    """

    genuine: NDArray[np.float32]
    impostors: NDArray[np.float32]


def read_pairs(text: str) -> list[Pair]:
    """Parse a pairs file: View 1 (a count on top, one list) or View 2 (folds and count on top).

    One list is cut into ten folds, in order, each with its share of matched and of mismatched pairs.

    Raises:
        FaceError: the file is not of this format; the message names the line.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or len(lines[0]) not in (1, 2) or not all(word.isdigit() for word in lines[0]):
        raise FaceError("A pairs file starts with a count, or with folds and a count.")
    folds, count = (1, int(lines[0][0])) if len(lines[0]) == 1 else (int(lines[0][0]), int(lines[0][1]))
    if len(lines) - 1 != 2 * folds * count:
        raise FaceError(f"The pairs file announces {2 * folds * count} pairs and has {len(lines) - 1}.")
    pairs = []
    for position, words in enumerate(lines[1:]):
        within = position % count
        fold = position // (2 * count) if folds > 1 else within * _FOLDS_OF_ONE_LIST // count
        pairs.append(_pair(words, fold, line=position + 2))
    return pairs


def evaluate_pairs(
    engine: Engine, images: Path, pairs_file: Path, *, threshold_cosine: float | None = None
) -> dict[str, Any]:
    """Measure verification; see ``docs/recognition.md`` for the definitions.

    Args:
        engine: finds and embeds.
        images: ``NAME/NAME_0001.jpg`` and so on.
        pairs_file: in LFW's format.
        threshold_cosine: use this one and choose none.
    """
    pairs = _pairs_of(pairs_file)
    embeddings = _embed(engine, images, _sides(pairs))
    scores = np.array([_score(embeddings[pair.first], embeddings[pair.second]) for pair in pairs])
    same: NDArray[np.bool_] = np.array([pair.same for pair in pairs])
    folds = np.array([pair.fold for pair in pairs], dtype=np.int64)
    accuracy = fold_accuracy(scores, same, folds, threshold_cosine=threshold_cosine)
    return {
        "accuracy_mean": accuracy.mean,
        "accuracy_std": accuracy.std,
        "val_at_far": val_table(scores, same, _FARS),
        "pairs": len(pairs),
        "images_without_face": sum(embedding is None for embedding in embeddings.values()),
        "threshold": accuracy.threshold_cosine,
    }


def cross_scores(engine: Engine, images: Path, pairs_file: Path) -> CrossScores:
    """Compare all pictures of a pairs file: far more impostor scores than the file lists, for low rates of error.

    A picture without a face is left out.

    Args:
        engine: finds and embeds.
        images: ``NAME/NAME_0001.jpg`` and so on.
        pairs_file: in LFW's format.

    Raises:
        FaceError: the file or a picture is missing or is not of its format.
    """
    embedded = _embed(engine, images, _sides(_pairs_of(pairs_file)))
    names = [name for (name, _number), embedding in embedded.items() if embedding is not None]
    rows = [embedding for embedding in embedded.values() if embedding is not None]
    if len(rows) < 2:
        return CrossScores(np.zeros(0, np.float32), np.zeros(0, np.float32))
    upper = np.triu_indices(len(rows), k=1)
    scores = cosine_similarities(np.stack(rows), np.stack(rows))[upper]
    _people, person = np.unique(names, return_inverse=True)
    same = person[upper[0]] == person[upper[1]]
    return CrossScores(scores[same], scores[~same])


def _pairs_of(pairs_file: Path) -> list[Pair]:
    try:
        return read_pairs(pairs_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FaceError(f"There is no pairs file {pairs_file}.") from None


def _sides(pairs: list[Pair]) -> list[tuple[str, int]]:
    return sorted({side for pair in pairs for side in (pair.first, pair.second)})


def _pair(words: list[str], fold: int, *, line: int) -> Pair:
    try:
        if len(words) == 3:
            return Pair((words[0], int(words[1])), (words[0], int(words[2])), fold)
        if len(words) == 4:
            return Pair((words[0], int(words[1])), (words[2], int(words[3])), fold)
    except ValueError:
        pass
    raise FaceError(f"Line {line} of the pairs file is neither NAME N M nor NAME N NAME M.")


def _embed(engine: Engine, images: Path, sides: list[tuple[str, int]]) -> dict[tuple[str, int], Embedding | None]:
    embeddings: dict[tuple[str, int], Embedding | None] = {}
    for name, number in tqdm(sides, desc="faces of the pairs", unit="picture", leave=False):
        image = load(images / name / f"{name}_{number:04d}.jpg")
        found = engine.find_faces(image)
        embeddings[name, number] = subject(found, image).embedding if found else None
    return embeddings


def _score(first: Embedding | None, second: Embedding | None) -> float:
    if first is None or second is None:
        return _UNSEEN
    return cosine_similarity(first, second)
