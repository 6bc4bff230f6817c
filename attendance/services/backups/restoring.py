"""Bringing a backup back: everything is checked before anything is written, files come first, rows in one transaction.

Interrupted anywhere, the database is as it was; beside stored photos an empty one refuses to start, and the same
command begins again.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.core.files.base import File
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from attendance.models import Heartbeat, Student
from attendance.services import erasures, heartbeats, keys
from attendance.services.audit import record_event
from attendance.services.backups import mending, tables
from attendance.services.backups.folder import BackupRefused, Manifest, read_table, verify
from attendance.services.backups.making import summary
from attendance.services.erasures import Erasure, Seal
from attendance.services.sealing import KeyNotAtHand
from attendance.storage import private_storage

_MADE_BY_DJANGO: Final = frozenset({"django_content_type", "auth_permission"})
_MAY_BE_THERE: Final = frozenset(
    {*_MADE_BY_DJANGO, "django_migrations", "attendance_heartbeat", "attendance_schoolsettings", "sqlite_sequence"}
)
ALIVE_SECONDS: Final = 60
WHICH_LIST: Final = (
    "Give the list with --erasures PATH. With --no-erasures-known you say that nobody else was forgotten, or that you "
    "will erase them again by hand, at once."
)
NO_LIST: Final = (
    "No list of the forgotten lies beside this backup or in this site's storage. Whoever was erased or withdrew "
    "consent after the backup was made would come back, which the law forbids. " + WHICH_LIST
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore will do.

    Attributes:
        manifest: of the verified backup.
        erasures: those of the same installation, oldest first.
        list_ends_at: when the list was last added to; None where it is empty.
        is_empty: whether the database has no rows yet.
    """

    manifest: Manifest
    erasures: list[Erasure]
    list_ends_at: dt.datetime | None
    is_empty: bool


@dataclass(slots=True)
class Restored:
    """What a restore did.

    Attributes:
        rows: by table, as loaded.
        files: how many were put into the storage; those that lay there already are left.
        without_file: rows whose file the backup does not have, and what became of them.
        orphans: files in the storage that no row names; the sweeper removes them.
        requeued: unfinished work that workers begin anew.
        forgotten: how many entries of the list had to be applied.
    """

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    without_file: list[str] = field(default_factory=list)
    orphans: int = 0
    requeued: int = 0
    forgotten: int = 0


def plan(
    folder: Path,
    *,
    lists: list[Path],
    no_erasures_known: bool = False,
    unsealed_erasures: bool = False,
    replace: bool = False,
) -> Plan:
    """Check everything that can be checked before a byte is written; not even an empty database is made.

    Args:
        folder: the backup.
        lists: further lists of the forgotten; the ones beside the backup and in the storage are always read.
        no_erasures_known: go on without any list; entries under the seal are applied all the same.
        unsealed_erasures: take entries that have no seal, as older releases wrote them.
        replace: take a database that has rows; they will be gone.

    Raises:
        BackupRefused: with the first reason and what to do.
    """
    manifest = verify(folder)
    known = MigrationLoader(None).disk_migrations
    newer = [name for app, name in manifest.migrations if (app, name) not in known]
    if newer:
        raise BackupRefused(f"The backup is of a newer release (migration {newer[-1]}): restore it with that one.")
    if set(manifest.counts) != set(tables.models_at(manifest.migrations)):
        raise BackupRefused("The backup's tables are not those that its migrations make.")
    _require_keys(folder)
    rows = _first_table_with_rows()
    if rows is not None and not replace:
        raise BackupRefused(f"The database is not empty ({rows}): name an empty one, or say --replace.")
    if rows is not None:
        _require_stopped()
    wanted = {Seal.OURS, Seal.NONE} if unsealed_erasures else {Seal.OURS}
    every = _erasures(folder, lists)
    entries = [entry for entry in every if entry.seal in wanted]
    if not no_erasures_known:
        _require_seals([entry for entry in every if entry.seal not in wanted])
        _require_whole_list(folder, lists, entries, manifest)
    found = [entry for entry in entries if entry.installation == manifest.installation]
    return Plan(manifest, found, found[-1].at if found else None, rows is None)


def restore(folder: Path, planned: Plan) -> Restored:
    """Do what was planned."""
    done = Restored(files=_put_files(folder, planned.manifest))
    with _one_transaction():
        _drop_everything()
        done.rows = _load(folder, planned.manifest)
        _migrate(None)
        done.without_file = mending.mark_missing(planned.manifest.missing)
        done.requeued = mending.requeue_unfinished()
        erasures.adopt(planned.manifest.installation)  # a backup of before holds none, and the next line writes entries
        done.forgotten = mending.forget_again(planned.erasures)
        _set_counters(planned.erasures)
        record_event(
            actor=None,
            action="backup.restored",
            object_type="school",
            object_id=1,
            new={"made_at": planned.manifest.made_at.isoformat(), "forgotten": done.forgotten},
        )
        _tell_of_backup(folder, planned.manifest)
        # Last: if the load breaks, the old database keeps its own.
        erasures.adopt_beside_files(planned.manifest.installation)
    call_command("migrate", interactive=False, verbosity=0)  # new kinds of rows and permissions of this release
    done.orphans = mending.count_orphans()
    return done


def _tell_of_backup(folder: Path, manifest: Manifest) -> None:
    """Let the database know of the backup that it comes from: it is as old as that one, and one was made."""
    heartbeats.beat(heartbeats.BACKUP, detail={**summary(folder, manifest), "restored": True})
    Heartbeat.objects.filter(kind=heartbeats.BACKUP).update(at=manifest.made_at)


def _require_keys(folder: Path) -> None:
    """See that the master keys at hand open every data key in the backup."""
    for table, opener in (
        ("attendance_student", keys.open_student_key),
        ("attendance_classsession", keys.open_session_key),
    ):
        lines = read_table(folder, table)
        columns = next(lines)
        pk, wrapped = columns.index("id"), columns.index("wrapped_key")
        try:
            for row in lines:
                if row[wrapped] is not None:
                    opener(tables.from_text(row[wrapped]), row[pk])
        except KeyNotAtHand as error:
            raise BackupRefused(f"{error} Put the right one into MASTER_KEY or OLD_MASTER_KEYS.") from error


def _first_table_with_rows() -> str | None:
    """Name a table that has rows of a school's own."""
    if connection.vendor == "sqlite" and not _has_bytes(Path(connection.settings_dict["NAME"])):
        return None  # whoever opens it makes it
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for table in sorted(set(connection.introspection.table_names(cursor)) - _MAY_BE_THERE):
            cursor.execute(f"SELECT 1 FROM {quote(table)} LIMIT 1")  # noqa: S608  a table's quoted name
            if cursor.fetchone() is not None:
                return table
    return None


def _has_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _require_stopped() -> None:
    if Heartbeat._meta.db_table not in connection.introspection.table_names():
        return
    for kind in (heartbeats.WORKER, heartbeats.SWEEPER):
        alive = heartbeats.alive(kind, within_seconds=ALIVE_SECONDS).first()
        if alive is not None:
            raise BackupRefused(f"The site is running ({alive.name}): stop it, wait a minute, then restore.")


def _copies(folder: Path, lists: list[Path]) -> list[Path]:
    beside = folder.parent / erasures.LIST_NAME
    return [*([beside] if beside.exists() else []), *lists]


def _require_seals(entries: list[Erasure]) -> None:
    """Refuse entries that do not carry our seal.

    Raises:
        BackupRefused: there are some.
    """
    foreign = [entry for entry in entries if entry.seal is Seal.FOREIGN]
    if foreign:
        raise BackupRefused(
            f"{len(foreign)} entries of the list of the forgotten, such as {_named(foreign[0])}, do not carry this "
            "master key's seal: they were changed, or written by somebody without the key, or MASTER_KEY is not the "
            "one of that day (put that one into OLD_MASTER_KEYS). Nothing was touched."
        )
    if entries:
        raise BackupRefused(
            f"{len(entries)} entries of the list of the forgotten, such as {_named(entries[0])}, carry no seal: a "
            "release before the seals wrote them, or somebody without the master key. If you trust the place where "
            "they lay, say --unsealed-erasures; else put them aside. Nothing was touched."
        )


def _named(entry: Erasure) -> str:
    return f"{entry.uid} ({entry.kind}, {entry.at:%Y-%m-%d %H:%M} UTC)"


def _require_whole_list(folder: Path, lists: list[Path], found: list[Erasure], manifest: Manifest) -> None:
    """Refuse to go on where somebody may have been forgotten of whom the lists at hand do not tell.

    Raises:
        BackupRefused: there is no list, it was longer once, or it tells of people under another installation's id.
    """
    if not _copies(folder, lists) and not found:
        raise BackupRefused(NO_LIST)
    if len(found) < manifest.forgotten:
        raise BackupRefused(
            f"The list of the forgotten had {manifest.forgotten} entries when the backup was made, and {len(found)} "
            f"are here: it was cut or lies elsewhere. {WHICH_LIST}"
        )
    others = sum(entry.installation != manifest.installation for entry in found)
    if others:
        raise BackupRefused(
            f"{others} entries of the list are of another installation than the backup: another school's, or this "
            f"one's after its folder of erasures was lost. Nobody can tell whom they name. {WHICH_LIST}"
        )


def _erasures(folder: Path, lists: list[Path]) -> list[Erasure]:
    """Give all entries that are known, oldest first."""
    try:
        copies = [entry for path in _copies(folder, lists) for entry in erasures.read_copy(path)]
        return erasures.merged([*erasures.kept_here(), *copies])
    except (OSError, ValueError, KeyError) as error:
        raise BackupRefused(
            f"A list of the forgotten cannot be read, and no part of it may be left out: {error}"
        ) from error


def _put_files(folder: Path, manifest: Manifest) -> int:
    """Copy the files into the storage under their own names; equal ones are left."""
    storage, put = private_storage(), 0
    for name, member in manifest.files.items():
        if storage.exists(name):
            if storage.size(name) == member.size:
                continue  # stored files never change
            storage.delete(name)
        with (folder / "files" / name).open("rb") as file:
            storage.save(name, File(file))
        put += 1
    return put


@contextmanager
def _one_transaction() -> Iterator[None]:
    """Load in any order of tables, and keep all of it or nothing."""
    connection.disable_constraint_checking()  # of SQLite; PostgreSQL's wait for the end by themselves
    try:
        with transaction.atomic():
            yield
            connection.check_constraints()
    finally:
        connection.enable_constraint_checking()


def _drop_everything() -> None:
    """Drop our tables, whatever release made them, with what hangs on them."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cascade = " CASCADE" if connection.vendor == "postgresql" else ""
        for table in connection.introspection.table_names(cursor):
            if table != "sqlite_sequence":
                cursor.execute(f"DROP TABLE {quote(table)}{cascade}")
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace "
                "AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
            )
            for (function,) in cursor.fetchall():
                cursor.execute(f"DROP FUNCTION {function} CASCADE")


def _load(folder: Path, manifest: Manifest) -> dict[str, int]:
    _migrate(manifest.migrations)
    held, loaded = tables.models_at(manifest.migrations), {}
    for model in held.values():
        model._base_manager.all()._raw_delete(using="default")  # rows that migrations made
    _set_constraints("DEFERRED")  # Django's migrations leave some of them immediate
    for table, model in held.items():
        loaded[table] = tables.load(model, folder)
    if loaded != manifest.counts:
        raise BackupRefused("Not every row of the backup was loaded.")
    _set_constraints("IMMEDIATE")  # a later migration may not find checks that still wait
    connection.check_constraints()
    tables.set_counters(held, {})
    return loaded


def _set_constraints(when: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET CONSTRAINTS ALL {when}")


def _migrate(migrations: list[tuple[str, str]] | None) -> None:
    """Migrate to the state that these migrations are, or to that of this release."""
    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    targets = graph.leaf_nodes()
    if migrations is not None:
        wanted = {key for key in migrations if key in graph.nodes}
        targets = [
            key for key in sorted(wanted) if not any(child.key in wanted for child in graph.node_map[key].children)
        ]
    executor.migrate(targets)


def _set_counters(entries: list[Erasure]) -> None:
    """Give no new student the number of one who was erased: the list would take them for each other."""
    highest = max((pk for entry in entries for pk in entry.students), default=0)
    tables.set_counters({}, {Student._meta.db_table: highest} if highest else {})
