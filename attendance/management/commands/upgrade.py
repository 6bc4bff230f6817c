"""`manage.py upgrade`: the database to this release, after a verified backup."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from attendance.services import backups
from attendance.services.backups import upgrading


class Command(BaseCommand):
    """Backs up, counts, migrates, counts again, and goes back if rows are gone."""

    help = (
        "Bring the database to this release: make and verify a backup, count the rows of each table, migrate, count "
        "again. If a table lost rows, all is rolled back. Instead of `migrate`, once a release."
    )
    requires_system_checks: list[str] = []  # as `migrate`: the machine that migrates needs no weights

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add where the backup goes, and ``--check``."""
        parser.add_argument(
            "--backups",
            metavar="DIR",
            type=Path,
            default=settings.DATA_DIR / "backups",
            help="default: DATA_DIR/backups",
        )
        parser.add_argument("--check", action="store_true", help="say what would happen; exit 1 if anything would")

    def handle(self, *args: Any, **options: Any) -> None:
        """Upgrade and print the table."""
        try:
            planned = upgrading.plan_upgrade()
            self._announce(planned)
            if options["check"]:
                raise SystemExit(1 if planned.pending else 0)
            done = upgrading.upgrade(planned, place=options["backups"].absolute(), say=self.stdout.write)
        except backups.BackupRefused as refused:
            raise CommandError(str(refused)) from None
        self._tell(done)

    def _announce(self, planned: upgrading.Upgrade) -> None:
        if not planned.pending:
            self.stdout.write("The database is of this release already.")
            return
        self.stdout.write(f"To apply: {len(planned.pending)} migrations" + (" to an empty database" * planned.is_new))
        for name in planned.pending:
            self.stdout.write(f"  {name}")
        if not planned.rolls_back:
            self.stdout.write("One of them cannot be rolled back: only the backup leads back from it.")

    def _tell(self, done: upgrading.Upgrade) -> None:
        if done.before:
            self.stdout.write(f"{'table':<40} {'before':>10} {'after':>10}")
        for table in sorted(done.before.keys() | done.after.keys() if done.before else ()):
            self.stdout.write(f"{table:<40} {done.before.get(table, '-'):>10} {done.after.get(table, '-'):>10}")
        if done.pending:
            self.stdout.write("Upgraded.")
