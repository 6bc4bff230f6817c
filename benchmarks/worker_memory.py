"""Memory of a warm worker over many photos of different sizes, in one run.

    python -m benchmarks.worker_memory [--photos 500]

Photos of 12 megapixels, near and far, and smaller ones take turns through the default pipeline. Prints the resident
memory after every tenth part and the rise from the second part on: fixed batch shapes and reused memory keep it flat.
"""

import argparse
import itertools
import os
import resource
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from faces.images import load
from faces.models import build_pipeline

_DATA = Path(os.environ.get("SHARED_DATA", "../shared/data"))
_PARTS = 10


def main() -> int:
    """Run the photos and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--photos", type=int, default=500)
    options = arguments.parse_args()
    folders = ("class_photos/class-01", "class_photos_far/class-01", "groups/photos", "crowds", "detection/images")
    files = [sorted((_DATA / folder).glob("*.jpg"))[:8] for folder in folders]
    mixed = [one for turn in itertools.zip_longest(*files) for one in turn if one is not None]
    pipeline = build_pipeline()
    marks: list[int] = []
    started = time.perf_counter()
    for number, photo in enumerate(itertools.islice(itertools.cycle(mixed), options.photos), start=1):
        pipeline.find_faces(load(photo))
        if number % max(1, options.photos // _PARTS) == 0:
            marks.append(_resident_mb())
            print(f"{number:5} photos  {marks[-1]:6} MB  {time.perf_counter() - started:6.0f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak {peak} MB, rise from the second part to the last {marks[-1] - marks[min(1, len(marks) - 1)]} MB")
    return 0


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_048_576


if __name__ == "__main__":
    sys.exit(main())
