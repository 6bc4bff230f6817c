"""A school that works: photos done, queued and failed, a teacher's mark, selfies; and a way to lose all of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from attendance.models import ClassSession, Snapshot, Status, Student, User, WorkState
from attendance.services import backups, recognition, records, snapshots
from attendance.services.backups import restoring
from tests.fakes import class_photo

Recognisable = Callable[..., Student]


@dataclass(frozen=True)
class School:
    """What the tests ask after."""

    ada: Student
    ben: Student
    done: Snapshot
    queued: Snapshot
    failed: Snapshot


@pytest.fixture
def working(
    transactional_db: None, recognisable: Recognisable, class_session: ClassSession, teacher: User, student_user: User
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
        call_command("migrate", interactive=False, verbosity=0)
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
