"""One class photo through Rollcall's pipeline and through ``DeepFace.represent``, in one run.

    python -m benchmarks.photo_vs_deepface [PHOTO] [--rounds 5] [--roster 40]

deepface is given SFace and MTCNN, its detector that finds the small faces of a class photo, and runs once: it takes
half a minute and more. Rollcall runs its default recipe before and after it, warmed up, so that other work on the
machine falls on both; its median counts. Each runs in a process of its own, as its users have it. Prints each stage and
the ratio.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from faces import detect, weights
from faces.distance import unit_rows
from faces.images import load
from faces.landmarks import refined
from faces.match import Gallery, identify
from faces.memory import keep_freed_memory
from faces.models import build_detector, build_embedder
from faces.models.plain_deepface import PlainDeepFace

_PHOTO = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "class_photos" / "class-01" / "photo-1.jpg"
_STAGES = ("decode", "detect", "closer looks", "align, embed", "match")


def main() -> int:
    """Time both and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("photo", nargs="?", type=Path, default=_PHOTO)
    arguments.add_argument("--rounds", type=int, default=5, help="timed runs of Rollcall before and after (default 5)")
    arguments.add_argument("--roster", type=int, default=40, help="students that the faces are searched among")
    arguments.add_argument("--one", choices=("rollcall", "deepface"), help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.one:
        timed = (
            _rollcall(options.photo, options.rounds, options.roster)
            if options.one == "rollcall"
            else _deepface(options.photo)
        )
        print(json.dumps(timed))
        return 0
    with Image.open(options.photo) as picture:
        print(f"{options.photo.name}: {picture.width} x {picture.height}")
    before, theirs, after = (_in_a_process(options, which) for which in ("rollcall", "deepface", "rollcall"))
    ours = {stage: statistics.median(before[stage] + after[stage]) for stage in _STAGES}
    for stage, seconds in ours.items():
        print(f"rollcall  {stage:<13} {seconds:8.3f} s")
    whole = sum(ours.values())
    print(f"rollcall  whole         {whole:8.3f} s  {before['faces'][0]} faces")
    print(f"deepface  whole         {theirs['whole'][0]:8.3f} s  {theirs['faces'][0]} faces")
    print(f"ratio                   {theirs['whole'][0] / whole:8.1f}")
    return 0


def _in_a_process(options: argparse.Namespace, which: str) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "benchmarks.photo_vs_deepface", str(options.photo), "--one", which]
    command += ["--rounds", str(options.rounds), "--roster", str(options.roster)]
    done = subprocess.run(  # noqa: S603  this very file
        command, check=True, stdout=subprocess.PIPE, text=True
    )
    timed: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return timed


def _rollcall(photo: Path, rounds: int, roster: int) -> dict[str, list[float]]:
    """Give the seconds of each stage in each round, and the number of faces."""
    keep_freed_memory()
    detector, embedder = build_detector(), build_embedder()
    made_up = np.random.default_rng(0).normal(size=(roster, embedder.dimensions)).astype(np.float32)
    gallery = Gallery(tuple(str(number) for number in range(roster)), unit_rows(made_up), embedder.model_id)
    taken: dict[str, list[float]] = {stage: [] for stage in _STAGES}
    faces = 0
    for number in range(rounds + 1):
        marks = [time.perf_counter()]
        image = load(photo)
        marks.append(time.perf_counter())
        detections = detect.find_all(detector, image)
        marks.append(time.perf_counter())
        detections = refined(detector, image, detections)
        marks.append(time.perf_counter())
        probes = embedder.embed(image, detections)
        marks.append(time.perf_counter())
        identify(probes, gallery, threshold_cosine=embedder.threshold_cosine, model_id=embedder.model_id)
        marks.append(time.perf_counter())
        faces = len(probes)
        # The first round compiles.
        if number:
            for stage, start, end in zip(_STAGES, marks[:-1], marks[1:], strict=True):
                taken[stage].append(end - start)
    return {**taken, "faces": [faces]}


def _deepface(photo: Path) -> dict[str, list[float]]:
    engine = PlainDeepFace(weights.weights_dir())
    image = load(photo)
    # Its networks are built and traced on a small picture first, as a warm worker would have them.
    engine.find_faces(image[:400, :400])
    started = time.perf_counter()
    faces = engine.find_faces(load(photo))
    return {"whole": [time.perf_counter() - started], "faces": [len(faces)]}


if __name__ == "__main__":
    sys.exit(main())
