"""A school that works: photos done, queued and failed, a teacher's mark, selfies; and a way to lose all of it."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connection

from attendance.models import ClassSession, Snapshot, Status, Student, User, WorkState
from attendance.services import backups, recognition, records, snapshots
from attendance.services.backups import restoring
from tests.fakes import class_photo

Recognisable = Callable[..., Student]
_migrate = restoring._migrate


@dataclass(frozen=True)
class School:
    """What the tests ask after."""

    ada: Student
    ben: Student
    done: Snapshot
    queued: Snapshot
    failed: Snapshot


@dataclass(frozen=True)
class Tables:
    """What the real migrations left: made anew from that, a database takes no seconds."""

    statements: list[str]
    applied: list[tuple[int, str, str, dt.datetime]]

    def make(self) -> None:
        if connection.vendor != "sqlite":
            _migrate(None)
            return
        with connection.cursor() as cursor:
            for statement in self.statements:
                cursor.execute(statement)
            cursor.executemany("INSERT INTO django_migrations VALUES (%s, %s, %s, %s)", self.applied)


@pytest.fixture
def tables(transactional_db: None) -> Tables:
    """The tables of the test database as they are before a test."""
    if connection.vendor != "sqlite":
        return Tables([], [])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
            "ORDER BY type = 'trigger', type = 'index', rowid"
        )
        statements = [sql for (sql,) in cursor.fetchall()]
        cursor.execute("SELECT id, app, name, applied FROM django_migrations")
        return Tables(statements, cursor.fetchall())


@pytest.fixture
def quick_tables(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restore makes its tables from those of the test database; ``test_whole_restore`` lets it migrate."""

    def made(migrations: Sequence[tuple[str, str]] | None) -> None:
        if migrations is not None:
            assert {(app, name) for app, name in migrations} == {(app, name) for _id, app, name, _at in tables.applied}
            tables.make()

    if connection.vendor == "sqlite":
        monkeypatch.setattr(restoring, "_migrate", made)


@pytest.fixture
def working(
    tables: Tables, recognisable: Recognisable, class_session: ClassSession, teacher: User, student_user: User
) -> Iterator[School]:
    ada, ben = recognisable("ada", user=student_user), recognisable("ben")
    made = []
    for seed in range(3):
        data = class_photo("ada", "ben", seed=seed)
        made.append(snapshots.add_snapshot(session=class_session, data=data, by=teacher).snapshot)
    recognition.recognise(made[0].pk)
    Snapshot.objects.filter(pk=made[2].pk).update(state=WorkState.FAILED, failure_reason="It was too dark.")
    records.set_status(session=class_session, student=ben, status=Status.LATE, by=teacher)
    yield School(ada, ben, *made)
    if not connection.introspection.table_names():
        tables.make()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:  # a restore brings it back, and the test's tables have to be emptied
            cursor.execute("DROP TRIGGER IF EXISTS audit_no_delete")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of all backups."""
    return tmp_path / "backups"


@pytest.fixture
def backup(working: School, place: Path) -> Path:
    return backups.make_backup(place)


def lose_the_database() -> None:
    """Leave not one table."""
    with restoring._one_transaction():
        restoring._drop_everything()


def lose_the_files(private_files: Path) -> None:
    """Leave not one picture."""
    for path in private_files.rglob("*"):
        if path.is_file():
            path.unlink()


def bring_back(folder: Path, **options: bool) -> backups.Restored:
    return backups.restore(folder, backups.plan(folder, lists=[], **options))
