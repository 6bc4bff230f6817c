"""One class photo through Rollcall's pipeline and through ``DeepFace.represent``, in one run.

    python -m benchmarks.photo_vs_deepface [PHOTO] [--rounds 5]

deepface is given SFace and MTCNN, its detector that finds the small faces of a class photo, and runs once: it takes
minutes. Rollcall runs before and after it, warmed up, so that other work on the machine falls on both; its median
counts. Prints each stage and the ratio.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from faces import detect, weights
from faces.images import load
from faces.landmarks import refined
from faces.models.plain_deepface import PlainDeepFace
from faces.models.sface import SFaceEmbedder
from faces.models.yunet_tf import YuNetTensorFlow

_PHOTO = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "class_photos" / "class-01" / "photo-1.jpg"


def main() -> int:
    """Time both and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("photo", nargs="?", type=Path, default=_PHOTO)
    arguments.add_argument("--rounds", type=int, default=5, help="timed runs of Rollcall before and after (default 5)")
    options = arguments.parse_args()
    with Image.open(options.photo) as picture:
        print(f"{options.photo.name}: {picture.width} x {picture.height}")
    before, faces = _rollcall(options.photo, options.rounds)
    theirs, their_faces = _deepface(options.photo)
    after, _ = _rollcall(options.photo, options.rounds)
    ours = {stage: statistics.median(before[stage] + after[stage]) for stage in before}
    for stage, seconds in ours.items():
        print(f"rollcall  {stage:<8} {seconds:8.2f} s")
    whole = sum(ours.values())
    print(f"rollcall  whole    {whole:8.2f} s  {faces} faces")
    print(f"deepface  whole    {theirs:8.2f} s  {their_faces} faces")
    print(f"ratio              {theirs / whole:8.1f}")
    return 0


def _rollcall(photo: Path, rounds: int) -> tuple[dict[str, list[float]], int]:
    """Give the seconds of each stage in each round, and the number of faces."""
    detector = YuNetTensorFlow(weights.verified("yunet"))
    embedder = SFaceEmbedder(weights.verified("sface"))
    taken: dict[str, list[float]] = {"decode": [], "detect": [], "closer": [], "embed": []}
    faces = 0
    for number in range(rounds + 1):
        marks = [time.perf_counter()]
        image = load(photo)
        marks.append(time.perf_counter())
        detections = detect.find_all(detector, image)
        marks.append(time.perf_counter())
        detections = refined(detector, image, detections)
        marks.append(time.perf_counter())
        faces = len(embedder.embed(image, detections))
        marks.append(time.perf_counter())
        # The first round compiles.
        if number:
            for stage, start, end in zip(taken, marks[:-1], marks[1:], strict=True):
                taken[stage].append(end - start)
    return taken, faces


def _deepface(photo: Path) -> tuple[float, int]:
    engine = PlainDeepFace(weights.weights_dir())
    image = load(photo)
    # Its networks are built and traced on a small picture first, as a warm worker would have them.
    engine.find_faces(image[:400, :400])
    started = time.perf_counter()
    faces = engine.find_faces(load(photo))
    return time.perf_counter() - started, len(faces)


if __name__ == "__main__":
    sys.exit(main())
