"""`manage.py set_face_model NAME`: another recogniser for the school."""

import time
from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from attendance import tasks
from attendance.models import FaceModelChange, WorkState
from attendance.services import model_change
from attendance.services.errors import ServiceError

EVERY_SECONDS: Final = 1.0
_AT_AN_END: Final = {WorkState.DONE, WorkState.FAILED, WorkState.CANCELLED}


class Command(BaseCommand):
    """Lets the workers embed all selfies anew; the old recogniser works until the last one is done."""

    help = "Re-embed all selfies with another recogniser in the background, and switch when done."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the name and ``--wait``."""
        parser.add_argument("name", help="such as sface, facenet or facenet512")
        parser.add_argument("--wait", action="store_true", help="show the progress until it is done")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the change, and follow it if asked to."""
        try:
            change = model_change.set_face_model(name=options["name"], by=None)
        except ServiceError as error:
            raise CommandError(str(error)) from error
        tasks.wake(change)
        if options["wait"]:
            self._follow(change)
        else:
            self.stdout.write(f"Started. The workers switch to {change.face_model} when all selfies are embedded anew.")

    def _follow(self, change: FaceModelChange) -> None:
        with tqdm(desc=change.face_model, unit="selfie", file=self.stderr) as bar:
            while change.state not in _AT_AN_END:
                time.sleep(EVERY_SECONDS)
                change.refresh_from_db()
                bar.total = change.total or None
                bar.update(change.done - bar.n)
        if change.state != WorkState.DONE:
            raise CommandError(change.failure_reason or "Another change took its place.")
        self.stdout.write(
            f"Switched to {change.face_model}: {change.done - len(change.skipped)} selfies embedded, "
            f"{len(change.skipped)} without a usable face for it."
        )
