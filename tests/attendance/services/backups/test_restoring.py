"""A backup brings the school back, and nobody who was forgotten."""

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from rest_framework.authtoken.models import Token

from attendance.models import (
    AuditEvent,
    ClassSession,
    FaceTemplate,
    SchoolSettings,
    Selfie,
    Snapshot,
    Student,
    User,
    WorkState,
)
from attendance.services import backups, erasures, gallery, heartbeats, privacy, queue, snapshots
from attendance.services.backups import making
from attendance.services.backups.folder import MANIFEST, SEAL, write_manifest
from attendance.services.errors import NoConsent
from attendance.storage import private_storage
from tests.attendance.services.backups.conftest import School, bring_back, lose_the_database, lose_the_files
from tests.fakes import selfie_of

pytestmark = pytest.mark.usefixtures("quick_tables")
OTHER_KEY = "b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXkhISE="


def test_nobody_gets_the_number_of_somebody_who_was_erased(backup: Path, working: School, admin: User) -> None:
    late = Student.objects.create(name="Dee", sort_key="dee")
    privacy.erase_student(student=late, by=admin)
    lose_the_database()
    bring_back(backup)
    assert not Student.objects.filter(pk=late.pk).exists()
    assert Student.objects.create(name="Eli", sort_key="eli").pk > late.pk


def test_one_that_somebody_without_the_key_wrote_is_refused_wherever_it_lies(
    backup: Path, working: School, place: Path, private_files: Path, settings: Any
) -> None:
    erasures.note(erasures.Forgotten.BY_HAND, students=[working.ben.pk])
    here = next((private_files.parent / erasures.FOLDER).glob("*.json"))
    forged = {**json.loads(here.read_text()), "uid": "f" * 32, "kind": "erased", "students": [working.ada.pk]}
    lose_the_database()
    for path in (here.with_name("forged.json"), place / erasures.LIST_NAME):
        before = path.read_text() if path.exists() else None
        path.write_text(f"{before or ''}{json.dumps(forged)}\n")
        for taken in (False, True):
            with pytest.raises(backups.BackupRefused, match=r"as f{32} \(erased.* do not carry this master"):
                backups.plan(backup, lists=[], unsealed_erasures=taken)
        path.unlink() if before is None else path.write_text(before)
    settings.OLD_MASTER_KEYS, settings.MASTER_KEY = [settings.MASTER_KEY], OTHER_KEY
    assert [entry.kind for entry in backups.plan(backup, lists=[]).erasures] == ["by-hand"]


def test_one_without_a_seal_is_taken_only_from_whoever_says_so(
    backup: Path, working: School, place: Path, private_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    erasures.note(erasures.Forgotten.ERASED, students=[working.ada.pk])
    here = next((private_files.parent / erasures.FOLDER).glob("*.json"))
    said = json.loads(here.read_text())
    del said["mark"]
    (place / erasures.LIST_NAME).write_text(f"{json.dumps(said)}\n")
    lose_the_database()
    assert backups.plan(backup, lists=[]).erasures[0].mark  # the same entry lies here, under the seal
    here.unlink()
    with pytest.raises(CommandError, match=r"carry no seal.*--unsealed-erasures"):
        call_command("restore", str(backup))
    assert backups.plan(backup, lists=[], no_erasures_known=True).erasures == []
    call_command("restore", str(backup), "--unsealed-erasures")
    assert "1 entries (1 without a seal)" in capsys.readouterr().out
    assert Student.objects.get(pk=working.ada.pk).erased_at is not None


def test_who_was_forgotten_since_stays_forgotten(
    backup: Path, working: School, admin: User, teacher: User, private_files: Path
) -> None:
    privacy.erase_student(student=working.ada, by=admin)
    gallery.withdraw_consent(student=working.ben, by=teacher)
    photo = working.done.image.name or ""
    snapshots.delete_snapshot(snapshot=working.done, by=teacher)
    lose_the_database()
    lose_the_files(private_files)
    done = bring_back(backup)
    assert done.forgotten == 3
    ada, ben = Student.objects.get(pk=working.ada.pk), Student.objects.get(pk=working.ben.pk)
    assert ada.name == f"Erased student {ada.pk}"
    assert (ada.wrapped_key, ben.wrapped_key) == (None, None)
    assert not Selfie.objects.exists()
    assert not FaceTemplate.objects.exists()
    assert not User.objects.filter(username="student").exists()
    assert not Snapshot.objects.filter(pk=working.done.pk).exists()
    assert not (private_files / photo).exists()
    assert not list((private_files / "selfies").iterdir())
    call_command("rebuild_gallery")
    assert not FaceTemplate.objects.exists()
    with pytest.raises(NoConsent):
        gallery.add_selfie(student=ben, data=selfie_of("ben"), by=teacher)


def test_what_retention_deleted_stays_deleted(backup: Path, working: School, private_files: Path) -> None:
    ClassSession.objects.update(held_on=timezone.localdate() - dt.timedelta(days=60))
    privacy.retention()
    lose_the_database()
    lose_the_files(private_files)
    bring_back(backup)
    assert set(Snapshot.objects.values_list("image", flat=True)) == {""}
    assert Snapshot.objects.get(pk=working.queued.pk).state == WorkState.CANCELLED
    assert not list((private_files / "snapshots").iterdir())


def test_who_agreed_again_before_the_backup_keeps_the_new_selfie(
    working: School, teacher: User, place: Path, private_files: Path
) -> None:
    gallery.withdraw_consent(student=working.ben, by=teacher)
    gallery.give_consent(student=working.ben, by=teacher)
    selfie = gallery.add_selfie(student=working.ben, data=selfie_of("ben", seed=3), by=teacher)
    gallery.process_selfie(selfie.pk)
    folder = backups.make_backup(place)
    lose_the_database()
    lose_the_files(private_files)
    assert bring_back(folder).forgotten == 0
    assert Selfie.objects.filter(pk=selfie.pk).exists()
    assert FaceTemplate.objects.filter(student=working.ben).count() == 1


def test_by_hand_only_stays_so(backup: Path, working: School) -> None:
    gallery.set_by_hand_only(student=working.ben, on=True, by=None)
    lose_the_database()
    bring_back(backup)
    assert Student.objects.get(pk=working.ben.pk).by_hand_only
    assert not Selfie.objects.filter(student=working.ben).exists()


def test_the_list_beside_the_backups_does_where_the_site_lost_its_own(
    backup: Path, working: School, admin: User, place: Path, private_files: Path
) -> None:
    privacy.erase_student(student=working.ada, by=admin)
    erasures.write_copy(place / erasures.LIST_NAME)
    shutil.rmtree(private_files.parent / erasures.FOLDER)
    lose_the_database()
    bring_back(backup)
    assert Student.objects.get(pk=working.ada.pk).erased_at is not None


def test_a_copy_of_the_entries_does_as_well_and_a_broken_one_is_refused(
    backup: Path, working: School, admin: User, tmp_path: Path, private_files: Path
) -> None:
    privacy.erase_student(student=working.ada, by=admin)
    copy = tmp_path / "copy"
    shutil.move(private_files.parent / erasures.FOLDER, copy)
    lose_the_database()
    with (copy / "broken.json").open("w") as file:
        file.write('{"uid": "half a li')
    for path in (copy, tmp_path / "nowhere"):
        with pytest.raises(backups.BackupRefused, match="cannot be read"):
            backups.plan(backup, lists=[path])
    (copy / "broken.json").unlink()
    backups.restore(backup, backups.plan(backup, lists=[copy]))
    assert Student.objects.get(pk=working.ada.pk).erased_at is not None


def test_a_backup_of_before_the_id_brings_its_own(
    working: School, place: Path, admin: User, tmp_path: Path, private_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erasures.installation_id()
    SchoolSettings.objects.update(installation="")
    with monkeypatch.context() as before:
        before.setattr(making, "is_current", lambda _: False)
        folder = backups.make_backup(place)
    privacy.erase_student(student=working.ada, by=admin)
    copy = tmp_path / "copy"
    shutil.move(private_files.parent / erasures.FOLDER, copy)
    lose_the_database()
    backups.restore(folder, backups.plan(folder, lists=[copy]))
    known = backups.verify(folder).installation
    assert erasures.installation_ids() == (known, known)
    assert {entry.installation for entry in erasures.kept_here()} == {known}
    again = backups.make_backup(place)
    lose_the_database()
    assert bring_back(again).rows["attendance_student"] == 2


def test_without_any_list_nothing_is_restored_unless_somebody_says_so(
    backup: Path, place: Path, private_files: Path
) -> None:
    (place / erasures.LIST_NAME).unlink()
    shutil.rmtree(private_files.parent / erasures.FOLDER)
    lose_the_database()
    with pytest.raises(backups.BackupRefused, match="the law forbids"):
        backups.plan(backup, lists=[])
    assert bring_back(backup, no_erasures_known=True).rows["attendance_student"] == 2


def test_a_list_that_was_cut_is_refused(working: School, place: Path, private_files: Path, admin: User) -> None:
    privacy.erase_student(student=working.ada, by=admin)
    folder = backups.make_backup(place)
    shutil.rmtree(private_files.parent / erasures.FOLDER)
    (place / erasures.LIST_NAME).write_text("")
    lose_the_database()
    with pytest.raises(backups.BackupRefused, match="was cut"):
        bring_back(folder)


def test_the_list_of_another_school_is_not_applied(
    backup: Path, working: School, place: Path, private_files: Path
) -> None:
    SchoolSettings.objects.update(installation="another")
    erasures.note(erasures.Forgotten.ERASED, students=[working.ada.pk])
    lose_the_database()
    with pytest.raises(backups.BackupRefused, match="another installation"):
        bring_back(backup)
    planned = backups.plan(backup, lists=[], no_erasures_known=True)
    assert backups.restore(backup, planned).forgotten == 0
    assert Student.objects.get(pk=working.ada.pk).erased_at is None


def test_rows_without_a_file_are_named_and_unfinished_ones_fail_with_a_reason(
    working: School, place: Path, private_files: Path
) -> None:
    for photo in (working.done, working.queued):
        (private_files / (photo.image.name or "")).unlink()
    folder = backups.make_backup(place)
    assert len(backups.verify(folder).missing) == 2
    lose_the_database()
    lose_the_files(private_files)
    done = bring_back(folder)
    assert done.without_file == [
        f"snapshot {working.done.pk}: kept without a file",
        f"snapshot {working.queued.pk}: failed without a file",
    ]
    queued = Snapshot.objects.get(pk=working.queued.pk)
    assert (queued.state, queued.failure_code) == (WorkState.FAILED, "file-missing")
    assert queued.failure_reason
    assert Snapshot.objects.get(pk=working.done.pk).state == WorkState.DONE


def test_work_that_was_going_on_begins_anew_and_an_old_worker_writes_nothing(working: School, place: Path) -> None:
    claim = queue.claim(Snapshot, working.queued.pk)
    assert claim is not None
    folder = backups.make_backup(place)
    lose_the_database()
    bring_back(folder)
    row = Snapshot.objects.get(pk=working.queued.pk)
    assert (row.state, row.lease_until, row.attempts) == (WorkState.QUEUED, None, 0)
    again = queue.claim(Snapshot, row.pk)
    assert again is not None
    assert not queue.complete(claim, face_count=9)
    assert again.token > claim.token + 1000


def test_a_database_with_rows_is_refused_and_replaced_only_on_demand(backup: Path, working: School) -> None:
    Student.objects.create(name="Cem", sort_key="cem")
    with pytest.raises(backups.BackupRefused, match="not empty"):
        backups.plan(backup, lists=[])
    bring_back(backup, replace=True)
    assert set(Student.objects.values_list("pk", flat=True)) == {working.ada.pk, working.ben.pk}


def test_a_running_site_is_not_replaced(backup: Path) -> None:
    heartbeats.beat(heartbeats.WORKER)
    with pytest.raises(backups.BackupRefused, match="is running"):
        backups.plan(backup, lists=[], replace=True)


def test_another_master_key_is_refused_before_anything_is_written(
    backup: Path, settings: Any, private_files: Path
) -> None:
    lose_the_database()
    lose_the_files(private_files)
    right, settings.MASTER_KEY = settings.MASTER_KEY, OTHER_KEY
    with pytest.raises(backups.BackupRefused, match="MASTER_KEY"):
        backups.plan(backup, lists=[])
    assert connection.introspection.table_names() == []
    settings.OLD_MASTER_KEYS = [right]
    assert bring_back(backup).rows["attendance_student"] == 2


def test_a_backup_of_a_newer_release_is_refused(working: School, place: Path) -> None:
    folder, newer = backups.make_backup(place), ("attendance", "9999_of_a_newer_release")
    manifest = backups.read_manifest(folder)
    manifest.migrations.append(newer)
    for name in (MANIFEST, SEAL):
        (folder / name).unlink()
    write_manifest(folder, manifest)
    with pytest.raises(backups.BackupRefused, match="of a newer release"):
        backups.plan(folder, lists=[], replace=True)
    recorder = MigrationRecorder(connection)
    recorder.record_applied(*newer)
    try:
        with pytest.raises(backups.BackupRefused, match="by a newer release"):
            backups.make_backup(place)
    finally:
        recorder.record_unapplied(*newer)


def test_sessions_and_tokens_are_in_no_backup(working: School, place: Path, teacher: User) -> None:
    Token.objects.create(user=teacher)
    counts = backups.verify(backups.make_backup(place)).counts
    assert not {"django_session", "authtoken_token", "axes_accesslog", "attendance_heartbeat"} & counts.keys()


def test_a_dry_run_writes_nothing(backup: Path, private_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lose_the_database()
    lose_the_files(private_files)
    call_command("restore", str(backup), "--dry-run")
    assert "Nothing was written" in capsys.readouterr().out
    assert connection.introspection.table_names() == []
    assert not [path for path in private_files.rglob("*") if path.is_file()]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL makes no database by being asked")
def test_a_dry_run_on_a_new_machine_makes_neither_folder_nor_database(
    backup: Path, private_files: Path, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    settings.DATA_DIR = machine / "data"
    private_storage()._location = machine / "data" / "private"  # type: ignore[attr-defined]
    for cached in ("base_location", "location"):
        private_storage().__dict__.pop(cached, None)
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "NAME", str(machine / "new.sqlite3"))
        call_command("restore", str(backup), "--dry-run")
        left = list(machine.iterdir())
        connection.close()
    assert left == []


def test_the_command_asks_before_it_deletes(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _prompt: "no")
    with pytest.raises(CommandError, match="Nothing was touched"):
        call_command("restore", str(backup), "--replace")
    assert SchoolSettings.objects.exists()
    monkeypatch.setattr("builtins.input", lambda _prompt: "DELETE")
    call_command("restore", str(backup), "--replace")
    assert AuditEvent.objects.filter(action="backup.restored").exists()
