"""`manage.py sweep`: the sweeper."""

import itertools
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand

from attendance import sweeper

ROUNDS_PER_THOROUGH_ONE: Final = 60


class Command(BaseCommand):
    """Calls workers again for what is overdue, for ever; several copies may run."""

    help = (
        "Call workers again for work whose call was lost, fail what killed its workers, collect orphan files, and once "
        "a day forget what has been kept long enough."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--once``."""
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sweep until asked to stop."""
        if options["once"]:
            self.stdout.write(f"called workers for {sweeper.sweep()} rows")
            return
        stop = threading.Event()

        def ask_to_stop(number: int, frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ask_to_stop)
        for turn in itertools.count():
            sweeper.sweep_safely(thorough=turn % ROUNDS_PER_THOROUGH_ONE == 0)
            if stop.wait(settings.SWEEP_SECONDS):
                return
