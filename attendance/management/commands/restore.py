"""`manage.py restore BACKUP`: a backup into an empty database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from attendance.services import backups
from attendance.services.erasures import Seal


class Command(BaseCommand):
    """Checks all, restores all or nothing, and forgets again whoever was forgotten since."""

    help = (
        "Restore a backup into an empty database, of either kind, and bring it up to this release. Everything is "
        "checked before anything is written."
    )
    requires_system_checks: list[str] = []  # an empty database beside stored photos is what this command mends

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add which backup and how."""
        parser.add_argument("backup", metavar="BACKUP", type=Path, help="a folder that `manage.py backup` made")
        parser.add_argument("--dry-run", action="store_true", help="check everything, write nothing")
        parser.add_argument("--replace", action="store_true", help="delete what is in the database; asks first")
        parser.add_argument("--yes", action="store_true", help="with --replace: do not ask")
        parser.add_argument(
            "--erasures",
            metavar="PATH",
            type=Path,
            action="append",
            default=[],
            help="a list of the forgotten, or a copy of DATA_DIR/erasures",
        )
        parser.add_argument(
            "--no-erasures-known", action="store_true", help="restore without any list of whom was erased since"
        )
        parser.add_argument(
            "--unsealed-erasures",
            action="store_true",
            help="take entries of the list that have no seal, as releases before the seals wrote them",
        )

    def handle(self, *args: Any, backup: Path, **options: Any) -> None:
        """Check, ask, restore and report."""
        try:
            planned = backups.plan(
                backup.absolute(),
                lists=options["erasures"],
                no_erasures_known=options["no_erasures_known"],
                unsealed_erasures=options["unsealed_erasures"],
                replace=options["replace"],
            )
            self._tell(planned)
            if options["dry_run"]:
                self.stdout.write("Nothing was written.")
                return
            if not planned.is_empty and not options["yes"]:
                self._ask()
            settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)  # a new machine has none yet
            self._report(backups.restore(backup.absolute(), planned))
        except backups.BackupRefused as refused:
            raise CommandError(str(refused)) from None

    def _tell(self, planned: backups.Plan) -> None:
        manifest = planned.manifest
        self.stdout.write(
            f"Backup of {manifest.made_at:%Y-%m-%d %H:%M:%S %Z} from {manifest.database}: "
            f"{sum(manifest.counts.values())} rows, {len(manifest.files)} files, {manifest.size / 1e6:.1f} MB. "
            "Every hash is right and the key opens it."
        )
        without = sum(entry.seal is Seal.NONE for entry in planned.erasures)
        unsealed = f" ({without} without a seal)" if without else ""
        ends = (
            "it is empty" if planned.list_ends_at is None else f"the last of {planned.list_ends_at:%Y-%m-%d %H:%M} UTC"
        )
        self.stdout.write(
            f"List of the forgotten: {len(planned.erasures)} entries{unsealed}, {ends}. Whoever was erased or withdrew "
            "after the list was last copied must be erased again by hand."
        )

    def _ask(self) -> None:
        self.stdout.write("The database is not empty. All that is in it will be DELETED and replaced by the backup.")
        if input("Type DELETE to go on: ").strip() != "DELETE":
            raise CommandError("Nothing was touched.")

    def _report(self, done: backups.Restored) -> None:
        for table, count in sorted(done.rows.items()):
            self.stdout.write(f"  {table:<40} {count:>10}")
        self.stdout.write(
            f"Restored {sum(done.rows.values())} rows and {done.files} files. {done.requeued} pieces of work wait "
            f"for a worker, {done.forgotten} entries of the list were applied, {done.orphans} files have no row."
        )
        for line in done.without_file:
            self.stderr.write(line)
        self.stdout.write("Everybody signs in again, and API tokens are made anew.")
