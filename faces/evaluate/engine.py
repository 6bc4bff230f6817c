"""How an evaluation reads its truth and enrols a portrait."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from faces.errors import FaceError, NoFace
from faces.match import Gallery
from faces.types import Embeddings, Engine, Face, RGBImage


def read_truth(folder: Path) -> Any:
    """Read the ``truth.json`` of a folder.

    Raises:
        FaceError: there is none, or it is not JSON.
    """
    path = folder / "truth.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FaceError(f"{folder} has no truth.json.") from None
    except ValueError:
        raise FaceError(f"{path} is not JSON.") from None


def subject(faces: Sequence[Face], image: RGBImage) -> Face:
    """Choose whom a portrait shows: large and near the middle, as portraits of research sets are taken.

    Args:
        faces: at least one.
        image: uint8 (height, width, 3), the picture they were found in.
    """
    height, width = (float(side) for side in image.shape[:2])

    def prominence(face: Face) -> float:
        box = face.detection.box
        away_x = abs(box.x + box.width / 2 - width / 2) / width
        away_y = abs(box.y + box.height / 2 - height / 2) / height
        return face.detection.score * box.area * (1.0 - min(1.0, away_x + away_y))

    return max(faces, key=prominence)


def enrol(engine: Engine, image: RGBImage) -> tuple[Face | None, bool]:
    """Embed a portrait as a selfie; where the engine refuses it, take its most prominent face.

    A research portrait was not taken in front of a page that says what is wrong with it, so a refusal is counted
    but does not leave the person without a template.

    Returns:
        The face, None where there is none at all, and whether the selfie was accepted.
    """
    try:
        return engine.embed_selfie(image), True
    except NoFace:
        return None, False
    except FaceError:
        found = engine.find_faces(image)
        return (engine.as_enrolled(image, subject(found, image).detection) if found else None), False


def stack(faces: Sequence[Face]) -> Embeddings:
    """Put the embeddings of faces into one array, float32 (n, d); without faces (0, 0)."""
    if not faces:
        return np.zeros((0, 0), dtype=np.float32)
    return np.stack([face.embedding for face in faces])


def gallery(templates: dict[str, Face], model_id: str) -> Gallery:
    """Make a gallery of one face a person."""
    return Gallery(tuple(templates), stack(list(templates.values())), model_id)
