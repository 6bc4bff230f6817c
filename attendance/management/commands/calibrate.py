"""`manage.py calibrate`: the threshold of a recogniser, to a stated rate of errors."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from attendance.models import FaceCalibration
from attendance.services import calibrating, engine, face_model
from attendance.services.calibrating import Scores
from attendance.services.errors import ServiceError

DEFAULT_RATE: Final = 0.0005
Kind = FaceCalibration.Kind


class Command(BaseCommand):
    """Chooses the lowest threshold that keeps the rate, says what it rests on, and stores it."""

    help = (
        "Choose a recogniser's threshold so that a stated rate of errors is kept: from the faces that teachers "
        "confirmed in open sessions, or from a file of pairs. MATCH_THRESHOLD_COSINE, where set, goes before it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add where the scores come from and the rate."""
        parser.add_argument("--model", help="name of the recogniser (default: the school's)")
        origin = parser.add_mutually_exclusive_group(required=True)
        origin.add_argument("--pairs", type=Path, metavar="FILE", help="pairs file in LFW's format; needs --images")
        origin.add_argument("--from-sessions", action="store_true", help="faces that teachers confirmed")
        parser.add_argument("--images", type=Path, metavar="DIR", help="NAME/NAME_0001.jpg and so on")
        rate = parser.add_mutually_exclusive_group()
        rate.add_argument(
            "--fpir",
            type=float,
            help=f"share of searches of a roster that name a wrong person (default {DEFAULT_RATE})",
        )
        rate.add_argument(
            "--false-accept-rate", type=float, help="share of comparisons of two people that are accepted"
        )
        parser.add_argument(
            "--roster-size",
            type=int,
            help=f"people on that roster (default: the largest seen, with --pairs {calibrating.CLASS_SIZE})",
        )
        parser.add_argument("--dry-run", action="store_true", help="print the result and store nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Calibrate, print, store."""
        far, fpir = options["false_accept_rate"], options["fpir"]
        try:
            found = calibrating.calibrated(
                self._scores(options),
                rate=far if far is not None else DEFAULT_RATE if fpir is None else fpir,
                kind=Kind.SEARCHES if far is None else Kind.COMPARISONS,
                gallery_size=options["roster_size"],
            )
            self.stdout.write(_told(found))
            if options["dry_run"]:
                self.stdout.write("Nothing was stored.")
            else:
                calibrating.store(found, by=None)
                self.stdout.write("Stored: photos are decided on with it from now on.")
        except ServiceError as error:
            raise CommandError(str(error)) from error

    def _scores(self, options: dict[str, Any]) -> Scores:
        name = face_model.active_recogniser() if options["model"] is None else options["model"]
        if options["pairs"] is not None:
            if options["images"] is None:
                raise CommandError("--pairs needs --images, the folder of the pictures.")
            return calibrating.scores_of_pairs(
                engine.pipeline(name), images=options["images"], pairs_file=options["pairs"]
            )
        if name != face_model.active_recogniser():
            raise CommandError(
                f"The faces of the sessions were embedded by {face_model.active_recogniser()}: "
                f"{name} can be calibrated with --pairs, or after a change to it."
            )
        return calibrating.scores_of_sessions()


def _told(found: FaceCalibration) -> str:
    of = f"searches of {found.gallery_size} people" if found.kind == Kind.SEARCHES else "comparisons"
    accepted = f"{found.accepted_impostors} of {found.impostors} comparisons of different people accepted"
    genuine = f"{found.genuine - found.rejected_genuine} of {found.genuine} of the same person accepted"
    return (
        f"{found.model_id}: threshold {found.threshold_cosine:.4f} for a rate of {found.rate:g} of {of}.\n"
        f"{accepted} (true rate at most {found.rate_upper:.2g}, at 95 % confidence); {genuine}."
    )
