"""The room that is left, asked in one place by uploads, probes, metrics, doctor and `make run`."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from attendance.services import disk, files, health
from attendance.services.errors import DiskFull


@pytest.fixture
def small_disk(private_files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A disk of its own for photos, on which 150 MB are free; the data lie on a large one."""
    private_files.parent.mkdir(exist_ok=True)

    def usage(place: Path) -> SimpleNamespace:
        return SimpleNamespace(free=150_000_000 if place == private_files.parent else 9_000_000_000)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return private_files


@pytest.mark.django_db(transaction=True)
def test_uploads_and_probes_agree_on_when_a_disk_is_full(small_disk: Path, settings: Settings) -> None:
    assert (disk.free_mb(small_disk / "not" / "made"), disk.fullest_free_mb()) == (150, 150)
    settings.MIN_FREE_DISK_MB = 150
    files.require_space()
    assert health.readiness()["disk"] is True
    settings.MIN_FREE_DISK_MB = 151
    with pytest.raises(DiskFull):
        files.require_space()
    assert health.readiness()["disk"] is False


def test_object_store_has_no_end_that_could_be_asked_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "private_storage", object)
    settings.MIN_FREE_DISK_MB = 10**9
    files.require_space()
    assert disk.places_written() == [disk._existing(settings.DATA_DIR)]
