"""Group photos: real pictures with other people in them, and several portraits a person to enrol by."""

from pathlib import Path
from typing import Any

from tqdm import tqdm

from faces.evaluate.engine import enrol, gallery, read_truth, stack
from faces.evaluate.trials import Trial, tally
from faces.images import load
from faces.types import Embeddings, Engine, Face


def embed_groups(engine: Engine, path: Path) -> list[list[Trial]]:
    """Search every photo once for each set of portraits.

    Set ``i`` enrols everybody by one portrait: their ``i``-th, counted round where a person has fewer than the
    person with the most.

    Args:
        engine: finds and embeds.
        path: a folder with ``truth.json``, ``portraits`` and ``photos``.

    Returns:
        A list a set, with one trial a photo.
    """
    truth = read_truth(path)
    portraits = embed_portraits(engine, path, truth["portraits"])
    photos = _photos(engine, path, truth["photos"])
    sets = max((len(faces) for faces in portraits.values()), default=0)
    trials = []
    for number in range(sets):
        chosen = {person: faces[number % len(faces)] for person, faces in portraits.items()}
        enrolled = gallery({person: face for person, face in chosen.items() if face}, engine.model_id)
        trials.append(
            [
                Trial(f"set {number}: {label}", probes, enrolled, frozenset(portraits), present)
                for label, probes, present in photos
            ]
        )
    return trials


def evaluate_groups(engine: Engine, path: Path, *, threshold_cosine: float) -> dict[str, Any]:
    """Measure group photos; see ``docs/recognition.md`` for the definitions."""
    sets = embed_groups(engine, path)
    counts = tally([trial for trials in sets for trial in trials], threshold_cosine)
    return {
        "recall": counts.recall,
        "false_marks": counts.false_marks,
        "trials": len(sets),
        "photos": len(sets[0]) if sets else 0,
        "present": counts.present,
        "absent": counts.absent,
    }


def embed_portraits(engine: Engine, path: Path, listed: dict[str, list[str]]) -> dict[str, list[Face | None]]:
    """Enrol everybody by each of their portraits; None stands for one without a face."""
    return {
        person: [
            enrol(engine, load(path / name))[0]
            for name in tqdm(names, desc=f"portraits of {person}", unit="portrait", leave=False)
        ]
        for person, names in listed.items()
        if names
    }


def _photos(engine: Engine, path: Path, listed: list[dict[str, Any]]) -> list[tuple[str, Embeddings, frozenset[str]]]:
    return [
        (photo["photo"], stack(engine.find_faces(load(path / photo["photo"]))), frozenset(photo["present"]))
        for photo in tqdm(listed, desc="group photos", unit="photo", leave=False)
    ]
