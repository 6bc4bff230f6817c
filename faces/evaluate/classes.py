"""Class photos: a roster with one selfie a student, photos of the class, and who is in them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from faces.errors import FaceError
from faces.evaluate.detection import match_boxes
from faces.evaluate.engine import enrol, gallery, read_truth, stack
from faces.evaluate.trials import Trial, tally
from faces.evaluate.work import work_left
from faces.images import load
from faces.types import Box, Engine, Face


@dataclass(frozen=True, slots=True, eq=False)
class ClassTrials:
    """Every photo of the classes, embedded.

    Attributes:
        trials: one a photo.
        seconds: time of each photo: read, decode, find, embed, identify.
        refused_selfies: portraits that the selfie checks refused.
    """

    trials: list[Trial]
    seconds: list[float]
    refused_selfies: int


def class_folders(path: Path) -> list[Path]:
    """Find the classes: the folder itself or the folders in it.

    Raises:
        FaceError: there is no class in it.
    """
    if (path / "truth.json").is_file():
        return [path]
    found = sorted(folder.parent for folder in path.glob("*/truth.json"))
    if not found:
        raise FaceError(f"{path} is no class folder and holds none: a class folder has a truth.json and a roster/.")
    return found


def embed_classes(engine: Engine, path: Path) -> ClassTrials:
    """Enrol every roster and search every photo.

    Args:
        engine: finds and embeds.
        path: a class folder, or a folder of class folders.
    """
    trials: list[Trial] = []
    seconds: list[float] = []
    refused = 0
    for folder in class_folders(path):
        truth = read_truth(folder)
        templates, refused_here = _enrol_roster(engine, folder, truth["roster"])
        refused += refused_here
        for trial, taken in _photos(engine, folder, truth, templates):
            trials.append(trial)
            seconds.append(taken)
    return ClassTrials(trials, seconds, refused)


def evaluate_classes(engine: Engine, path: Path, *, threshold_cosine: float) -> dict[str, Any]:
    """Measure class photos; see ``docs/recognition.md`` for the definitions."""
    embedded = embed_classes(engine, path)
    counts = tally(embedded.trials, threshold_cosine)
    work = work_left(embedded.trials, threshold_cosine)
    return {
        "photos": len(embedded.trials),
        "present_marked": counts.recall,
        "absent_marked": counts.false_share,
        "false_marks": counts.false_marks,
        "seconds_per_photo": sum(embedded.seconds) / len(embedded.seconds) if embedded.seconds else 0.0,
        "present": counts.present,
        "absent": counts.absent,
        "refused_selfies": embedded.refused_selfies,
        "boxes_to_confirm_per_photo": work.taps_per_photo,
        "present_after_questions": work.share_after_questions,
        "questions_per_photo": work.questions_per_photo,
        "present_by_hand": work.by_hand,
    }


def _enrol_roster(engine: Engine, folder: Path, roster: list[str]) -> tuple[dict[str, Face], int]:
    templates: dict[str, Face] = {}
    refused = 0
    for student in tqdm(roster, desc=f"{folder.name}: selfies", unit="selfie", leave=False):
        face, accepted = enrol(engine, load(folder / "roster" / f"{student}.jpg"))
        refused += not accepted
        if face is not None:
            templates[student] = face
    return templates, refused


def _photos(
    engine: Engine, folder: Path, truth: dict[str, Any], templates: dict[str, Face]
) -> Iterator[tuple[Trial, float]]:
    enrolled = gallery(templates, engine.model_id)
    for name, present in tqdm(truth["present"].items(), desc=f"{folder.name}: photos", unit="photo", leave=False):
        started = time.perf_counter()
        faces = engine.find_faces(load(folder / name))
        trial = Trial(
            label=f"{folder.name}/{name}",
            probes=stack(faces),
            gallery=enrolled,
            roster=frozenset(truth["roster"]),
            present=frozenset(entry["student"] for entry in present),
            shown=_shown(faces, present),
        )
        trial.marked(engine.threshold_cosine)
        yield trial, time.perf_counter() - started


def _shown(faces: list[Face], present: list[dict[str, Any]]) -> tuple[str | None, ...]:
    """Tell by the boxes of the truth whom each face shows; an entry may have none."""
    boxed = [entry for entry in present if "box" in entry]
    pairs = match_boxes([face.detection.box for face in faces], [Box(*map(float, entry["box"])) for entry in boxed])
    students = {face: str(boxed[entry]["student"]) for entry, face in pairs.items()}
    return tuple(students.get(face) for face in range(len(faces)))
