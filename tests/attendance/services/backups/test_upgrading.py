"""An upgrade makes a backup first, counts, and takes itself back when rows are gone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, migrations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from attendance.models import Snapshot, Student, User
from attendance.services import backups, erasures, privacy
from attendance.services.backups.making import newest
from attendance.services.erasures import Seal
from tests.attendance.services.backups.conftest import School, lose_the_database

NEXT = "9999_next"
BEFORE_THE_SEALS = "0010_work_request_and_cost"


class Next(migrations.Migration):
    """The next release's migration; each test says what it does."""

    may_lose_rows: tuple[str, ...] = ()

    def __init__(self, name: str = NEXT, app_label: str = "attendance") -> None:
        super().__init__(name, app_label)


@pytest.fixture
def next_release(working: School, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Next]]:
    """A release with one migration more."""
    ((_app, latest),) = MigrationLoader(connection).graph.leaf_nodes("attendance")
    load_disk = MigrationLoader.load_disk

    def with_one_more(loader: MigrationLoader) -> None:
        load_disk(loader)
        loader.disk_migrations["attendance", NEXT] = Next()

    monkeypatch.setattr(Next, "dependencies", [("attendance", latest)])
    monkeypatch.setattr(MigrationLoader, "load_disk", with_one_more)
    yield Next
    MigrationRecorder(connection).record_unapplied("attendance", NEXT)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS extra")


def test_a_harmless_migration_is_applied_after_a_verified_backup(
    next_release: type[Next], place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(next_release, "operations", [migrations.RunSQL("CREATE TABLE extra (id integer)")])
    with pytest.raises(SystemExit, match="1"):
        call_command("upgrade", "--check", backups=place)
    assert not place.exists()
    call_command("upgrade", backups=place)
    folder = newest(place)
    assert folder is not None
    assert ("attendance", NEXT) not in backups.verify(folder).migrations
    said = capsys.readouterr().out
    assert f"{'attendance_snapshot':<40} {3:>10} {3:>10}" in said
    call_command("upgrade", backups=place)
    assert "of this release already" in capsys.readouterr().out
    assert newest(place) == folder
    assert folder.name.endswith("-upgrade")


def test_rows_that_go_without_a_word_come_back(
    next_release: type[Next], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_release, "operations", [migrations.RunSQL("DELETE FROM attendance_facetemplate")])
    with pytest.raises(
        CommandError, match=r"2 of attendance_facetemplate.*rolled back.*restore .*rollcall-.* --replace"
    ):
        call_command("upgrade", backups=place)
    assert ("attendance", NEXT) not in MigrationLoader(connection).applied_migrations
    assert Student.objects.get(sort_key="ada").templates.count() == 1


def test_rows_may_go_where_the_migration_says_so(
    next_release: type[Next], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_release, "operations", [migrations.RunSQL("DELETE FROM attendance_facetemplate")])
    monkeypatch.setattr(next_release, "may_lose_rows", ("attendance_facetemplate",))
    call_command("upgrade", backups=place)
    assert Student.objects.get(sort_key="ada").templates.count() == 0


def test_a_migration_that_breaks_halfway_leaves_the_database_as_it_was(
    next_release: type[Next], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [migrations.RunSQL("CREATE TABLE extra (id integer)"), migrations.RunSQL("SELECT nothing FROM nowhere")]
    monkeypatch.setattr(next_release, "operations", broken)
    with pytest.raises(CommandError, match="rolled back"):
        call_command("upgrade", backups=place)
    assert "extra" not in connection.introspection.table_names()
    assert Snapshot.objects.count() == 3


def test_only_an_upgrade_that_came_to_its_end_removes_the_backups_of_older_ones(
    next_release: type[Next],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    older = [backups.make_backup(place, of_upgrade=True) for _ in range(2)]
    settings.UPGRADE_BACKUPS_KEPT = 1
    monkeypatch.setattr(next_release, "operations", [migrations.RunSQL("SELECT nothing FROM nowhere")])
    with pytest.raises(CommandError, match="rolled back"):
        call_command("upgrade", backups=place)
    assert set(older) < set(place.glob("rollcall-*"))
    monkeypatch.setattr(next_release, "operations", [])
    call_command("upgrade", backups=place)
    assert "3 older backups that upgrades had made are deleted" in capsys.readouterr().out
    assert list(place.glob("rollcall-*")) == [newest(place)]


def test_a_database_of_before_the_seals_gets_its_id_and_seals_its_list(
    working: School, place: Path, admin: User, private_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    privacy.erase_student(student=working.ada, by=admin)
    known, folder = erasures.installation_id(), private_files.parent / erasures.FOLDER
    for path in list(folder.glob("*.json")):
        said = json.loads(path.read_text())
        del said["mark"]
        path.write_text(json.dumps(said))
        forged = {**said, "uid": "0" * 32, "students": [working.ben.pk]}
        (folder / "forged.json").write_text(json.dumps(forged))
    executor = MigrationExecutor(connection)
    executor.migrate([("attendance", BEFORE_THE_SEALS)])
    call_command("upgrade", backups=place)
    said_last = capsys.readouterr().out
    assert "1 entries of the list of the forgotten got the master key's seal" in said_last
    assert "1 entries of the list of the forgotten have no seal of this master key" in said_last
    made = newest(place)
    assert made is not None
    assert backups.verify(made).installation == known
    assert erasures.installation_ids() == (known, known)
    assert {entry.students: entry.seal for entry in erasures.kept_here()} == {
        (working.ada.pk,): Seal.OURS,
        (working.ben.pk,): Seal.NONE,
    }


def test_without_a_backup_there_is_no_upgrade(next_release: type[Next], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(CommandError, match="No backup"):
        call_command("upgrade", backups=tmp_path / "taken")
    assert ("attendance", NEXT) not in MigrationLoader(connection).applied_migrations


def test_an_empty_database_beside_stored_photos_is_refused(working: School, place: Path, private_files: Path) -> None:
    lose_the_database()
    with pytest.raises(CommandError, match="the database is empty"):
        call_command("upgrade", backups=place)
