"""``python -m faces.evaluate classes|reliability|groups|pairs|detection|small|clusters|threshold PATH``.

``--json`` prints one object. Every one has ``model_id``, ``detector`` and ``threshold``, and besides:

- ``classes``: ``photos``; ``present_marked`` and ``absent_marked`` (shares), ``false_marks`` (count), ``present`` and
  ``absent`` (counts over the photos), ``seconds_per_photo``, ``refused_selfies``. The teacher's work left
  (``faces.evaluate.work``): ``boxes_to_confirm_per_photo``, the taps until 99.8 % of the present are right;
  ``present_after_questions``, the share right when wrong marks are undone and all questions answered (without any tap
  it is ``present_marked``); ``questions_per_photo``; ``present_by_hand``, how many no box left open shows.
- ``reliability`` (``faces.evaluate.reliability``): ``classes``, ``photos``; ``words`` and ``bins``, lists of objects
  with ``roster`` (``own`` or ``doubled``), ``right`` and ``suggestions`` (counts), ``share``, ``low`` and ``high``
  (interval of 95 %). A word has ``word``, a bin its margins ``from`` and ``to``, as shares of the way from the
  threshold to 1.
- ``groups``: ``recall``, ``false_marks``, ``trials``, ``photos``, ``present``, ``absent``; with ``--confirm`` also
  ``recall_before``, ``false_marks_before``, ``templates_added``, ``confirmed_photos``, and no ``photos``.
- ``pairs``: ``accuracy_mean``, ``accuracy_std``, ``val_at_far`` (by rate), ``pairs``, ``images_without_face``.
- ``detection``: ``recall``, ``unmatched_per_photo``, ``recall_from_16_px``, ``photos``, ``faces``.
- ``small``: ``bands`` (by width, each by rate), ``people``, ``probes``, ``probes_share``, ``images_without_face``.
- ``clusters``: ``precision``, ``recall``, ``f1`` (over pairs), ``people``, ``clusters``, ``images``,
  ``images_without_face``.
- ``threshold``: ``present_marked``, ``false_marks``, ``group_recall``, ``group_false_marks``, ``class_photos``,
  ``group_trials``, ``curve``.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from faces import weights
from faces.errors import FaceError
from faces.evaluate.classes import evaluate_classes
from faces.evaluate.clusters import evaluate_clusters
from faces.evaluate.confirm import evaluate_confirm
from faces.evaluate.detection import evaluate_detection
from faces.evaluate.diagram import draw_reliability
from faces.evaluate.groups import evaluate_groups
from faces.evaluate.pairs import evaluate_pairs
from faces.evaluate.reliability import evaluate_reliability
from faces.evaluate.small import OpenPipeline, evaluate_small
from faces.evaluate.threshold import evaluate_threshold
from faces.models import build_detector, build_embedder, build_pipeline
from faces.models.plain_deepface import PlainDeepFace
from faces.types import Engine

_EPILOG = """examples:
  python -m faces.evaluate classes ../shared/data/class_photos
  python -m faces.evaluate reliability ../shared/data --draw reliability.png
  python -m faces.evaluate pairs ../shared/data/lfw/images ../shared/data/lfw/pairsDevTest.txt --json
  python -m faces.evaluate small ../shared/data/people --people 200
  python -m faces.evaluate clusters ../shared/data/people
  python -m faces.evaluate threshold ../shared/data

The result goes to standard output, progress to standard error. Exit status: 0 measured, 2 error.
"""

Report = dict[str, Any]


def main(arguments: Sequence[str] | None = None, engine: Engine | None = None) -> int:
    """Run one evaluation and print it.

    Args:
        arguments: of the command line; those of the process when None.
        engine: measured in place of the one that the arguments name.
    """
    options = _parser().parse_args(arguments)
    try:
        engine = engine or _engine(options)
        threshold = engine.threshold_cosine if options.threshold is None else options.threshold
        measured = _MEASURES[options.measure](engine, options, threshold)
    except FaceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = {
        **measured,
        "model_id": engine.model_id,
        "detector": engine.detector_id,
        "threshold": measured.get("threshold", threshold),
    }
    print(json.dumps(report, indent=1) if options.json else _table(report))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m faces.evaluate",
        description="Measure the face engine on photos with truth beside them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="measure", required=True, metavar="MEASURE")
    for name, about in _ABOUT.items():
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("path", type=Path, metavar="PATH", help="folder laid out as in docs/recognition.md")
        if name == "pairs":
            command.add_argument("pairs_file", type=Path, metavar="PAIRS", help="pairs file in LFW's format")
        if name == "small":
            command.add_argument("--people", type=int, help="so many, chosen by a hash of the name (default: all)")
        if name == "groups":
            command.add_argument(
                "--confirm", type=int, metavar="K", help="also with the faces of K other photos confirmed by a teacher"
            )
        if name == "reliability":
            command.add_argument("--draw", type=Path, metavar="PNG", help="also draw the diagram into this file")
        if name == "threshold":
            command.add_argument("--max-false-marks", type=int, default=0, help="in all class photos (default 0)")
            command.add_argument(
                "--max-group-false-marks", type=int, default=0, help="in all sets of group photos (default 0)"
            )
        command.add_argument("--json", action="store_true", help="print one JSON object")
        command.add_argument("--model", help="recogniser (default: the one Rollcall uses)")
        command.add_argument("--detector", help="detector (default: the one Rollcall uses)")
        command.add_argument("--threshold", type=float, help="cosine similarity to accept at (default: the model's)")
        command.add_argument("--weights", type=Path, help="folder of the weights (default: the configured one)")
        command.add_argument(
            "--recipe",
            choices=("rollcall", "plain-deepface"),
            default="rollcall",
            help="plain-deepface: DeepFace.represent as it comes, for comparison (default detector: mtcnn)",
        )
    return parser


def _engine(options: argparse.Namespace) -> Engine:
    names = {"model": options.model, "detector": options.detector}
    chosen = {key: name for key, name in names.items() if name is not None}
    folder = weights.weights_dir() if options.weights is None else options.weights
    if options.recipe == "plain-deepface":
        return PlainDeepFace(folder, **chosen)
    if options.measure == "small":
        detector, recogniser = ([chosen[kind]] if kind in chosen else [] for kind in ("detector", "model"))
        return OpenPipeline(
            build_detector(*detector, weights_dir=folder), build_embedder(*recogniser, weights_dir=folder)
        )
    return build_pipeline(**chosen, weights_dir=folder)


def _reliability(engine: Engine, options: argparse.Namespace, threshold: float) -> Report:
    if options.draw is not None and not options.draw.parent.is_dir():
        # Said before minutes are spent on measuring.
        raise FaceError(f"{options.draw.parent} is no folder: the diagram has no place there.")
    measured = evaluate_reliability(engine, options.path, threshold_cosine=threshold)
    if options.draw is not None:
        draw_reliability(measured["bins"]).save(options.draw, "PNG")
    return measured


def _table(report: Report) -> str:
    """Lay a report out, a figure a line; a list of rows becomes columns below."""
    lines = []
    width = max(len(key) for key in report)
    for key, value in report.items():
        if not isinstance(value, list):
            lines.append(f"{key:<{width}}  {_figure(value)}")
    for value in report.values():
        if isinstance(value, list) and value:
            lines.append("")
            lines.append("  ".join(f"{column:>17}" for column in value[0]))
            lines.extend("  ".join(f"{_figure(cell):>17}" for cell in row.values()) for row in value)
    return "\n".join(lines)


def _figure(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_figure(part)}" for key, part in value.items())
    return str(value)


_ABOUT = {
    "classes": "Class photos against a roster with one selfie a student.",
    "reliability": "How often suggestions are right, by margin and by word, on all class photos below PATH.",
    "groups": "Real group photos, enrolled by one portrait a person.",
    "pairs": "Verification of pairs in LFW's format: PATH holds the pictures.",
    "detection": "Boxes found against boxes drawn by hand.",
    "small": "Faces shrunk to 16-24, 24-34 and 34-48 px against a clear enrolment; PATH holds a folder a person.",
    "clusters": "Pictures grouped without names, against one folder a person.",
    "threshold": "Choose the threshold from all class and group photos below PATH.",
}

_MEASURES: dict[str, Callable[[Engine, argparse.Namespace, float], Report]] = {
    "classes": lambda engine, options, threshold: evaluate_classes(engine, options.path, threshold_cosine=threshold),
    "reliability": _reliability,
    "groups": lambda engine, options, threshold: (
        evaluate_groups(engine, options.path, threshold_cosine=threshold)
        if options.confirm is None
        else evaluate_confirm(engine, options.path, threshold_cosine=threshold, confirm=options.confirm)
    ),
    "pairs": lambda engine, options, threshold: evaluate_pairs(
        engine, options.path, options.pairs_file, threshold_cosine=options.threshold
    ),
    "detection": lambda engine, options, threshold: evaluate_detection(engine, options.path),
    "small": lambda engine, options, threshold: evaluate_small(engine, options.path, people=options.people),
    "clusters": lambda engine, options, threshold: evaluate_clusters(
        engine, options.path, threshold_cosine=options.threshold
    ),
    "threshold": lambda engine, options, threshold: evaluate_threshold(
        engine,
        options.path,
        max_false_marks=options.max_false_marks,
        max_group_false_marks=options.max_group_false_marks,
    ),
}


if __name__ == "__main__":
    sys.exit(main())
