"""`manage.py set_face_model NAME`: another recogniser for the school."""

import time
from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from attendance import tasks
from attendance.models import UNFINISHED, FaceModelChange, MarkDifference, WorkState
from attendance.services import model_change
from attendance.services.errors import ServiceError

EVERY_SECONDS: Final = 1.0
_AT_AN_END: Final = {WorkState.DONE, WorkState.FAILED, WorkState.CANCELLED}


class Command(BaseCommand):
    """Lets the workers embed all selfies anew and compare recent photos; the old recogniser works until the switch."""

    help = (
        "Re-embed all selfies with another recogniser in the background, compare both on recent class photos, and "
        "switch: when done, or with --hold when --switch says so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the name and what to do."""
        parser.add_argument("name", nargs="?", help="such as sface-dlib, sface or Facenet512")
        end = parser.add_mutually_exclusive_group()
        end.add_argument("--when-done", action="store_true", help="switch by itself when all is done (the default)")
        end.add_argument("--hold", action="store_true", help="wait for --switch, or for an admin on the page")
        end.add_argument("--switch", action="store_true", help="switch now to the model that waits")
        end.add_argument("--status", action="store_true", help="print progress, differing marks and receipt")
        parser.add_argument("--wait", action="store_true", help="show the progress until it is done")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the change, switch it or tell how it stands."""
        if options["status"]:
            self._tell()
            return
        try:
            change = self._switched() if options["switch"] else self._started(options)
        except ServiceError as error:
            raise CommandError(str(error)) from error
        tasks.wake(change)
        if options["wait"]:
            self._follow(change)
        elif not change.when_done:
            self.stdout.write("Started. See `set_face_model --status`, then run `set_face_model --switch`.")
        else:
            self.stdout.write(f"Started. The workers switch to {change.face_model} when all selfies are embedded anew.")

    def _started(self, options: dict[str, Any]) -> FaceModelChange:
        if not options["name"]:
            raise CommandError("Name a face model.")
        return model_change.set_face_model(name=options["name"], by=None, when_done=not options["hold"])

    def _switched(self) -> FaceModelChange:
        change = model_change.latest_change()
        if change is None:
            raise CommandError("There is no change of the face model to switch.")
        return model_change.switch(change=change, by=None)

    def _follow(self, change: FaceModelChange) -> None:
        with tqdm(desc=change.face_model, unit="selfie", file=self.stderr) as bar:
            while change.state not in _AT_AN_END and (change.when_done or change.ready_at is None):
                time.sleep(EVERY_SECONDS)
                change.refresh_from_db()
                bar.total = change.total or None
                bar.update(change.done - bar.n)
        if change.state in UNFINISHED:
            self._tell()
            return
        if change.state != WorkState.DONE:
            raise CommandError(change.failure_reason or "Another change took its place.")
        self.stdout.write(
            f"Switched to {change.face_model}: {change.done - len(change.skipped)} selfies embedded, "
            f"{len(change.skipped)} without a usable face for it."
        )

    def _tell(self) -> None:
        change = model_change.latest_change()
        if change is None:
            self.stdout.write("The face model was never changed.")
            return
        self.stdout.write(f"Change to {change.face_model}: {_stage(change)}")
        self.stdout.write(
            f"{change.done} of {change.total} selfies embedded, {len(change.skipped)} without a usable face; "
            f"{change.photos_done} of {change.photos_total} recent photos compared."
        )
        differences = change.differences.select_related("session__course", "student")
        self.stdout.write(f"{len(differences)} marks would differ." if change.switched_at is None else _receipt(change))
        for one in differences:
            self.stdout.write(f"  {_line(one)}")


def _stage(change: FaceModelChange) -> str:
    if change.state not in UNFINISHED:
        return f"{WorkState(change.state).label}. {change.failure_reason}".strip()
    if change.ready_at is None:
        return "at work."
    return "ready; switching." if change.when_done else "ready; waiting for --switch."


def _receipt(change: FaceModelChange) -> str:
    who = "the command line" if change.switched_by is None else change.switched_by.username
    return (
        f"Switched {change.switched_at:%Y-%m-%d %H:%M} by {who}: {change.removed_templates} templates and "
        f"{change.removed_probes} faces' vectors of {change.removed_model_id or 'the former recipe'} deleted."
    )


def _line(one: MarkDifference) -> str:
    standing = f"{one.standing} {one.source}".strip() or "not seen"
    return (
        f"{one.session.held_on} {one.session.course.name}, {one.student.name}: {standing}; "
        f"{one.old_outcome}{_similarity(one.old_similarity)} -> {one.new_outcome}{_similarity(one.new_similarity)}"
    )


def _similarity(value: float | None) -> str:
    return "" if value is None else f" {value:.2f}"
