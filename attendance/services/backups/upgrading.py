"""From one release to the next: a verified backup, rows counted, migrated in one transaction, rows counted again.

A migration that means to remove rows says of which tables: ``may_lose_rows = ("attendance_uploadkey",)``.
"""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from attendance.services import erasures, files
from attendance.services.backups import mending
from attendance.services.backups.folder import BackupRefused
from attendance.services.backups.making import drop_old_upgrades, make_backup
from attendance.services.backups.tables import applied_migrations, count_rows, models_at


@dataclass(slots=True)
class Upgrade:
    """What an upgrade does, and did.

    Attributes:
        pending: migrations to apply, such as ``attendance.0012_more``.
        is_new: whether there is nothing yet that could be lost.
        rolls_back: whether a failure leaves the database as it was.
        may_lose: tables of which the migrations say that they remove rows.
        backup: the verified backup that was made.
        before: rows by table.
        after: rows by table.
    """

    pending: list[str]
    is_new: bool
    rolls_back: bool
    may_lose: frozenset[str]
    backup: Path | None = None
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> dict[str, int]:
        """Rows that are gone without a migration's word, by table."""
        gone = {table: count - self.after.get(table, 0) for table, count in self.before.items()}
        return {table: count for table, count in gone.items() if count > 0 and table not in self.may_lose}


class UpgradeFailed(BackupRefused):
    """The database could not be brought to this release; the text says what to do."""


def plan_upgrade() -> Upgrade:
    """Say what an upgrade would do, without doing it.

    Raises:
        BackupRefused: a newer release is at work, or it is the wrong database.
    """
    if files.rows_are_missing():
        raise BackupRefused(files.WRONG_DATABASE)
    applied = applied_migrations()
    executor = MigrationExecutor(connection)
    steps: list[Migration] = [step for step, _back in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    return Upgrade(
        pending=[f"{step.app_label}.{step.name}" for step in steps],
        is_new=not applied,
        rolls_back=all(step.atomic for step in steps),
        may_lose=frozenset(table for step in steps for table in getattr(step, "may_lose_rows", ())),
    )


def upgrade(planned: Upgrade, *, place: Path, say: Callable[[str], Any]) -> Upgrade:
    """Back up, count, migrate, count; the site may run meanwhile, and waits while a table changes.

    Args:
        planned: by ``plan_upgrade``.
        place: the folder of all backups.
        say: takes a line about each step.

    Raises:
        BackupRefused: no backup could be made; nothing was changed.
        UpgradeFailed: a migration broke, or rows are gone.
    """
    if planned.pending and not planned.is_new:
        planned.backup = make_backup(place, of_upgrade=True)
        say(f"Backup made and verified: {planned.backup}")
    try:
        _migrate(planned)
    except Exception as error:  # whatever a migration's own code may raise: the way back must be told
        raise UpgradeFailed(_way_back(planned, str(error).strip() or type(error).__name__)) from error
    if planned.lost:
        raise UpgradeFailed(_way_back(planned, _lost(planned)))
    call_command("migrate", interactive=False, verbosity=0)  # kinds of rows and permissions of this release
    erasures.installation_id()  # made here, where nothing else runs yet
    if not planned.is_new:
        _seal_older(say)
    if planned.backup is not None:
        _drop_old(place, say)
    return planned


def _seal_older(say: Callable[[str], Any]) -> None:
    """Put the seal on what releases before the seals have written, as far as the database bears it out."""
    done = erasures.seal_kept(holds=mending.holds)
    if done.sealed:
        say(f"{done.sealed} entries of the list of the forgotten got the master key's seal.")
    if done.left:
        say(
            f"{done.left} entries of the list of the forgotten have no seal of this master key, and the database does "
            "not bear them out: a restore will refuse them. See docs/operations.md, Whoever was erased stays erased."
        )


def _drop_old(place: Path, say: Callable[[str], Any]) -> None:
    """Remove older upgrades' backups, now that this one has come to its end: nobody has to go back to them."""
    with suppress(BackupRefused):  # a nightly backup is at work there: the next upgrade removes them
        if gone := drop_old_upgrades(place, keep=settings.UPGRADE_BACKUPS_KEPT):
            say(f"{gone} older backups that upgrades had made are deleted (UPGRADE_BACKUPS_KEPT).")


class _RowsLost(Exception):
    """Ends the transaction in which rows went."""


def _migrate(planned: Upgrade) -> None:
    if planned.is_new or not planned.pending:
        return
    connection.disable_constraint_checking()  # SQLite copies a table to change it
    try:
        with transaction.atomic() if planned.rolls_back else nullcontext():
            planned.before = count_rows(models_at(applied_migrations()))
            executor = MigrationExecutor(connection)
            executor.migrate(executor.loader.graph.leaf_nodes())
            planned.after = count_rows(models_at(applied_migrations()))
            if planned.lost and planned.rolls_back:
                raise _RowsLost
    except _RowsLost:
        return
    finally:
        connection.enable_constraint_checking()


def _lost(planned: Upgrade) -> str:
    return "rows are gone: " + ", ".join(f"{count} of {table}" for table, count in planned.lost.items())


def _way_back(planned: Upgrade, what: str) -> str:
    if planned.rolls_back:
        return (
            f"The upgrade failed ({what}). All was rolled back: the database is as it was, and the release before "
            f"goes on. Should it not: manage.py restore {planned.backup} --replace"
        )
    return (
        f"The upgrade failed ({what}) in a migration that cannot be rolled back. Stop the site, go back to the release "
        f"before, and run: manage.py restore {planned.backup} --replace"
    )
