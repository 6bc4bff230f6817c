"""`manage.py rotate_master_key`: everything under today's master key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from attendance.services import erasures, keys
from attendance.services.sealing import SealBroken


class Command(BaseCommand):
    """Wraps all data keys again; pictures and templates stay as they are."""

    help = (
        "Wrap all data keys with MASTER_KEY, and seal the list of the forgotten with it. The keys that it replaced "
        "stand in OLD_MASTER_KEYS until this and a backup have run."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Wrap again, all or nothing."""
        try:
            count = keys.rewrap_all()
        except SealBroken as error:
            raise CommandError(f"{error} Put the replaced key into OLD_MASTER_KEYS; nothing was changed.") from error
        sealed = erasures.seal_kept().sealed
        self.stdout.write(
            f"{count} data keys are wrapped and {sealed} entries of the list of the forgotten sealed with MASTER_KEY "
            "now. OLD_MASTER_KEYS can be emptied after the next backup, which seals the list beside the backups too."
        )
