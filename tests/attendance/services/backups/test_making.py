"""Backups that are whole or not there: killed, full disks, two at once, tampered, pruned."""

import datetime as dt
import fcntl
import gzip
import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from attendance.models import Heartbeat, Snapshot, User
from attendance.services import backups, erasures, privacy, snapshots
from attendance.services.backups import making
from attendance.services.backups.folder import MANIFEST, SEAL, Member, write_manifest
from tests.attendance.services.backups.conftest import School
from tests.fakes import class_photo


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute passes whenever a backup looks at the clock: the name of each holds the second."""
    minutes, start = itertools.count(), timezone.now()
    passing = SimpleNamespace(now=lambda: start + dt.timedelta(minutes=next(minutes)))
    monkeypatch.setattr(making, "timezone", passing)


def test_only_the_owner_can_read_it(backup: Path) -> None:
    for path in (backup, *backup.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_it_counts_what_is_there_and_says_so_where_health_looks(backup: Path, working: School) -> None:
    manifest = backups.verify(backup)
    assert manifest.counts["attendance_snapshot"] == Snapshot.objects.count() == 3
    assert len(manifest.files) == 5
    assert manifest.database == connection.vendor
    detail = Heartbeat.objects.get(kind="backup").detail
    assert (detail["verified"], detail["size"], detail["files"]) == (True, manifest.size, 5)


def test_the_master_key_and_names_of_the_erased_are_not_in_it(working: School, place: Path, admin: User) -> None:
    name = working.ada.name
    privacy.erase_student(student=working.ada, by=admin)
    folder = backups.make_backup(place)
    text = b"".join(gzip.decompress(path.read_bytes()) for path in folder.glob("tables/*.gz"))
    text += b"".join(path.read_bytes() for path in (*place.glob("*.jsonl"), folder / MANIFEST))
    assert os.environ.get("MASTER_KEY", "ZGV2ZWxvcG1lbnQ").encode() not in text
    assert f'"{name}"'.encode() not in text


def test_files_that_the_backup_before_has_take_no_room(backup: Path, place: Path, working: School) -> None:
    again = backups.make_backup(place)
    for name in backups.verify(again).files:
        assert (again / "files" / name).stat().st_ino == (backup / "files" / name).stat().st_ino


def test_only_the_newest_are_kept(backup: Path, place: Path) -> None:
    second, third = backups.make_backup(place), backups.make_backup(place)
    fourth = backups.make_backup(place, keep=2)
    assert sorted(place.glob("*rollcall-*")) == [third, fourth]
    assert making.newest(place) == fourth
    assert not second.exists()
    assert backups.verify(fourth).files


def test_of_an_upgrades_backups_the_newest_are_kept_and_no_other_is_touched(
    backup: Path, place: Path, working: School
) -> None:
    made = [backups.make_backup(place, of_upgrade=True) for _ in range(3)]
    assert all(path.name.endswith("Z-upgrade") for path in made)
    assert making.newest(place) == made[-1]
    night = backups.make_backup(place)
    assert making.drop_old_upgrades(place, keep=2) == 1
    assert sorted(place.glob("rollcall-*")) == [backup, *made[1:], night]
    assert [path for path, _at in backups.made_in(place)] == [backup, *made[1:], night]
    assert making.drop_old_upgrades(place, keep=0) == 1
    assert backups.verify(made[-1]).files
    assert making.drop_old_upgrades(place, keep=1) == 0


def test_the_list_beside_the_backups_counts_what_is_sealed(
    working: School, place: Path, private_files: Path, admin: User
) -> None:
    privacy.erase_student(student=working.ada, by=admin)
    here = next((private_files.parent / erasures.FOLDER).glob("*.json"))
    said = {**json.loads(here.read_text()), "uid": "0" * 32}
    here.with_name("forged.json").write_text(json.dumps({**said, "mark": "f" * 64}))
    here.with_name("older.json").write_text(json.dumps({**said, "uid": "1" * 32, "mark": ""}))
    assert backups.verify(backups.make_backup(place)).forgotten == 2
    assert Heartbeat.objects.get(kind="backup").detail["unsealed"] == 1
    assert [entry.seal for entry in erasures.read_copy(place / erasures.LIST_NAME)].count(erasures.Seal.OURS) == 2


def test_a_backup_before_an_upgrade_bears_the_id_of_the_database(
    working: School, place: Path, private_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = erasures.installation_id()
    shutil.rmtree(private_files.parent / erasures.FOLDER)
    monkeypatch.setattr(making, "is_current", lambda _: False)
    assert backups.verify(backups.make_backup(place)).installation == known


def test_a_list_that_cannot_be_read_stops_a_backup(working: School, place: Path, private_files: Path) -> None:
    erasures.installation_id()
    (private_files.parent / erasures.FOLDER / "odd.json").write_text("[]")
    with pytest.raises(backups.BackupRefused, match="list of the forgotten is damaged"):
        backups.make_backup(place)


def test_a_full_disk_leaves_nothing(working: School, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "write_manifest", full)
    with pytest.raises(backups.BackupRefused, match="No space left"):
        backups.make_backup(place)
    assert sorted(path.name for path in place.iterdir()) == [".lock", erasures.LIST_NAME]


def test_two_at_once_do_not_mix(working: School, place: Path) -> None:
    place.mkdir()
    with (place / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match="Another backup"):
            call_command("backup", str(place))
    call_command("backup", str(place))


def test_what_a_killed_backup_left_is_removed_by_the_next(working: School, place: Path) -> None:
    place.mkdir()
    killed = (
        "import os, signal, django; django.setup()\n"
        "from pathlib import Path\n"
        "from attendance.services.backups import making\n"
        "making.write_manifest = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"making.make_backup(Path({str(place)!r}))"
    )
    name = connection.settings_dict["NAME"]
    url = {"DATABASE_URL": f"sqlite:///{name}"} if connection.vendor == "sqlite" else {}
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATA_DIR": str(place.parent), **url}
    done = subprocess.run([sys.executable, "-c", killed], env=environment, timeout=120, check=False)
    assert done.returncode == -9
    assert [path.name[:18] for path in place.glob("*rollcall*")] == [".partial-rollcall-"]
    assert making.newest(place) is None
    assert backups.verify(backups.make_backup(place)).files
    assert not list(place.glob(".partial-*"))


def break_hash(folder: Path) -> None:
    path = next(folder.glob("files/snapshots/*"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def cut_short(folder: Path) -> None:
    path = folder / "tables" / "attendance_student.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])


def add_a_file(folder: Path) -> None:
    (folder / "files" / "snapshots" / "more.jpg").write_bytes(b"x")


def add_a_link(folder: Path) -> None:
    (folder / "files" / "snapshots" / "more.jpg").symlink_to(folder / MANIFEST)


def replace_by_a_link(folder: Path) -> None:
    path = next(folder.glob("files/snapshots/*"))
    path.rename(folder.parent / "aside")
    path.symlink_to(folder.parent / "aside")


def add_a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "files" / "pipe")


def lose_a_file(folder: Path) -> None:
    next(folder.glob("files/selfies/*")).unlink()


def edit_the_manifest(folder: Path) -> None:
    path = folder / MANIFEST
    path.write_text(path.read_text().replace('"rows": 2', '"rows": 1', 1))


def blow_up(folder: Path) -> None:
    path = next(folder.glob("files/snapshots/*"))
    with path.open("r+b") as file:
        file.truncate(2**40)


def lose_the_seal(folder: Path) -> None:
    (folder / SEAL).unlink()


@pytest.mark.parametrize(
    "harm",
    [
        break_hash,
        cut_short,
        add_a_file,
        add_a_link,
        replace_by_a_link,
        add_a_pipe,
        lose_a_file,
        edit_the_manifest,
        blow_up,
        lose_the_seal,
    ],
)
def test_a_backup_that_was_changed_is_not_restored(backup: Path, harm: Callable[[Path], None]) -> None:
    harm(backup)
    with pytest.raises(backups.BackupRefused):
        backups.plan(backup, lists=[], replace=True)


@pytest.mark.parametrize("path", ["files/../../escaped", "files/snapshots/../../x", "/etc/passwd", "tables/x.sql"])
def test_a_name_that_leads_elsewhere_is_refused_even_under_the_right_seal(backup: Path, path: str) -> None:
    manifest = backups.read_manifest(backup)
    manifest.members[path] = Member(1, "0" * 64)
    for name in (MANIFEST, SEAL):
        (backup / name).unlink()
    write_manifest(backup, manifest)
    assert asdict(backups.read_manifest(backup)) == asdict(manifest)
    with pytest.raises(backups.BackupRefused):
        backups.verify(backup)


def test_what_is_added_meanwhile_is_in_the_next_one(
    working: School, place: Path, monkeypatch: pytest.MonkeyPatch, teacher: User
) -> None:
    """The files are fetched after the moment of the rows: a photo of then has neither row nor file in it."""
    session, fetched = working.done.session, making._fetched

    def add_one(*args: object, **options: object) -> object:
        monkeypatch.setattr(making, "_fetched", fetched)
        snapshots.add_snapshot(session=session, data=class_photo("cem", seed=9), by=teacher)
        return fetched(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "_fetched", add_one)
    first = backups.verify(backups.make_backup(place))
    second = backups.verify(backups.make_backup(place))
    assert (first.counts["attendance_snapshot"], second.counts["attendance_snapshot"]) == (3, 4)
    assert len(second.files) == len(first.files) + 1
