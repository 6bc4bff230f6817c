"""The doctor on machine and site: break a thing, read the sentence."""

import socket
import threading
from pathlib import Path

import pytest
from pytest_django import Settings

from attendance.services import disk, doctor
from attendance.services.doctor import Level, machine, site

ALL_FLAGS = "processor: 0\nflags\t\t: fpu sse4_2 avx avx2 fma\n"


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "CPUINFO", path)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    return path


@pytest.mark.parametrize(
    ("flags", "level", "says"),
    [
        (ALL_FLAGS, Level.OK, "with AVX2 and FMA"),
        (ALL_FLAGS.replace(" avx2 fma", ""), Level.WARNING, "no AVX2 and no FMA"),
        (ALL_FLAGS.replace(" fma", ""), Level.WARNING, "has no FMA"),
        (ALL_FLAGS.replace(" avx avx2 fma", ""), Level.WRONG, "no AVX instructions"),
    ],
)
def test_processor(cpuinfo: Path, flags: str, level: Level, says: str) -> None:
    cpuinfo.write_text(flags)
    found = machine.processor()
    assert (found.level, says in found.sentence) == (level, True)


def test_python_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.python().level == Level.OK
    monkeypatch.setattr("sys.version_info", (3, 10, 1))
    assert "3.11, 3.12 or 3.13" in machine.python().remedy


@pytest.mark.parametrize(
    ("total_kb", "limit", "workers", "level"),
    [
        (16_000_000, "max", 1, Level.OK),
        (16_000_000, "2147483648", 1, Level.WARNING),
        (16_000_000, "2147483648", 2, Level.WRONG),
        (2_000_000, "max", 1, Level.WARNING),
        (900_000_000, "max", 500, Level.WARNING),
    ],
)
def test_memory_for_the_workers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    total_kb: int,
    limit: str,
    workers: int,
    level: Level,
) -> None:
    meminfo, maximum = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text(f"MemTotal:       {total_kb} kB\nMemFree: 1 kB\n")
    maximum.write_text(f"{limit}\n")
    monkeypatch.setattr(machine, "MEMINFO", meminfo)
    monkeypatch.setattr(machine, "MEMORY_LIMIT", maximum)
    settings.CELERY_WORKER_CONCURRENCY = workers
    found = machine.memory()
    assert found.level == level
    assert f"WORKER_CONCURRENCY={workers}" in found.sentence


def test_memory_says_how_many_workers_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 4000000 kB\n")
    monkeypatch.setattr(machine, "MEMINFO", meminfo)
    settings.CELERY_WORKER_CONCURRENCY = 8
    assert "Set WORKER_CONCURRENCY=2" in machine.memory().remedy


def test_disk_nearly_full_and_full(settings: Settings) -> None:
    assert machine.disk().level == Level.OK
    settings.MIN_FREE_DISK_MB = disk.fullest_free_mb() // 2
    assert machine.disk().level == Level.WARNING
    settings.MIN_FREE_DISK_MB = disk.fullest_free_mb() * 2
    found = machine.disk()
    assert found.level == Level.WRONG
    assert "uploads are refused" in found.sentence


def test_disk_that_cannot_be_written_to(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "places_written", lambda: [Path("/proc")])  # nobody may, root neither
    found = machine.disk()
    assert found.level == Level.WRONG
    assert "/proc cannot be written to" in found.sentence


def test_keys_that_others_may_read(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path
    key = tmp_path / "master"
    key.touch(mode=0o600)
    monkeypatch.setenv("MASTER_KEY_FILE", str(key))
    assert machine.key_files().level == Level.OK
    key.chmod(0o644)
    found = machine.key_files()
    assert (found.level, found.remedy) == (Level.WRONG, f"Run: chmod 600 {key}")


def test_developer_mode(settings: Settings) -> None:
    settings.DEBUG = True
    assert site.developer_mode().level == Level.WRONG
    settings.DEBUG = False
    assert site.developer_mode().level == Level.OK


@pytest.mark.parametrize(
    ("hosts", "https", "proxies", "level", "says"),
    [
        (["localhost"], False, 0, Level.OK, "This machine only"),
        (["*"], True, 1, Level.WRONG, "any name"),
        (["school.example"], False, 1, Level.WRONG, "without https"),
        (["school.example"], True, 0, Level.WARNING, "no proxy is trusted"),
        (["school.example", "localhost"], True, 1, Level.OK, "school.example, by https"),
    ],
)
def test_addresses(settings: Settings, hosts: list[str], https: bool, proxies: int, level: Level, says: str) -> None:
    settings.ALLOWED_HOSTS, settings.HTTPS, settings.TRUSTED_PROXIES = hosts, https, proxies
    found = site.addresses()
    assert (found.level, says in found.sentence) == (level, True)


def test_mail_is_not_needed_and_a_server_that_is_away_is_said(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert "sends no mail" in site.mail().sentence
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", listener.getsockname()[1]
    assert site.mail().level == Level.WARNING


def test_check_that_breaks_or_hangs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    thaw = threading.Event()

    def frozen_thing() -> doctor.Finding:
        thaw.wait(60)
        return doctor.Finding(Level.OK, "Frozen thing", "")

    def broken_thing() -> doctor.Finding:
        raise OSError("secret detail")

    monkeypatch.setattr(doctor, "SECONDS", 0.2)
    frozen, broken = doctor.made(frozen_thing), doctor.made(broken_thing)
    thaw.set()
    assert (frozen.level, frozen.about) == (Level.WRONG, "Frozen thing")
    assert "No answer" in frozen.sentence
    assert broken.sentence == "It could not be looked at (OSError)."
