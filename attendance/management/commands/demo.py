"""`manage.py demo`: fill the school with something to try."""

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from attendance.services import demo
from attendance.services.errors import ServiceError


class Command(BaseCommand):
    """Loads the shipped demo school, or folders laid out like it. Doing it twice adds only what is missing."""

    help = "Load the demo school, or folders with roster/<First_Last>.jpg and photo-*.jpg, and print the demo logins."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the folder, the photos and the logins."""
        parser.add_argument(
            "--from", dest="directory", type=Path, default=demo.SHIPPED, help="a class folder, or a folder of them"
        )
        parser.add_argument("--with-photos", action="store_true", help="queue the class photos in today's session")
        parser.add_argument(
            "--with-logins",
            action="store_true",
            help="give new demo accounts the demo password, outside DEBUG too; everybody knows it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load each folder; the sweeper hands the queued pictures to a worker."""
        try:
            folders = demo.demo_folders(options["directory"])
            logins = demo.make_logins(with_password=options["with_logins"] or settings.DEBUG)
            for folder in folders:
                self._tell(demo.load_demo(directory=folder, with_photos=options["with_photos"]))
        except ServiceError as error:
            raise CommandError(str(error)) from None
        for login in logins:
            self.stdout.write(f"{login.role.label}: {login.username} / {login.password}")

    def _tell(self, loaded: demo.DemoCourse) -> None:
        self.stdout.write(
            f"{loaded.course}: {loaded.students} students, {loaded.selfies} selfies and {loaded.photos} class photos "
            "queued."
        )
        for name, sentence in loaded.refused:
            self.stderr.write(f"{name}: {sentence}")
