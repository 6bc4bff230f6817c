"""`manage.py rebuild_gallery`: all templates anew, with the recogniser that stands."""

from typing import Any

from django.core.management.base import BaseCommand

from attendance import tasks
from attendance.services import model_change


class Command(BaseCommand):
    """Lets the workers make again every template that is missing, such as after a restored backup."""

    help = "Make the templates of accepted selfies that have none of the school's recogniser (in the background)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Start it."""
        change = model_change.rebuild_gallery(by=None)
        tasks.wake(change)
        self.stdout.write("Started. The workers make the missing templates; photos can be recognised meanwhile.")
