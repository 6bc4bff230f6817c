"""YuNet in TensorFlow against OpenCV's FaceDetectorYN, from photo to boxes, taking turns in one run.

``python benchmarks/detection_yunet.py [PHOTO]``; without one, a class photo of 12 megapixels from ``SHARED_DATA``.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from faces.images import decode
from faces.models.yunet import YuNetDetector
from faces.models.yunet_tf import YuNetTensorFlow
from faces.types import RGBImage
from faces.weights import verified

DEFAULT_PHOTO = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "class_photos/class-01/photo-1.jpg"
TILE_PX = 1024


def tiles_of(image: RGBImage) -> RGBImage:
    """Equal tiles that cover the picture's upper left part: uint8 (n, TILE_PX, TILE_PX, 3)."""
    rows, columns = image.shape[0] // TILE_PX, image.shape[1] // TILE_PX
    corners = [(row * TILE_PX, column * TILE_PX) for row in range(rows) for column in range(columns)]
    return np.stack([image[top : top + TILE_PX, left : left + TILE_PX] for top, left in corners])


def taking_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round, by way; a first round that compiles is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", nargs="?", type=Path, default=DEFAULT_PHOTO)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    image = decode(options.photo.read_bytes())
    weights = verified("yunet")
    opencv, tensorflow = YuNetDetector(weights), YuNetTensorFlow(weights)
    whole = YuNetTensorFlow(weights, band_rows=1 << 20)
    ways: dict[str, Callable[[], object]] = {
        "OpenCV": lambda: opencv.detect(image),
        "TensorFlow, bands": lambda: tensorflow.detect(image),
        "TensorFlow, whole": lambda: whole.detect(image),
    }
    if min(image.shape[:2]) >= TILE_PX:
        tiles = tiles_of(image)
        ways[f"TensorFlow, {len(tiles)} tiles of {TILE_PX} px"] = lambda: tensorflow.detect_batch(tiles)
    seconds = taking_turns(ways, options.rounds)
    base = float(np.median(seconds["OpenCV"]))
    found = len(opencv.detect(image)), len(tensorflow.detect(image))
    print(f"{image.shape[1]} x {image.shape[0]} px; faces found: OpenCV {found[0]}, TensorFlow {found[1]}")
    print(f"{'way':<36}{'median s':>10}{'least s':>10}{'ratio':>8}")
    for name, measured in seconds.items():
        median = float(np.median(measured))
        print(f"{name:<36}{median:>10.3f}{min(measured):>10.3f}{median / base:>8.2f}")


if __name__ == "__main__":
    main()
