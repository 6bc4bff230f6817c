"""A real Valkey and real processes on the test's own database, and the invariant that holds after every fault."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection

from attendance import tasks
from attendance.models import ClassSession, Snapshot, Student, User, WorkState
from attendance.services import snapshots
from tests.conftest import forget_broker_outage
from tests.fakes import class_photo
from tests.faults.invariant import check_invariant, start_watch, stop_watch
from tests.stack import PROJECT, Stack, wait_until

Upload = Callable[..., Snapshot]
PATIENCE_SECONDS = 120
"""Ends a wait that is in vain; a machine that has other work too starts a worker in half a minute."""

LEASE_SECONDS = 5
DURING_A_PHOTO_SECONDS = "1.5"
"""How long the fake engine takes where a fault has to fall into its work: less than the soft limit, which is 3."""


def point_to(url: str) -> None:
    """Let this process publish to another broker, with fresh connections."""
    current_app.conf.update(broker_url=url)
    current_app._after_fork()  # type: ignore[attr-defined]  # Celery's own, left out of the stubs
    forget_broker_outage()


def database_url() -> str:
    """Name the test's own database, for processes that share it."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


@pytest.fixture
def accepted() -> set[int]:
    """The photos that somebody was told are saved; a test that uploads or deletes by other ways says so here."""
    return set()


@pytest.fixture(autouse=True)
def invariant(transactional_db: None, private_files: Path, accepted: set[int], tmp_path: Path) -> Iterator[None]:
    """Watch every change of state, and check the invariant when the test's processes have ended."""
    start_watch()
    yield
    check_invariant(private_files, accepted=accepted)
    temporary = tmp_path / "temporary"
    left = [path for path in temporary.rglob("*") if path.is_file()]
    # A killed web server cannot remove its counters; they hold numbers, and its container takes them along.
    assert [path for path in left if not path.parent.name.startswith("rollcall-metrics-")] == []
    stop_watch()


@pytest.fixture
def stack(invariant: None, tmp_path: Path, private_files: Path) -> Iterator[Stack]:
    """Valkey runs; workers and sweepers are started by the test. The face engine is the fake one."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    made = Stack(
        tmp_path,
        settings={
            "DEBUG": "true",
            "DATA_DIR": str(private_files.parent),
            "DATABASE_URL": database_url(),
            "MASTER_KEY": settings.MASTER_KEY,
            "FACE_PIPELINE_BUILDER": "tests.fakes.build_pipeline",
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "SWEEP_SECONDS": "1",
            "TMPDIR": str(temporary),
        },
    )
    made.start_valkey()
    point_to(made.environment["REDIS_URL"])
    yield made
    made.stop()
    point_to("memory://")


@pytest.fixture
def upload(
    class_session: ClassSession, teacher: User, recognisable: Callable[..., Student], accepted: set[int]
) -> Upload:
    """Accept a photo of Ada, who can be recognised, or of whoever is named; nobody is woken."""
    recognisable("ada")

    def do(seed: int = 0, *, shows: str = "ada") -> Snapshot:
        data = class_photo(shows, seed=seed)
        snapshot = snapshots.add_snapshot(session=class_session, data=data, by=teacher).snapshot
        accepted.add(snapshot.pk)
        return snapshot

    return do


def state_of(snapshot: Snapshot) -> WorkState:
    """Where the photo stands now."""
    return WorkState(Snapshot.objects.values_list("state", flat=True).get(pk=snapshot.pk))


def wait_for(snapshot: Snapshot, state: WorkState, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until the photo stands there."""
    wait_until(lambda: state_of(snapshot) == state, seconds=seconds, what=f"the photo is {state}", every=0.1)


def wake_in_time(snapshot: Snapshot) -> None:
    """Call for a worker as soon as the broker takes it."""

    def called() -> bool:
        forget_broker_outage()
        return tasks.wake(snapshot)

    wait_until(called, seconds=30, what="the broker takes the call")


def start_worker(stack: Stack, name: str = "worker", **environment: str) -> None:
    """Start a worker, with something of its own in the environment."""
    with stack.having(environment):
        stack.start_worker(name)


def run_python(stack: Stack, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the site's environment, to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**stack.environment, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
