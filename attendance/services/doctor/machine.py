"""The machine: Python, processor, memory, disk, and who may read the keys."""

import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Final

from django.conf import settings

from attendance.services import disk as disks
from attendance.services.doctor.finding import Finding, ok, warning, wrong

CPUINFO: Final = Path("/proc/cpuinfo")
MEMINFO: Final = Path("/proc/meminfo")
MEMORY_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
WORKER_MB: Final = 1500
REST_MB: Final = 1000
"""What site, database and broker of a small school take beside the workers."""
SECRETS_OF_CONTAINERS: Final = "/run/secrets"
KEY_FILES: Final = ("SECRET_KEY_FILE", "MASTER_KEY_FILE", "DATABASE_URL_FILE", "METRICS_TOKEN_FILE")


def python() -> Finding:
    """Python is a version that this was tested on."""
    about, version = "Python", platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return ok(about, f"Version {version}.")
    return warning(about, f"Version {version} was never tested with this.", "Use Python 3.11, 3.12 or 3.13.")


def processor() -> Finding:
    """The processor has the instructions that TensorFlow is built for."""
    about = "Processor"
    if platform.machine() not in {"x86_64", "AMD64"} or not CPUINFO.exists():
        return ok(about, f"{platform.machine()}, {os.cpu_count()} cores.")
    lines = [line for line in CPUINFO.read_text().splitlines() if line.startswith("flags")]
    flags = set(lines[0].split()) if lines else set()
    if "avx" not in flags:
        return wrong(
            about,
            "It has no AVX instructions: TensorFlow ends as soon as it is loaded, so no worker can run here.",
            "Run the workers on a processor from 2012 or later; in a virtual machine, let it see the host's processor.",
        )
    missing = sorted({"avx2", "fma"} - flags)
    if missing:
        return warning(
            about,
            f"It has no {' and no '.join(name.upper() for name in missing)}: photos take several times as long.",
            "In a virtual machine, let it see the host's processor (often called host-passthrough).",
        )
    return ok(about, f"{os.cpu_count()} cores, with AVX2 and FMA.")


def memory() -> Finding:
    """Cores and memory suffice for the worker processes that are asked for."""
    about, workers = "Memory", settings.CELERY_WORKER_CONCURRENCY
    if not MEMINFO.exists():
        return ok(about, "This system does not say how much there is.")
    have_mb, need_mb = memory_mb(), workers * WORKER_MB
    asked = f"WORKER_CONCURRENCY={workers} takes {need_mb / 1000:.1f} GB"
    if have_mb < need_mb:
        return wrong(
            about,
            f"{have_mb / 1000:.1f} GB, but {asked}: the system will kill workers in the middle of a photo.",
            f"Set WORKER_CONCURRENCY={max(have_mb // WORKER_MB, 1)}, or give the machine more memory.",
        )
    if have_mb < need_mb + REST_MB:
        return warning(
            about,
            f"{have_mb / 1000:.1f} GB; {asked}, which leaves little for database, broker and site.",
            "Fine for a machine that runs workers alone; else give it 1 GB more.",
        )
    if workers > (os.cpu_count() or 1):
        return warning(
            about,
            f"WORKER_CONCURRENCY={workers} on {os.cpu_count()} cores: they wait for each other.",
            f"Set WORKER_CONCURRENCY={os.cpu_count()} at most.",
        )
    return ok(about, f"{have_mb / 1000:.1f} GB; {asked}.")


def memory_mb() -> int:
    """Give the memory of the machine, or of the container if that has less."""
    total = next(line for line in MEMINFO.read_text().splitlines() if line.startswith("MemTotal"))
    found = int(total.split()[1]) * 1024 // 1_000_000
    limit = MEMORY_LIMIT.read_text().strip() if MEMORY_LIMIT.exists() else "max"
    return found if limit == "max" else min(found, int(limit) // 1_000_000)


def disk() -> Finding:
    """There is room, and it can be written to."""
    about, least = "Disk", settings.MIN_FREE_DISK_MB
    for place in disks.places_written():
        try:
            with tempfile.NamedTemporaryFile(prefix=".doctor-", dir=place):
                pass
        except OSError as error:
            return wrong(
                about,
                f"{place} cannot be written to ({error.strerror}).",
                "Give the folder to the user that runs the site and the workers, and mount it for writing.",
            )
    free = disks.fullest_free_mb()
    if free < least:
        return wrong(
            about,
            f"{free} MB are free; uploads are refused below {least} MB.",
            "Free some space, let fewer days of photos be kept (School > Privacy), or use a larger disk.",
        )
    if free < 5 * least:
        return warning(about, f"{free / 1000:.1f} GB are free.", "Free some space before uploads are refused.")
    return ok(about, f"{free / 1000:.1f} GB are free, and can be written to.")


def key_files() -> Finding:
    """Nobody but the site's own user can read the files with keys."""
    about = "Key files"
    named = [Path(os.environ[name]) for name in KEY_FILES if os.environ.get(name)]
    present = [path for path in (*named, settings.DATA_DIR / "local.env", settings.BASE_DIR / ".env") if path.exists()]
    own = [path for path in present if not str(path.resolve()).startswith(SECRETS_OF_CONTAINERS)]
    open_ones = [path for path in own if path.stat().st_mode & 0o077]
    if open_ones:
        return wrong(
            about,
            f"Other users of this machine may read {', '.join(str(path) for path in open_ones)}.",
            f"Run: chmod 600 {' '.join(str(path) for path in open_ones)}",
        )
    return ok(about, f"{len(present)} found, readable by their owner only." if present else "None on this machine.")
