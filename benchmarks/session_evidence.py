"""Students marked in a session of several photos, each photo alone and with looks joined.

    python -m benchmarks.session_evidence ../shared/data/class_photos
    python -m benchmarks.session_evidence ../shared/data/class_photos_far --thresholds 0.355 0.38

Each class is also searched with the roster of every other class added, so that there are absent students enough.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faces.evaluate.classes import class_folders
from faces.evaluate.engine import enrol, gallery, read_truth, stack
from faces.evidence import join_looks
from faces.images import load
from faces.match import Gallery, candidates, identify
from faces.models import build_pipeline
from faces.types import Embeddings, Face


@dataclass(frozen=True, eq=False)
class Session:
    """A class's photos: the faces found, their widths, its enrolled, and who is in one of the photos."""

    probes: list[Embeddings]
    face_px: list[list[float]]
    roster: dict[str, Face]
    present: frozenset[str]


def marked(session: Session, searched: Gallery, *, threshold_cosine: float, joined: bool) -> set[str]:
    """Give who is marked in one photo at least, and with joined looks in none of them alone."""
    settings = {"threshold_cosine": threshold_cosine, "model_id": searched.model_id}
    found = [identify(rows, searched, **settings) for rows in session.probes]  # type: ignore[arg-type]
    names = {one.identity for matches in found for one in matches if one is not None}
    if not joined:
        return names
    free = [[place for place, one in enumerate(matches) if one is None] for matches in found]
    looks = join_looks(
        [rows[places] for rows, places in zip(session.probes, free, strict=True)],
        [[px[place] for place in places] for px, places in zip(session.face_px, free, strict=True)],
        threshold_cosine=threshold_cosine,
    )
    for person in looks:
        best = candidates(person.embedding[None], searched, top=1)[0][0]
        if best.similarity >= threshold_cosine:
            names.add(best.identity)
    return names


def sessions(path: Path) -> Iterator[Session]:
    """Read and embed every class below a path."""
    engine = build_pipeline()
    for folder in class_folders(path):
        truth = read_truth(folder)
        enrolled = {name: enrol(engine, load(folder / "roster" / f"{name}.jpg"))[0] for name in truth["roster"]}
        found = [engine.find_faces(load(folder / photo)) for photo in truth["present"]]
        yield Session(
            [stack(faces) for faces in found],
            [[face.detection.box.width for face in faces] for faces in found],
            {name: face for name, face in enrolled.items() if face is not None},
            frozenset(entry["student"] for entries in truth["present"].values() for entry in entries),
        )


def main() -> int:
    """Print a line a threshold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.57, 0.58, 0.59, 0.60, 0.61])
    options = parser.parse_args()
    everything = list(sessions(options.path))
    model_id = next(iter(everything[0].roster.values())).model_id
    print("threshold  rosters    present  marked alone  joined   absent  marked alone  joined")
    for threshold in options.thresholds:
        for label, pairs in (
            ("own", [(one, one.roster) for one in everything]),
            ("widened", [(one, other.roster | one.roster) for one in everything for other in everything]),
        ):
            counts = [0] * 6
            for one, roster in pairs:
                searched = gallery(roster, model_id)
                absent = set(roster) - one.present
                before, after = (
                    marked(one, searched, threshold_cosine=threshold, joined=joined) for joined in (False, True)
                )
                row = (one.present, before & one.present, after & one.present, absent, before & absent, after & absent)
                counts = [count + len(names) for count, names in zip(counts, row, strict=True)]
            print(
                f"{threshold:9.3f}  {label:<8} {counts[0]:9} {counts[1]:13} {counts[2]:7} "
                f"{counts[3]:8} {counts[4]:13} {counts[5]:7}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
