"""The engine without a school: ``python -m faces embed | verify | identify | cluster``."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image
from tqdm import tqdm

from faces.cluster import cluster, cluster_threshold
from faces.distance import cosine_distance, l2_distance
from faces.drawing import draw_faces
from faces.errors import FaceError, NoFace, SeveralFaces
from faces.evaluate.engine import stack
from faces.images import load
from faces.match import Gallery, candidates, identify, photo_threshold, verify
from faces.models import build_pipeline
from faces.types import Box, Engine, Face, RGBImage

_PICTURES: Final = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"}

_EPILOG: Final = """examples:
  python -m faces embed class.jpg --json
  python -m faces verify monday.jpg friday.jpg
  python -m faces identify class.jpg roster/ --draw named.jpg
  python -m faces cluster photos/ --draw out/

roster/ holds one picture a person (ada.jpg), or a folder a person (ada/1.jpg, ada/2.jpg).

exit status:
  0  yes: faces found, the same person, somebody identified
  1  no: no face, not the same person, nobody identified
  2  error: a file cannot be read, a weights file is missing, a wrong argument
"""

Outcome = tuple[dict[str, Any], list[str], bool]
"""The object that --json prints, the lines printed without it, and whether the answer is yes."""


def main(arguments: Sequence[str] | None = None, pipeline: Engine | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line; those of the process when None.
        pipeline: used in place of the one that the arguments name.
    """
    options = _parser().parse_args(arguments)
    try:
        engine = pipeline or _pipeline(options)
        result, lines, yes = _COMMANDS[options.command](engine, options)
    except (FaceError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({**result, "model_id": engine.model_id, "detector": engine.detector_id}, indent=1))
    else:
        print("\n".join(lines))
    return 0 if yes else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m faces",
        description="Find, compare and group faces in pictures.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (about, paths) in _ARGUMENTS.items():
        command = commands.add_parser(
            name,
            help=about,
            description=about,
            epilog=f"example: python -m faces {name} {' '.join(example for _, example in paths)}",
        )
        for path, _ in paths:
            command.add_argument(path, type=Path, metavar=path.upper())
        command.add_argument("--json", action="store_true", help="print one JSON object")
        command.add_argument("--draw", type=Path, metavar="OUT", help="write a picture with boxes (cluster: a folder)")
        command.add_argument("--model", help="recogniser (default: the one Rollcall uses)")
        command.add_argument("--detector", help="detector (default: the one Rollcall uses)")
        command.add_argument(
            "--threshold", type=_similarity, help="cosine similarity to accept at (default: the model's)"
        )
        command.add_argument("--weights", type=Path, help="folder of the weights (default: the configured one)")
    return parser


def _similarity(text: str) -> float:
    value = float(text)
    if not -1.0 <= value <= 1.0:
        raise ValueError(text)
    return value


_similarity.__name__ = "cosine similarity"  # argparse names it in its sentence about a wrong value


def _pipeline(options: argparse.Namespace) -> Engine:
    chosen = {"model": options.model, "detector": options.detector, "weights_dir": options.weights}
    return build_pipeline(**{key: value for key, value in chosen.items() if value is not None})


def _embed(engine: Engine, options: argparse.Namespace) -> Outcome:
    image = load(options.photo)
    faces = engine.find_faces(image)
    _draw(options.draw, image, faces, [str(number) for number in range(len(faces))])
    result = {"faces": [{**_place(face), "embedding": face.embedding.tolist()} for face in faces]}
    lines = [f"{len(faces)} faces"]
    lines += [f"{number}  {_where(face)}  {_numbers(face)}" for number, face in enumerate(faces)]
    return result, lines, bool(faces)


def _verify(engine: Engine, options: argparse.Namespace) -> Outcome:
    (first_image, first), (second_image, second) = (_only_face(engine, path) for path in (options.a, options.b))
    decision = verify(first.embedding, second.embedding, threshold_cosine=_threshold(engine, options))
    word = "the same person" if decision.same else "not the same person"
    if options.draw:
        _draw_side_by_side(options.draw, (first_image, first), (second_image, second), word)
    result = {
        "same": decision.same,
        "similarity": decision.similarity,
        "cosine_distance": cosine_distance(decision.similarity),
        "l2_distance": l2_distance(decision.similarity),
        "threshold": decision.threshold_cosine,
        "faces": [_place(first), _place(second)],
    }
    line = (
        f"{word}: similarity {decision.similarity:.3f}, threshold {decision.threshold_cosine:.3f}, "
        f"L2 distance {l2_distance(decision.similarity):.3f}"
    )
    return result, [line], decision.same


def _identify(engine: Engine, options: argparse.Namespace) -> Outcome:
    gallery = _read_gallery(engine, options.gallery)
    image = load(options.photo)
    faces = engine.find_faces(image)
    probes = stack(faces)
    threshold = photo_threshold(_threshold(engine, options), len(faces))
    matches = identify(probes, gallery, threshold_cosine=threshold, model_id=engine.model_id)
    names = [match.identity if match else None for match in matches]
    _draw(options.draw, image, faces, names)
    found = {name for name in names if name is not None}
    result = {
        "threshold": threshold,
        "faces": [
            {
                **_place(face),
                "identity": match.identity if match else None,
                "similarity": match.similarity if match else None,
                "candidates": [[candidate.identity, candidate.similarity] for candidate in ranked],
            }
            for face, match, ranked in zip(faces, matches, candidates(probes, gallery), strict=True)
        ],
        "not_seen": [person for person in gallery.people if person not in found],
    }
    lines = [
        f"{_where(face)}  " + (f"{match.identity} ({match.similarity:.3f})" if match else "nobody of the gallery")
        for face, match in zip(faces, matches, strict=True)
    ]
    lines.append(f"{len(found)} of {len(gallery.people)} people found among {len(faces)} faces")
    return result, lines, bool(found)


def _cluster(engine: Engine, options: argparse.Namespace) -> Outcome:
    threshold = cluster_threshold(engine.threshold_cosine) if options.threshold is None else float(options.threshold)
    if threshold <= 0.0:
        raise FaceError("cluster needs a threshold above 0.")
    paths = sorted(_pictures(options.folder))
    found = [(path, face) for path, faces in _find_in(engine, paths) for face in faces]
    labels = cluster(
        stack([face for _, face in found]),
        photos=[str(path) for path, _ in found],
        threshold_cosine=threshold,
    )
    groups: dict[int, list[dict[str, Any]]] = {}
    for (path, face), label in zip(found, labels, strict=True):
        groups.setdefault(label, []).append({"photo": str(path.relative_to(options.folder)), **_place(face)})
    if options.draw:
        _draw_clusters(options, paths, found, labels)
    lines = [
        f"person {label}: " + ", ".join(sorted(face["photo"] for face in faces)) for label, faces in groups.items()
    ]
    lines.append(f"{len(groups)} people, {len(found)} faces, {len(paths)} pictures")
    result = {"threshold": threshold, "people": [groups[label] for label in sorted(groups)]}
    return result, lines, bool(found)


def _threshold(engine: Engine, options: argparse.Namespace) -> float:
    return engine.threshold_cosine if options.threshold is None else float(options.threshold)


def _only_face(engine: Engine, path: Path) -> tuple[RGBImage, Face]:
    """Give the one face of a picture; any quality will do, the comparison is the user's wish."""
    image = load(path)
    faces = engine.find_faces(image)
    if not faces:
        raise NoFace(f"{path} shows no face.")
    if len(faces) > 1:
        raise SeveralFaces(f"{path} shows {len(faces)} faces; verify compares one with one.")
    return image, faces[0]


def _read_gallery(engine: Engine, folder: Path) -> Gallery:
    """Embed one picture a person, or a folder of pictures a person; a picture that cannot be used is named."""
    people: list[str] = []
    embeddings = []
    for path in tqdm(sorted(_pictures(folder)), desc="gallery", unit="picture", leave=False):
        try:
            embeddings.append(engine.embed_selfie(load(path)).embedding)
        except FaceError as error:
            print(f"left out: {path}: {error}", file=sys.stderr)
            continue
        people.append(path.stem if path.parent == folder else path.relative_to(folder).parts[0])
    if not people:
        raise NoFace(f"{folder} holds no picture of a face that can be used.")
    return Gallery(tuple(people), np.stack(embeddings), engine.model_id)


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FaceError(f"{folder} is not a folder.")
    return [path for path in folder.rglob("*") if path.suffix.lower() in _PICTURES]


def _find_in(engine: Engine, paths: Sequence[Path]) -> Iterator[tuple[Path, list[Face]]]:
    for path in tqdm(paths, desc="pictures", unit="picture", leave=False):
        try:
            yield path, engine.find_faces(load(path))
        except FaceError as error:
            print(f"left out: {path}: {error}", file=sys.stderr)


def _place(face: Face) -> dict[str, Any]:
    box = face.detection.box
    return {
        "box": [round(side, 1) for side in (box.x, box.y, box.width, box.height)],
        "landmarks": np.round(face.detection.landmarks.astype(float), 1).tolist(),
        "score": round(face.detection.score, 4),
    }


def _where(face: Face) -> str:
    box = face.detection.box
    return f"{box.width:4.0f} px wide at {box.x:5.0f}, {box.y:5.0f}"


def _numbers(face: Face) -> str:
    shown = " ".join(f"{number:+.3f}" for number in face.embedding[:6])
    return f"[{shown} ... {len(face.embedding)} numbers]"


def _draw(out: Path | None, image: RGBImage, faces: Sequence[Face], names: Sequence[str | None]) -> None:
    if out is not None:
        boxes = [(face.detection.box, name) for face, name in zip(faces, names, strict=True)]
        _save(draw_faces(image, boxes), out)


def _draw_side_by_side(out: Path, first: tuple[RGBImage, Face], second: tuple[RGBImage, Face], word: str) -> None:
    (left, left_face), (right, right_face) = first, second
    width = left.shape[1] + right.shape[1]
    both = np.zeros((max(left.shape[0], right.shape[0]), width, 3), dtype=np.uint8)
    both[: left.shape[0], : left.shape[1]] = left
    both[: right.shape[0], left.shape[1] :] = right
    box = right_face.detection.box
    moved = Box(box.x + left.shape[1], box.y, box.width, box.height)
    _save(draw_faces(both, [(left_face.detection.box, word), (moved, word)]), out)


def _draw_clusters(
    options: argparse.Namespace, paths: Sequence[Path], found: Sequence[tuple[Path, Face]], labels: Sequence[int]
) -> None:
    """Write a picture for each one read, named by its place in the folder, so that equal names do not collide."""
    options.draw.mkdir(parents=True, exist_ok=True)
    for path in paths:
        boxes = [
            (face.detection.box, f"person {label}")
            for (photo, face), label in zip(found, labels, strict=True)
            if photo == path
        ]
        name = "-".join(path.relative_to(options.folder).with_suffix(".jpg").parts)
        if boxes:
            _save(draw_faces(load(path), boxes), options.draw / name)


def _save(picture: Image.Image, out: Path) -> None:
    try:
        picture.save(out, quality=92)
    except ValueError:
        raise FaceError(f"{out} does not end like a picture: write .jpg or .png.") from None


_ARGUMENTS: Final = {
    "embed": ("Find every face of a picture and give its vector.", [("photo", "class.jpg")]),
    "verify": ("Say whether two pictures show one person.", [("a", "monday.jpg"), ("b", "friday.jpg")]),
    "identify": (
        "Say who of a gallery is in a picture (open-set: a face may be nobody's).",
        [("photo", "class.jpg"), ("gallery", "roster/")],
    ),
    "cluster": ("Say who is who in a folder of pictures, without names.", [("folder", "photos/")]),
}

_COMMANDS: Final[dict[str, Callable[[Engine, argparse.Namespace], Outcome]]] = {
    "embed": _embed,
    "verify": _verify,
    "identify": _identify,
    "cluster": _cluster,
}


if __name__ == "__main__":
    sys.exit(main())
