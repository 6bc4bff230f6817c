"""Two releases on one database, as in a rolling upgrade: the older one stops working once the newer has migrated."""

import pkgutil
from typing import Final

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from attendance import migrations
from attendance.services.errors import EngineNotReady

# Read when the process starts: an upgrade in place puts the newer files under a process that runs the older code.
_KNOWN: Final = frozenset(module.name for module in pkgutil.iter_modules(migrations.__path__))


def is_outdated() -> bool:
    """Whether the database has been migrated by a release that knows more than this code."""
    applied = MigrationRecorder(connection).migration_qs.filter(app="attendance")
    return applied.exclude(name__in=_KNOWN).exists()


def require_current() -> None:
    """Refuse background work whose result a newer release may not be able to read.

    Raises:
        EngineNotReady: a newer release has migrated the database.
    """
    if is_outdated():
        raise EngineNotReady(_("A newer release has upgraded the database: this process must be replaced by it."))
