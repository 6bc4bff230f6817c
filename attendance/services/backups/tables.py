"""Rows to and from a form that no database and no server version is part of: one JSON array a row.

The models are those of the migrations that were applied, not those of today's code: an upgrade makes its backup before
it migrates, and a restore may bring back what an older release wrote.
"""

import base64
import datetime as dt
import gzip
import json
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.migrations.loader import MigrationLoader

from attendance.services.backups.folder import BackupRefused, Member, hashed, read_table, table_path, write_private

Model = type[models.Model]
Values = Sequence[Any]
LEFT_OUT: Final = frozenset(
    {
        "sessions.session",  # who is signed in
        "authtoken.token",  # API tokens are kept as they are: a backup would be a bunch of keys
        "axes.accessattempt",
        "axes.accessattemptexpiration",
        "axes.accessfailurelog",
        "axes.accesslog",
        "attendance.heartbeat",  # of processes that are gone
        "attendance.partialupload",  # photos that are not accepted yet: the browser sends them again
        "attendance.uploadpart",
    }
)
_ROWS_AT_A_TIME: Final = 2000
_WRITE: Final[dict[str, Callable[[Any], Any]]] = {
    "DateTimeField": lambda value: value.isoformat(),
    "DateField": lambda value: value.isoformat(),
    "UUIDField": str,
    "DecimalField": str,
    "BinaryField": lambda value: base64.b64encode(bytes(value)).decode(),
    "JSONField": lambda value: value,
}
_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "DateTimeField": dt.datetime.fromisoformat,
    "DateField": dt.date.fromisoformat,
    "UUIDField": uuid.UUID,
    "DecimalField": Decimal,
    "BinaryField": base64.b64decode,
    "JSONField": lambda value: value,
}


def applied_migrations() -> list[tuple[str, str]]:
    """Give what was applied to the database, sorted.

    Raises:
        BackupRefused: something that this code does not know: a newer release is at work.
    """
    loader = MigrationLoader(connection)
    unknown = sorted(key for key in loader.applied_migrations if key not in loader.disk_migrations)
    if unknown:
        raise BackupRefused(f"The database was migrated by a newer release ({unknown[-1][1]}): use that one.")
    return sorted(loader.applied_migrations)


def is_current(migrations: Sequence[tuple[str, str]]) -> bool:
    """Whether those migrations are all of this release: only then do its own models fit the tables."""
    return set(MigrationLoader(None).graph.leaf_nodes()) <= set(migrations)


def models_at(migrations: Sequence[tuple[str, str]]) -> dict[str, Model]:
    """Give the models as those migrations left them, by table, without what no backup keeps."""
    known = MigrationLoader(None)
    nodes = [key for key in migrations if key in known.graph.nodes]
    apps = known.project_state(nodes).apps
    found = apps.get_models(include_auto_created=True)
    own = [model for model in found if model._meta.managed and not model._meta.proxy]
    kept = [model for model in own if model._meta.label_lower not in LEFT_OUT]
    return {model._meta.db_table: model for model in sorted(kept, key=lambda model: model._meta.db_table)}


@contextmanager
def snapshot() -> Iterator[None]:
    """Read everything inside as it was at one moment, while others go on writing."""
    if connection.vendor == "sqlite":
        # atomic() would take SQLite's only write lock; a deferred transaction in WAL mode reads one state and waits for
        # nobody.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            cursor.execute("SELECT COUNT(*) FROM django_migrations")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def count_rows(tables: dict[str, Model]) -> dict[str, int]:
    """Count each table's rows."""
    return {table: model._base_manager.count() for table, model in tables.items()}


def dump(model: Model, folder: Path) -> Member:
    """Write a table's rows in the order of their keys; memory does not grow with them."""
    fields = model._meta.concrete_fields
    turns = [(place, turn) for place, one in enumerate(fields) if (turn := _turn(one, _WRITE)) is not None]
    rows = model._base_manager.order_by("pk").values_list(*(one.attname for one in fields))
    path, count = folder / table_path(model._meta.db_table), 0
    with write_private(path) as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=3, mtime=0) as out:
        out.write(_line([one.column for one in fields]))
        for row in rows.iterator(chunk_size=_ROWS_AT_A_TIME):
            out.write(_line(_turned(list(row), turns)))
            count += 1
        out.close()
        raw.flush()
        os.fsync(raw.fileno())
    written = hashed(path)
    return Member(written.size, written.sha256, count)


def load(model: Model, folder: Path) -> int:
    """Put a table's rows into the empty table, in the caller's transaction.

    Returns:
        how many.

    Raises:
        BackupRefused: its columns are not those of the migrations that the backup names.
    """
    lines = read_table(folder, model._meta.db_table)
    columns = next(lines)
    by_column = {one.column: one for one in model._meta.concrete_fields}
    if set(columns) != set(by_column):
        raise BackupRefused(f"{model._meta.db_table} has other columns than its migrations make.")
    fields = [by_column[column] for column in columns]
    rows = (prepared(row) for prepared in [_preparer(fields)] for row in lines)
    put = _copy_in if connection.vendor == "postgresql" else _insert
    return put(model._meta.db_table, columns, rows)


def from_text(value: str) -> bytes:
    """Give the bytes that a line of a binary column stands for."""
    return base64.b64decode(value)


def set_counters(tables: dict[str, Model], at_least: dict[str, int]) -> None:
    """Let new rows get numbers above all that are there, and above those that erased rows had."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for statement in connection.ops.sequence_reset_sql(no_style(), list(tables.values())):
                cursor.execute(statement)
        for table, number in at_least.items():
            if connection.vendor == "postgresql":
                statement = f"SELECT setval(pg_get_serial_sequence(%s, 'id'), GREATEST(%s, MAX(id))) FROM \"{table}\""  # noqa: S608  ours
                cursor.execute(statement, [table, number])
            else:
                cursor.execute("UPDATE sqlite_sequence SET seq = MAX(seq, %s) WHERE name = %s", [number, table])


def _turn(one: "models.Field[Any, Any]", turns: dict[str, Callable[[Any], Any]]) -> Callable[[Any], Any] | None:
    """Give what a column's values go through, or None where JSON has them as they are."""
    while isinstance(one, models.ForeignKey):
        one = one.target_field
    return turns.get(one.get_internal_type())


def _turned(row: list[Any], turns: list[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
    for place, turn in turns:
        if row[place] is not None:
            row[place] = turn(row[place])
    return row


def _preparer(fields: Sequence["models.Field[Any, Any]"]) -> Callable[[list[Any]], list[Any]]:
    """Give what makes values for the database out of a line."""
    turns: list[tuple[int, Callable[[Any], Any]]] = []
    for place, one in enumerate(fields):
        read = _turn(one, _READ)
        if read is not None:
            turns.append((place, _to_database(one, read)))
    return lambda row: _turned(row, turns)


def _to_database(one: "models.Field[Any, Any]", read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: one.get_db_prep_save(read(value), connection)


def _line(values: Values) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _insert(table: str, columns: Sequence[str], rows: Iterator[Values]) -> int:
    quote = connection.ops.quote_name
    names, marks = ", ".join(map(quote, columns)), ", ".join(["%s"] * len(columns))
    statement, count = f"INSERT INTO {quote(table)} ({names}) VALUES ({marks})", 0  # noqa: S608  quoted names
    with connection.cursor() as cursor:
        while some := list(islice(rows, _ROWS_AT_A_TIME)):
            cursor.executemany(statement, some)
            count += len(some)
    return count


def _copy_in(table: str, columns: Sequence[str], rows: Iterator[Values]) -> int:
    quote, count = connection.ops.quote_name, 0
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {quote(table)} ({', '.join(map(quote, columns))}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
            count += 1
    return count
