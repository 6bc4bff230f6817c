"""10,000 faces grouped by person: seconds, memory, and how right the groups are.

``python -m benchmarks.clustering``: made faces whose similarities are spread as a recogniser's are on LFW (strangers'
mean and deviation, and the mean of two pictures of a person), 1 to 14 photos a person, thirty faces a photo. Each line
runs in a process of its own, so that its memory is its own.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from faces.cluster import cluster, cluster_threshold
from faces.distance import unit_rows
from faces.evaluate.clusters import pair_scores
from faces.types import Embeddings

FACES_A_PHOTO = 30


@dataclass(frozen=True, slots=True)
class Recogniser:
    """How a recogniser's similarities are spread.

    Attributes:
        dimensions: numbers of an embedding.
        threshold_cosine: its threshold of identification.
        strangers: mean similarity of two people.
        deviation: of that similarity.
        same: mean similarity of two pictures of one person.
    """

    dimensions: int
    threshold_cosine: float
    strangers: float
    deviation: float
    same: float


RECOGNISERS = {
    "sface": Recogniser(128, 0.355, 0.10, 0.087, 0.69),
    "sface-dlib": Recogniser(256, 0.75, 0.63, 0.040, 0.88),
}


def made_faces(like: Recogniser, people: NDArray[np.int64], random: np.random.Generator) -> Embeddings:
    """Draw faces of these people: a part that all share, one of the person, one of the picture."""
    # The cosine of random directions in k dimensions has the deviation 1 / sqrt(k).
    free = min(like.dimensions - 1, round(((1 - like.strangers) / like.deviation) ** 2))
    person = unit_rows(random.normal(size=(people.max() + 1, free)))[people]
    picture = unit_rows(random.normal(size=(len(people), free)))
    kept = (like.same - like.strangers) / (1 - like.strangers)
    own = unit_rows(np.sqrt(kept) * person + np.sqrt(1 - kept) * picture)
    faces = np.zeros((len(people), like.dimensions))
    faces[:, :free] = np.sqrt(1 - like.strangers) * own
    faces[:, -1] = np.sqrt(like.strangers)
    return unit_rows(faces)


def measure(name: str, count: int) -> None:
    """Group faces once, and print a line."""
    like, random = RECOGNISERS[name], np.random.default_rng(7)
    sizes = np.minimum(random.geometric(0.3, size=count), 14)
    people = np.repeat(np.arange(count), sizes)[:count]
    faces = made_faces(like, people, random)
    # Every photo holds faces of different people.
    photos = [str(number % (count // FACES_A_PHOTO + 1)) for number in range(count)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    groups = cluster(faces, photos=photos, threshold_cosine=cluster_threshold(like.threshold_cosine))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    f1 = pair_scores(people.tolist(), groups).f1
    print(
        f"{name:<12}{like.dimensions:>8}{count:>8}{len(set(groups)):>8}{seconds:>10.1f}"
        f"{(peak - before) / 1024:>10.0f}{peak / 1024:>10.0f}{f1:>8.3f}",
        flush=True,
    )


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=10_000)
    count = parser.parse_args().faces
    print(f"{'like':<12}{'numbers':>8}{'faces':>8}{'groups':>8}{'seconds':>10}{'added MB':>10}{'peak MB':>10}{'F1':>8}")
    for name in RECOGNISERS:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(name, count))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
