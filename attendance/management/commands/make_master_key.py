"""`manage.py make_master_key`: a new master key."""

import base64
import secrets
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Prints a key for ``MASTER_KEY``."""

    help = "Print a new master key: 32 random bytes in base64. Keep it apart from the backups."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the key and nothing else, so that it can be piped."""
        self.stdout.write(base64.b64encode(secrets.token_bytes(32)).decode())
