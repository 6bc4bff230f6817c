"""The site as real processes with a school of its own, for benchmarks that run photos through it.

Uploads go through the same service as a page's; the command shares the database and the broker with the processes.
"""

import datetime as dt
import hashlib
import io
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import django
import numpy as np
import requests
from PIL import Image, ImageDraw, ImageFilter

from tests.stack import PROJECT, Database, Stack, wait_until

if TYPE_CHECKING:
    from attendance.models import ClassSession, Snapshot

SIMULATED: Final = {"FACE_PIPELINE_BUILDER": "tests.fakes.build_pipeline"}
"""Coloured squares instead of faces; ``FAKE_ENGINE_SECONDS`` more a photo."""
UNLIMITED: Final = {"MAX_QUEUED_PHOTOS": "1000000", "UPLOADS_PER_HOUR": "1000000", "LOG_LEVEL": "WARNING"}
PHOTOS_A_MEETING: Final = 20


@contextmanager
def running(database: Database, settings: Mapping[str, str]) -> Iterator[Stack]:
    """Start broker and database, migrate, and let this process be one of the site's; once a process."""
    with tempfile.TemporaryDirectory(prefix="rollcall-site-") as folder:
        stack = Stack(Path(folder), database=database, settings={**UNLIMITED, **settings})
        try:
            (Path(folder) / "data").mkdir()
            stack.start_valkey()
            if database == "postgresql":
                stack.start_postgres()
            stack.manage("migrate", "--verbosity", "0")
            os.environ.update(stack.environment)
            django.setup()
            yield stack
        finally:
            stack.stop()


class School:
    """Courses with one student, Ada, and as many meetings as their photos need.

    Args:
        recognisable: whether Ada has given a selfie, of coloured squares: only the simulated engine finds her in it.
    """

    def __init__(self, *, recognisable: bool = True) -> None:
        from attendance.models import Course, Enrolment, Role, Student, Term, User  # noqa: PLC0415  needs Django set up
        from attendance.services import gallery  # noqa: PLC0415
        from tests.fakes import selfie_of  # noqa: PLC0415

        self.admin = User.objects.create_user(username="admin", role=Role.ADMIN, name="Ann Admin")
        # Young enough that no retention begins to forget them.
        self._begin = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0) - dt.timedelta(days=20)
        term = Term.objects.create(
            name="Term", starts_on=self._begin.date(), ends_on=self._begin.date() + dt.timedelta(days=700)
        )
        self.courses = [Course.objects.create(name=f"Course {number}", term=term) for number in range(5)]
        gallery.publish_policy(
            by=self.admin, text="Made.", lawful_basis="consent", photo_retention_days=30, template_retention_days=400
        )
        ada = Student.objects.create(name="Ada", sort_key="ada")
        for course in self.courses:
            Enrolment.objects.create(course=course, student=ada, starts_on=term.starts_on)
        if recognisable:
            gallery.give_consent(student=ada, by=self.admin)
            gallery.process_selfie(gallery.add_selfie(student=ada, data=selfie_of("ada"), by=self.admin).pk)
        self._meetings: dict[int, ClassSession] = {}
        self._uploaded = 0

    def upload(self, data: bytes | None = None, *, wake: bool = True) -> "Snapshot":
        """Take a photo in; without one of its own it is one of Ada that no meeting has yet."""
        from attendance import tasks  # noqa: PLC0415  needs Django set up
        from attendance.services import snapshots  # noqa: PLC0415
        from tests.fakes import class_photo  # noqa: PLC0415

        number, self._uploaded = self._uploaded, self._uploaded + 1
        picture = data if data is not None else class_photo("ada", seed=number % PHOTOS_A_MEETING)
        session = self.meeting(number // PHOTOS_A_MEETING if data is None else number)
        snapshot = snapshots.add_snapshot(session=session, data=picture, by=self.admin).snapshot
        if wake:
            tasks.wake(snapshot)
        return snapshot

    def meeting(self, number: int) -> "ClassSession":
        """Give the so-manieth meeting, held now if it was not yet."""
        from attendance.models import ClassSession  # noqa: PLC0415  needs Django set up

        if number not in self._meetings:
            starts_at = self._begin + dt.timedelta(minutes=10 * number)
            self._meetings[number] = ClassSession.objects.create(
                course=self.courses[number % len(self.courses)],
                starts_at=starts_at,
                ends_at=starts_at + dt.timedelta(minutes=9),
                held_on=starts_at.date(),
            )
        return self._meetings[number]


def collect_static(stack: Stack) -> None:
    """Let the site use the compressed files of an earlier run, unless one of them has changed since."""
    sources = [*PROJECT.joinpath("static").rglob("*"), *PROJECT.joinpath("requirements").glob("*.lock")]
    digest = hashlib.sha256()
    for path in sorted(path for path in sources if path.is_file()):
        digest.update(f"{path.relative_to(PROJECT)} ".encode() + path.read_bytes())
    root = PROJECT / "build" / f"static-{digest.hexdigest()[:16]}"
    if not root.exists():
        partly = root.with_name(f"{root.name}-{os.getpid()}")
        with stack.having({"STATIC_ROOT": str(partly)}):
            stack.manage("collectstatic", "--noinput", "--verbosity", "0")
        partly.rename(root)
    stack.environment["STATIC_ROOT"] = str(root)


def start_web(stack: Stack) -> None:
    """Start the web server as in the image: two processes of eight threads."""
    collect_static(stack)
    stack.spawn(
        "web",
        *(sys.executable, "-m", "gunicorn", "attendance.wsgi", "--bind", f"127.0.0.1:{stack.web_port}"),
        *("--worker-class", "gthread", "--workers", "2", "--threads", "8"),
    )

    def answers() -> bool:
        try:
            return requests.get(f"{stack.url}/login/", timeout=10).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False

    wait_until(answers, seconds=300, what="the first page answers")


def large_photo(*, width: int = 4000, height: int = 3000) -> bytes:
    """Draw a photo with Ada in it, as grainy and as many bytes as a telephone's; of 12 megapixels unless told else."""
    grain = np.random.default_rng(1).integers(190, 256, (height, width, 3), dtype=np.uint8)
    picture = Image.fromarray(grain).filter(ImageFilter.GaussianBlur(1))
    ImageDraw.Draw(picture).rectangle((300, 300, 359, 359), fill=(0, 0, 0))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return out.getvalue()


def states() -> dict[str, int]:
    """Count the photos in each state."""
    from django.db.models import Count  # noqa: PLC0415  needs Django set up

    from attendance.models import Snapshot  # noqa: PLC0415

    return dict(Snapshot.objects.order_by().values_list("state").annotate(Count("pk")))


def unfinished() -> int:
    """How many photos a worker still has to do."""
    counted = states()
    return counted.get("QUEUED", 0) + counted.get("PROCESSING", 0)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def kill(stack: Stack, name: str) -> None:
    """Kill a process of the site with all its children, as a power cut would."""
    process = stack.processes.pop(name)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
