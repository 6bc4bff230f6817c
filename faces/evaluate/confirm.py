"""Group photos when a teacher confirms faces: what templates from a few photos do for the search of another one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from faces import match, quality
from faces.evaluate.engine import read_truth, stack
from faces.evaluate.groups import embed_portraits
from faces.evaluate.trials import Tally, Trial, tally
from faces.images import load
from faces.match import Gallery
from faces.quality import Quality
from faces.template_update import MOST_TEMPLATES, agrees_with_selfies, fit_to_keep
from faces.types import Embedding, Embeddings, Engine, Face

_TEACHER_COSINE = 0.3
"""From which similarity on to any of somebody's portraits the measurement believes that a face is theirs."""


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A group photo with its faces.

    Attributes:
        name: of the file.
        probes: float32 (n, d).
        measures: of the n faces.
        present: who is in it.
        shown: the face of each of them, its place among the n; who could not be told is left out.
    """

    name: str
    probes: Embeddings
    measures: tuple[Quality, ...]
    present: frozenset[str]
    shown: dict[str, int]


def evaluate_confirm(engine: Engine, path: Path, *, threshold_cosine: float, confirm: int) -> dict[str, Any]:
    """Measure group photos before and after faces of other photos are confirmed.

    Every photo is searched once for each set of portraits, as ``evaluate_groups`` does, and once more with what a
    teacher has confirmed in the next photos of the list, counted round. The truth names people and no boxes: a face is
    theirs by all their portraits together.

    Args:
        engine: finds and embeds.
        path: a folder with ``truth.json``, ``portraits`` and ``photos``.
        threshold_cosine: of the search; the same before and after.
        confirm: in so many photos the teacher confirms everybody.
    """
    truth = read_truth(path)
    portraits = embed_portraits(engine, path, truth["portraits"])
    everything = _gallery([(name, face) for name, faces in portraits.items() for face in faces], engine.model_id)
    photos = [_photo(engine, path, listed, everything) for listed in tqdm(truth["photos"], unit="photo", leave=False)]
    sets = max((len(faces) for faces in portraits.values()), default=0)
    before: list[Trial] = []
    after: list[Trial] = []
    kept = 0
    for number in range(sets):
        selfies = _gallery([(name, faces[number % len(faces)]) for name, faces in portraits.items()], engine.model_id)
        for place, photo in enumerate(photos):
            others = [photos[(place + step) % len(photos)] for step in range(1, min(confirm, len(photos) - 1) + 1)]
            grown = _with_confirmed(selfies, others, threshold_cosine=threshold_cosine)
            kept += len(grown.identities) - len(selfies.identities)
            for trials, gallery in ((before, selfies), (after, grown)):
                trials.append(Trial(photo.name, photo.probes, gallery, frozenset(portraits), photo.present))
    counts = _counts(tally(before, threshold_cosine), tally(after, threshold_cosine))
    added = kept / len(before) if before else 0.0
    return {**counts, "templates_added": added, "confirmed_photos": confirm, "trials": sets}


def _counts(first: Tally, second: Tally) -> dict[str, Any]:
    return {
        "recall_before": first.recall,
        "recall": second.recall,
        "false_marks_before": first.false_marks,
        "false_marks": second.false_marks,
        "present": second.present,
        "absent": second.absent,
    }


def _photo(engine: Engine, path: Path, listed: dict[str, Any], everything: Gallery) -> Photo:
    image = load(path / listed["photo"])
    faces = engine.find_faces(image)
    probes, present = stack(faces), frozenset(listed["present"])
    found = match.identify(
        probes,
        everything,
        threshold_cosine=_TEACHER_COSINE,
        model_id=everything.model_id,
        forbidden=[set(everything.identities) - present for _face in faces],
    )
    return Photo(
        name=listed["photo"],
        probes=probes,
        measures=tuple(quality.assess(image, face.detection) for face in faces),
        present=present,
        shown={one.identity: place for place, one in enumerate(found) if one is not None},
    )


def _with_confirmed(selfies: Gallery, photos: list[Photo], *, threshold_cosine: float) -> Gallery:
    """Add what a teacher confirms in these photos, by the rules that hold in class."""
    names, rows = list(selfies.identities), list(selfies.embeddings)
    for photo in photos:
        for name, place in photo.shown.items():
            standing = names.count(name) - selfies.identities.count(name)
            probe = photo.probes[place]
            if (
                standing < MOST_TEMPLATES
                and fit_to_keep(photo.measures[place])
                and _agrees(probe, name, selfies, threshold_cosine=threshold_cosine)
            ):
                names.append(name)
                rows.append(probe)
    return Gallery(tuple(names), np.stack(rows), selfies.model_id) if rows else selfies


def _agrees(probe: Embedding, name: str, selfies: Gallery, *, threshold_cosine: float) -> bool:
    similar = [float(value) for value in selfies.embeddings @ probe]
    own = [value for value, identity in zip(similar, selfies.identities, strict=True) if identity == name]
    others = [value for value, identity in zip(similar, selfies.identities, strict=True) if identity != name]
    return agrees_with_selfies(own=own, others=others, threshold_cosine=threshold_cosine)


def _gallery(listed: list[tuple[str, Face | None]], model_id: str) -> Gallery:
    found = [(name, face) for name, face in listed if face is not None]
    return Gallery(tuple(name for name, _face in found), stack([face for _name, face in found]), model_id)
