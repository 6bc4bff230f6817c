"""The doctor on backups and the list of the forgotten."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from attendance.models import Heartbeat, SchoolSettings
from attendance.services import erasures
from attendance.services.doctor import Level, copies

pytestmark = pytest.mark.django_db


def backed_up(*, age: dt.timedelta = dt.timedelta(0), **detail: Any) -> None:
    Heartbeat.objects.update_or_create(
        name="backup", defaults={"kind": "backup", "at": timezone.now() - age, "detail": detail}
    )


def folder_of(place: Path, *, age: dt.timedelta, ending: str = "") -> Path:
    made = place / f"rollcall-{timezone.now() - age:%Y%m%dT%H%M%SZ}{ending}"
    made.mkdir(parents=True)
    return made


@pytest.mark.parametrize(("hours", "level"), [(3, Level.OK), (40, Level.WARNING), (300, Level.WRONG)])
def test_backup_that_is_old(hours: int, level: Level) -> None:
    assert copies.backup().level == Level.WARNING
    assert "None was ever made" in copies.backup().sentence
    assert "manage.py backup DIR" in copies.backup().remedy
    backed_up(age=dt.timedelta(hours=hours))
    assert copies.backup().level == level
    assert "restored from it" not in copies.backup().sentence


def test_backup_that_the_database_was_restored_from() -> None:
    backed_up(age=dt.timedelta(hours=3), restored=True)
    found = copies.backup()
    assert found.level == Level.OK
    assert "restored from it, and none was made since" in found.sentence


def test_backups_that_outlive_the_promise_are_named(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "data"
    assert copies.old_backups().level == Level.OK
    nightly, upgrades = tmp_path / "nightly", settings.DATA_DIR / "backups"
    backed_up(place=str(nightly))
    for place in (nightly, upgrades):
        folder_of(place, age=dt.timedelta(days=29))
        (place / "rollcall-something-else").mkdir()
    assert copies.old_backups().level == Level.OK
    old = [
        folder_of(nightly, age=dt.timedelta(days=31)),
        folder_of(upgrades, age=dt.timedelta(days=90), ending="-upgrade"),
    ]
    found = copies.old_backups()
    assert found.level == Level.WARNING
    assert found.sentence.startswith("2 are older than the 30 days")
    assert all(str(path) in found.sentence for path in old)
    SchoolSettings.objects.create(pk=1, photo_retention_days=60, template_retention_days=100)
    assert copies.old_backups().sentence.startswith("1 are older than the 60 days")


def test_database_of_one_installation_beside_the_data_of_another() -> None:
    assert "no id yet" in copies.installation().sentence
    known = erasures.installation_id()
    assert (copies.installation().level, erasures.installation_ids()) == (Level.OK, (known, known))
    SchoolSettings.objects.update(installation="another")
    found = copies.installation()
    assert found.level == Level.WRONG
    assert "that of one installation (another)" in found.sentence
    assert known[:8] in found.sentence
    assert "DATABASE_URL and DATA_DIR" in found.remedy


def test_database_that_has_no_id_yet_and_data_that_lost_theirs(private_files: Path) -> None:
    erasures.installation_beside_files()
    assert "manage.py upgrade" in copies.installation().remedy
    erasures.installation_id()
    (private_files.parent / "erasures" / "installation").unlink()
    found = copies.installation()
    assert found.level == Level.WARNING
    assert "does not lie beside" in found.sentence


def test_entries_without_the_seal_that_the_last_backup_met() -> None:
    assert copies.list_of_the_forgotten().level == Level.OK
    backed_up(unsealed=0)
    assert copies.list_of_the_forgotten().level == Level.OK
    backed_up(unsealed=2)
    found = copies.list_of_the_forgotten()
    assert found.level == Level.WARNING
    assert found.sentence.startswith("2 entries")
