"""`manage.py retention`: the daily forgetting, now."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from attendance.services import privacy


class Command(BaseCommand):
    """Deletes what has been kept long enough, and says how much that was."""

    help = "Delete photos, face templates and links that have been kept long enough, as the sweeper does once a day."

    def handle(self, *args: Any, **options: Any) -> None:
        """Forget and report."""
        for name, count in asdict(privacy.retention()).items():
            self.stdout.write(f"{name}: {count}")
