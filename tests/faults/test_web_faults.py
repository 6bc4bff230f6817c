"""Rows of the fault suite that concern the web server: two teachers at once, and a server that is killed."""

import signal
import threading
from pathlib import Path

import pytest
import requests
from rest_framework.authtoken.models import Token

from attendance import tasks
from attendance.models import AttendanceRecord, ClassSession, Student, User, WorkState
from tests.faults.conftest import Upload, start_worker, wait_for
from tests.faults.half_an_upload import bytes_on_disk, half_an_upload
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
ROUNDS = 6


def test_row_18_second_of_two_teachers_at_one_record_gets_409_with_both_values(
    stack: Stack, class_session: ClassSession, student: Student, teacher: User, other_teacher: User
) -> None:
    """Both saw the same version and set at the same moment, again and again: one is in, the other one is told."""
    class_session.course.teachers.add(other_teacher)
    stack.start_web()
    address = f"{stack.url}/api/v1/sessions/{class_session.pk}/records/{student.pk}/"
    keys = [Token.objects.create(user=user).key for user in (teacher, other_teacher)]
    for version in range(ROUNDS):
        # Never what is set already, which would be no change.
        statuses = ("LATE", "EXCUSED") if version % 2 else ("PRESENT", "ABSENT")
        answers = at_once(address, dict(zip(statuses, keys, strict=True)), version=version)
        assert sorted(answer.status_code for answer in answers.values()) == [200, 409]
        (set_to,) = (status for status, answer in answers.items() if answer.status_code == 200)
        (refused,) = (answer.json() for answer in answers.values() if answer.status_code == 409)
        assert refused["code"] == "record-changed"
        assert refused["current"] == {"status": set_to, "source": "MANUAL", "version": version + 1}
        record = AttendanceRecord.objects.get()
        assert (record.status, record.version) == (set_to, version + 1)


def at_once(address: str, keys: dict[str, str], *, version: int) -> dict[str, requests.Response]:
    """Let each teacher set a status of their own; both send when both are ready."""
    ready, answers = threading.Barrier(len(keys)), {}

    def put(status: str, key: str) -> None:
        with requests.Session() as line:
            line.headers["Authorization"] = f"Token {key}"
            line.get(address, timeout=60)
            ready.wait(timeout=60)
            answers[status] = line.put(address, json={"status": status, "version": version}, timeout=60)

    teachers = [threading.Thread(target=put, args=item) for item in keys.items()]
    for one in teachers:
        one.start()
    for one in teachers:
        one.join(timeout=120)
    return answers


def test_row_31_web_killed_during_an_upload_leaves_no_row_and_no_file(
    stack: Stack, upload: Upload, class_session: ClassSession, teacher: User, tmp_path: Path
) -> None:
    """What had arrived of the photo goes with the process; the next server takes the photo, and it is done."""
    stack.start_web()
    before = bytes_on_disk(stack.processes["web"].pid, tmp_path / "temporary")
    with half_an_upload(stack, class_session, teacher):
        wait_until(
            lambda: bytes_on_disk(stack.processes["web"].pid, tmp_path / "temporary") > before + 2_000_000,
            seconds=60,
            what="what arrives goes to the disk",
        )
        stack.signal("web", signal.SIGKILL)
        stack.processes["web"].wait(timeout=30)
    stack.start_web()
    snapshot = upload()
    start_worker(stack)
    assert tasks.wake(snapshot)
    wait_for(snapshot, WorkState.DONE)
