"""An upgrade makes a backup first, counts, and takes itself back when rows are gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from attendance.models import Snapshot, Student
from attendance.services import backups
from tests.attendance.services.backups.conftest import School, lose_the_database

NEXT = "9999_next"


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
    folder = backups.newest(place)
    assert folder is not None
    assert ("attendance", NEXT) not in backups.verify(folder).migrations
    said = capsys.readouterr().out
    assert f"{'attendance_snapshot':<40} {3:>10} {3:>10}" in said
    call_command("upgrade", backups=place)
    assert "of this release already" in capsys.readouterr().out
    assert backups.newest(place) == folder


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


def test_without_a_backup_there_is_no_upgrade(next_release: type[Next], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(CommandError, match="No backup"):
        call_command("upgrade", backups=tmp_path / "taken")
    assert ("attendance", NEXT) not in MigrationLoader(connection).applied_migrations


def test_an_empty_database_beside_stored_photos_is_refused(working: School, place: Path, private_files: Path) -> None:
    lose_the_database()
    with pytest.raises(CommandError, match="the database is empty"):
        call_command("upgrade", backups=place)
