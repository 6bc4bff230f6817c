"""``python -m faces.train DATA --out NAME``."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from faces import weights
from faces.errors import FaceError
from faces.models import build_detector, is_taken
from faces.models.backbones import BACKBONES
from faces.models.trained import frozen_recognisers
from faces.train.card import figures_table
from faces.train.fit import Fitting
from faces.train.run import Order, restart, run_full, run_head
from faces.train.sampling import BatchShape
from faces.types import Detector, Embedder

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LEARNING_RATE: Final = {"head": 1e-4, "full": 1e-3}
_STEPS: Final = {"head": 1500, "full": 20_000}
_SHAPE: Final = {"head": (48, 8), "full": (24, 4)}
_EPILOG = """examples:
  python -m faces.train ../shared/data/people --out people-head
  python -m faces.train ../shared/data/people --out own --mode full --backbone nn4-small
  python -m faces.evaluate classes ../shared/data/class_photos --model people-head

NAME.npz or NAME.weights.h5, NAME.json and the card NAME.md go into the weights folder; FACE_MODEL=NAME takes it.
NAME.train/ beside them holds checkpoints and cached embeddings: an interrupted run goes on from there.
Exit status: 0 trained, 2 error.
"""


def main(
    arguments: Sequence[str] | None = None,
    *,
    detector: Detector | None = None,
    recognisers: Sequence[Embedder] | None = None,
) -> int:
    """Train a recogniser, measure it on other people, and write it with its card.

    Args:
        arguments: of the command line; those of the process when None.
        detector: in place of the one that the arguments name.
        recognisers: in place of SFace and dlib's network.
    """
    options = _parser().parse_args(arguments)
    try:
        order = _order(options)
        if options.restart:
            restart(order)
        order.folder.mkdir(parents=True, exist_ok=True)
        finder = detector or build_detector(options.detector, weights_dir=order.folder)
        frozen: Callable[[], Sequence[Embedder]] = lambda: recognisers or frozen_recognisers(order.folder)  # noqa: E731
        recipe, figures = run_full(order, finder) if options.mode == "full" else run_head(order, finder, frozen)
    except FaceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{order.folder / order.name}.json: SHA-256 {recipe.sha256}, threshold {recipe.threshold_cosine}")
    print(f"Share of probes accepted at FAR 0.1 % and 0.01 %, people never learned from:\n\n{figures_table(figures)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m faces.train",
        description="Train a recogniser with triplets (Schroff et al. 2015, section 3).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder a person, two photographs each at least")
    parser.add_argument("--out", required=True, metavar="NAME", help="what FACE_MODEL will call it")
    parser.add_argument(
        "--mode", choices=("head", "full"), default="head", help="head: on frozen recognisers (default)"
    )
    parser.add_argument("--backbone", choices=tuple(BACKBONES), default="nn4-small", help="network of the mode full")
    parser.add_argument("--seed", type=int, default=0, help="of sampling, augmentation and first weights (default 0)")
    parser.add_argument("--steps", type=int, help="batches in all (default: 1500, full 20000)")
    parser.add_argument("--learning-rate", type=float, help="of Adam (default: 1e-4, full 1e-3)")
    parser.add_argument("--batch", type=int, nargs=2, metavar=("P", "K"), help="people, pictures of each")
    parser.add_argument(
        "--copies", type=int, default=2, help="degraded copies beside the three bands (head, default 2)"
    )
    parser.add_argument("--people", type=int, help="so many, chosen by a hash of the name (default: all)")
    parser.add_argument("--checkpoint-every", type=int, default=200, metavar="STEPS", help="(default 200)")
    parser.add_argument("--restart", action="store_true", help="forget the checkpoints of an earlier run")
    parser.add_argument("--weights", type=Path, help="folder of the weights, and of the result")
    parser.add_argument("--detector", default="yunet", help="finds the faces (default yunet)")
    return parser


def _order(options: argparse.Namespace) -> Order:
    if _NAME.fullmatch(options.out) is None:
        raise FaceError("A name has letters, digits, dots, dashes and underscores, 64 at most.")
    if is_taken(options.out):
        raise FaceError(f"{options.out} is a name of Rollcall's own: choose another.")
    steps = _STEPS[options.mode] if options.steps is None else options.steps
    rate = _LEARNING_RATE[options.mode] if options.learning_rate is None else options.learning_rate
    people, pictures = _SHAPE[options.mode] if options.batch is None else options.batch
    if min(steps, options.checkpoint_every) < 1 or rate <= 0 or min(people, pictures) < 2:
        raise FaceError("Steps and learning rate are positive; a batch has 2 people with 2 pictures each at least.")
    return Order(
        data=options.data,
        name=options.out,
        folder=weights.weights_dir() if options.weights is None else options.weights,
        fitting=Fitting(steps, rate, options.checkpoint_every),
        shape=BatchShape(people, pictures),
        seed=options.seed,
        people=options.people,
        copies=options.copies,
        backbone=options.backbone if options.mode == "full" else "",
    )


if __name__ == "__main__":
    sys.exit(main())
