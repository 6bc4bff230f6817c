"""`manage.py run` as a visitor meets it: from an empty folder to the demo's register, and nothing left behind."""

import datetime as dt
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from django.utils import timezone

from attendance import local_site
from attendance.models import Heartbeat
from attendance.services import clocks
from attendance.supervisor import CannotRun
from scripts import local_keys

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "attendance" / "demo_school" / "photo-1.jpg"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(fact: Callable[[], Any], *, seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := fact():
            return found
        time.sleep(0.3)
    raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")


class Site:
    """A run of the command in an environment like a newcomer's, its output read line by line."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        keys = local_keys.ensure(ROOT, {"DATA_DIR": str(data)})
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "SHARED_DATA", "WEIGHTS_DIR") if name in os.environ},
            **dict(line.split("=", 1) for line in keys.read_text().splitlines() if not line.startswith("#")),
            "DATA_DIR": str(data),
            "DEBUG": "false",
            "PORT": str(self.port),
            "VALKEY_PORT": str(free_port()),
        }
        self.lines: list[str] = []

    def __enter__(self) -> "Site":
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                self.lines.append(line.rstrip())

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def until_ready(self) -> float:
        """Wait for the address; give how many seconds it took."""
        wait_for(lambda: "Ctrl-C stops it" in self.output or self.process.poll(), seconds=120, what="the address")
        assert "Rollcall runs at" in self.output, self.output
        return time.monotonic() - self.started

    def worker_is_ready(self) -> bool:
        """Whether the database holds a worker's word that its models are loaded."""
        with closing(sqlite3.connect(self.data / "rollcall.sqlite3")) as database:
            said = database.execute("SELECT detail FROM attendance_heartbeat WHERE kind = 'worker'").fetchall()
        return [json.loads(detail) for (detail,) in said] == [{"engine": "ready"}]

    def ask_doctor(self) -> str:
        """Ask as somebody who knows where the data lie, and has forgotten which ports make was given."""
        environment = {name: value for name, value in self.environment.items() if not name.endswith("PORT")}
        command = [sys.executable, "manage.py", "doctor", "--without-photo"]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120).stdout

    def processes(self) -> set[int]:
        """Every process of this machine that works on this site's data."""
        mark, found = f"DATA_DIR={self.data}".encode(), set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.add(int(folder.name))
            except OSError:
                continue  # ended meanwhile
        return found


class Client:
    """The API as the teacher of the demo school."""

    def __init__(self, site: Site) -> None:
        self.base = f"http://127.0.0.1:{site.port}/api/v1/"
        login = re.search(r"Teacher\s+(\S+) / (\S+)", site.output)
        assert login is not None, site.output
        answer = requests.post(
            f"{self.base}token/", json={"username": login.group(1), "password": login.group(2)}, timeout=30
        )
        assert answer.status_code in {200, 201}, answer.text
        self.headers = {"Authorization": f"Token {answer.json()['token']}"}

    def get(self, path: str) -> Any:
        answer = requests.get(self.base + path, headers=self.headers, timeout=30)
        assert answer.ok, answer.text
        body = answer.json()
        return body["results"] if isinstance(body, dict) and "results" in body else body

    def upload(self, session_pk: int) -> int:
        with PHOTO.open("rb") as photo:
            answer = requests.post(
                f"{self.base}sessions/{session_pk}/photos/", headers=self.headers, files={"photo": photo}, timeout=30
            )
        return answer.status_code


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.real_faces
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_from_an_empty_folder_to_the_register_and_back_without_a_trace(data: Path) -> None:
    with Site(data) as site:
        site.until_ready()
        assert site.worker_is_ready() or local_site.LATE_WORKER in site.output
        assert requests.get(f"http://127.0.0.1:{site.port}/login/", timeout=30).status_code == 200
        client = Client(site)
        course = client.get("courses/")[0]["id"]
        wait_for(
            lambda: client.get(f"courses/{course}/readiness/")["recognisable"] == 3, seconds=120, what="3 selfies done"
        )
        session = client.get(f"courses/{course}/sessions/")[0]["id"]
        assert client.upload(session) == 202
        wait_for(
            lambda: [photo["state"] for photo in client.get(f"sessions/{session}/photos/")] == ["DONE"],
            seconds=120,
            what="the photo is done",
        )
        marks = {row["student"]["name"]: row["status"] for row in client.get(f"sessions/{session}/records/")}
        running = site.processes()
        said = site.ask_doctor()
    assert "ok       Broker: It answers" in said
    assert re.search(r"ok +Workers: 1 live, 1 answer", said), said
    assert marks["Barack Obama"] in {"PRESENT", "LATE"}
    assert marks["Joe Biden"] in {"PRESENT", "LATE"}
    assert not marks["Eileen Collins"]
    assert len(running) >= 6
    assert site.processes() == set()
    assert site.process.returncode == 0, site.output

    with Site(data) as again:
        assert again.until_ready() < 60
        assert len(Client(again).get(f"sessions/{session}/photos/")) == 1
    assert again.processes() == set()


def run_to_its_end(site: Site) -> str:
    with site:
        site.process.wait(60)
    assert site.process.returncode == 1
    assert "Traceback" not in site.output
    return site.output


def test_a_taken_port_is_one_sentence_and_nothing_is_made(data: Path) -> None:
    site = Site(data)
    with socket.socket() as other:
        other.bind(("127.0.0.1", site.port))
        other.listen()
        said = run_to_its_end(site)
    assert f"Port {site.port} is taken" in said
    assert f"PORT={site.port + 1}" in said
    assert not (data / "rollcall.sqlite3").exists()


def test_a_second_run_on_the_same_data_is_refused(data: Path) -> None:
    data.mkdir()
    lock = local_site.hold_lock(data)
    with pytest.raises(CannotRun, match="already runs with the data in"):
        local_site.hold_lock(data)
    lock.close()
    local_site.hold_lock(data).close()


def test_a_full_disk_is_one_sentence(data: Path) -> None:
    site = Site(data)
    site.environment["MIN_FREE_DISK_MB"] = str(10**9)
    assert "The disk is full" in run_to_its_end(site)
    assert not (data / "rollcall.sqlite3").exists()


def test_a_database_that_cannot_be_reached_is_one_sentence(data: Path) -> None:
    site = Site(data)
    site.environment["DATABASE_URL"] = "postgres://nobody:nothing@127.0.0.1:9/none"
    assert "The database did not do as asked" in run_to_its_end(site)


@pytest.mark.django_db(transaction=True)
def test_worker_of_this_run_is_waited_for_until_it_says_how_its_engine_is() -> None:
    before = timezone.now() - dt.timedelta(seconds=5)
    Heartbeat.objects.create(name="before", kind="worker", at=before, detail={"engine": "ready"})
    has_spoken = local_site.worker_has_spoken(clocks.database_now())
    assert not has_spoken()
    later = timezone.now() + dt.timedelta(seconds=5)
    now = Heartbeat.objects.create(name="now", kind="worker", at=later, detail={"engine": "loading"})
    assert not has_spoken()
    for word in ("ready", "The weights are missing."):
        now.detail = {"engine": word}
        now.save()
        assert has_spoken()


@pytest.mark.parametrize(("port", "said"), [(0, "is not a port"), (70000, "is not a port")])
def test_a_port_that_is_none_is_refused(port: int, said: str) -> None:
    with pytest.raises(CannotRun, match=said):
        local_site.require_free_port("127.0.0.1", port, name="PORT")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/"),
        ("0.0.0.0", "http://127.0.0.1:8000/"),  # noqa: S104  nothing listens
        ("::1", "http://[::1]:8000/"),
    ],
)
def test_the_address_is_one_that_a_browser_here_opens(host: str, address: str) -> None:
    assert local_site.local_address(host, 8000) == address


def test_demo_logins_are_only_for_a_site_that_nobody_else_reaches() -> None:
    assert local_site.is_this_machine_only("127.0.0.1")
    assert not local_site.is_this_machine_only("0.0.0.0")  # noqa: S104  nothing listens
    assert not local_site.is_this_machine_only("192.0.2.7")
