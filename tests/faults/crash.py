"""Do one thing again and again, and be killed each time one statement later.

Killed is a child process, before a statement, before a commit or right after one, as by a power cut; after each the
parent looks that the database holds either nothing or all of it.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, Final

from django.db import connection

from attendance import tasks
from attendance.models import (
    AttendanceRecord,
    ClassSession,
    DetectedFace,
    PartialUpload,
    Snapshot,
    Status,
    User,
    WorkState,
)
from attendance.services import engine, partial_uploads, queue, sessions, snapshots
from attendance.services.errors import SessionClosed
from tests.fakes import class_photo


def upload() -> None:
    """Take in a photo."""
    session, teacher = ClassSession.objects.get(), User.objects.get(role="TEACHER")
    tasks.wake(snapshots.add_snapshot(session=session, data=class_photo("ada", seed=9), by=teacher, key="k").snapshot)


def upload_in_parts() -> None:
    """Send a photo in three parts, going on where the last one to be killed got to."""
    teacher, data = User.objects.get(role="TEACHER"), class_photo("ada", seed=11)
    begun = PartialUpload.objects.first() or partial_uploads.begin(
        session=ClassSession.objects.get(), by=teacher, length=len(data), sha256=engine.sha256_of(data)
    )
    part = len(data) // 3 + 1
    for start in range(0, len(data), part):
        if start == begun.offset and begun.finished_at is None:
            partial_uploads.add_part(upload=begun, start=start, data=data[start : start + part], by=teacher)
    snapshot = PartialUpload.objects.get().snapshot
    assert snapshot is not None
    tasks.wake(snapshot)


def recognise() -> None:
    """Do the photo's work."""
    tasks.recognise_snapshot(Snapshot.objects.get().pk)


def finalise() -> None:
    """Close the register, if it did not get that far before."""
    with suppress(SessionClosed):
        sessions.finalise_session(session=ClassSession.objects.get(), by=User.objects.get(role="TEACHER"))


def nothing_or_all_of_upload() -> None:
    """The photo is queued, or not there."""
    assert [photo.state for photo in Snapshot.objects.all()] in ([], [WorkState.QUEUED])


def no_byte_counts_twice() -> None:
    """The parts that count join without a gap up to where the upload stands, and no photo comes of it twice."""
    for begun in PartialUpload.objects.all():
        kept = sum(begun.parts.values_list("size", flat=True))
        assert kept == begun.offset if begun.finished_at is None else kept == 0
        assert begun.finished_at is None or begun.snapshot is not None
    assert Snapshot.objects.count() <= 1


def nothing_or_all_of_recognise() -> None:
    """Face, mark and DONE, or none of them; then the lease ends, which the next worker would wait for."""
    is_done = Snapshot.objects.get().state == WorkState.DONE
    assert DetectedFace.objects.count() == AttendanceRecord.objects.count() == int(is_done)
    processing = Snapshot.objects.filter(state=WorkState.PROCESSING)
    processing.update(lease_until=queue.from_now(-3600), attempts=1)


def nothing_or_all_of_finalise() -> None:
    """Everybody has a mark in a final register, or nobody has got one and it is open."""
    session = ClassSession.objects.get()
    absent = AttendanceRecord.objects.filter(status=Status.ABSENT).count()
    assert (session.state, absent) in {(ClassSession.State.OPEN, 0), (ClassSession.State.FINAL, 2)}
    has_vectors = DetectedFace.objects.exclude(sealed_embedding=None).exists()
    assert has_vectors == (session.state == ClassSession.State.OPEN)


DEEDS: Final[dict[str, tuple[Callable[[], None], Callable[[], None]]]] = {
    "upload": (upload, nothing_or_all_of_upload),
    "upload_in_parts": (upload_in_parts, no_byte_counts_twice),
    "recognise": (recognise, nothing_or_all_of_recognise),
    "finalise": (finalise, nothing_or_all_of_finalise),
}


class Fuse:
    """Kills this process when it is asked for the so-manieth time."""

    def __init__(self, length: int) -> None:
        self._left = length

    def burn(self) -> None:
        """Come one step nearer."""
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def statement(self, execute: Any, *args: Any) -> Any:
        """Burn before a statement."""
        self.burn()
        return execute(*args)

    def lay(self) -> None:
        """Watch this process's statements and commits."""
        connection.ensure_connection()
        database: Any = connection  # `_commit` is left out of the stubs
        commit = database._commit

        def commit_between_burns() -> None:
            self.burn()
            commit()
            self.burn()

        database._commit = commit_between_burns
        connection.execute_wrappers.append(self.statement)


def killed_after(length: int, deed: Callable[[], None]) -> bool:
    """Do it in a child; tell whether the child was killed before it was through."""
    connection.close()
    child = os.fork()
    if child == 0:
        Fuse(length).lay()
        deed()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, -signal.SIGKILL}, f"the deed itself broke: {status}"
    return status != 0


def kill_everywhere(name: str) -> int:
    """Kill it at every place, then let it through; give how often it was killed."""
    deed, check = DEEDS[name]
    for length in count():
        was_killed = killed_after(length, deed)
        check()
        if not was_killed:
            return length
    raise AssertionError
