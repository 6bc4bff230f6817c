"""What gunicorn reads by itself where it starts: log lines like the site's, and metrics of all its processes."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings

from attendance import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attendance.settings")
logconfig_dict = logs.configuration_of_web_server(kind=settings.LOG_FORMAT, level=settings.LOG_LEVEL)
# Longer than a proxy (Caddy: two minutes) or a browser that asks every two seconds keeps a connection: a server that
# closes it first may do so just as the next request leaves, which is then an error.
keepalive = 130
# Each process counts in files of its own here, and whichever is scraped adds them up. In memory, where /tmp is.
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_is_ours = _FOLDER not in os.environ
if _is_ours:
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="rollcall-metrics-")


def on_starting(server: Any) -> None:
    """Begin at zero: the files of an earlier run belong to processes that are gone."""
    folder = Path(os.environ[_FOLDER])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink()


def child_exit(server: Any, worker: Any) -> None:
    """Forget what only a living process can say; what it counted stays."""
    from prometheus_client import multiprocess  # noqa: PLC0415  counts in files only if imported after the folder is set

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library has no types


def on_exit(server: Any) -> None:
    """Leave nothing behind that was made here."""
    if _is_ours:
        shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)
