"""`manage.py backup DIR`: a verified backup while the site runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from attendance.services import backups


class Command(BaseCommand):
    """Copies one moment of the database and the private files, reads all of it again, and only then names it."""

    help = (
        "Back up the database and the private files into DIR, while the site runs. MASTER_KEY is not in it: without "
        "that key nobody can open a selfie or a face template, so keep a copy of it somewhere else."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add where to, and how many to keep."""
        parser.add_argument("folder", metavar="DIR", type=Path, help="the folder of all backups")
        parser.add_argument("--keep", type=int, metavar="N", help="keep the N newest, delete older ones (default: all)")

    def handle(self, *args: Any, folder: Path, keep: int | None, **options: Any) -> None:
        """Back up and report."""
        if keep is not None and keep < 1:
            raise CommandError("--keep must be 1 at least.")
        try:
            made = backups.make_backup(folder.absolute(), keep=keep)
            manifest = backups.read_manifest(made)  # verified before it got its name
        except backups.BackupRefused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(
            f"{made}: {sum(manifest.counts.values())} rows in {len(manifest.counts)} tables, "
            f"{len(manifest.files)} files, {manifest.size / 1e6:.1f} MB, verified."
        )
        for name in manifest.missing:
            self.stderr.write(f"not there when its turn came: {name}")
        self.stdout.write("MASTER_KEY is not in it. Keep the key too, and keep it apart from the backups.")
