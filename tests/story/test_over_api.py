"""The same story through the API alone: no page is opened."""

import csv
import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.stack import Stack, wait_until
from tests.story.class_photos import ClassPhotos
from tests.story.client import TIMEOUT
from tests.story.test_over_pages import COLUMNS, PASSWORD, make_school

pytestmark = [pytest.mark.real_faces, pytest.mark.timeout(1200)]


class Program:
    """A program with a token."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = f"{url}/api/v1/"
        self.http = requests.Session()
        token = self.ask("post", "token/", json={"username": username, "password": password})["token"]
        self.http.headers["Authorization"] = f"Token {token}"

    def ask(self, method: str, address: str, *, status: int | None = None, **body: Any) -> Any:
        """Send a request that must succeed; gives the answer's JSON, or None where it has none."""
        answer = self.http.request(method, self.url + address, timeout=TIMEOUT, **body)
        assert answer.ok if status is None else answer.status_code == status, f"{address}: {answer.text[:1000]}"
        return answer.json() if answer.content else None

    def marks(self, session: int) -> dict[str, tuple[str | None, str | None]]:
        """The register: name to status and source."""
        rows = self.ask("get", f"sessions/{session}/records/?page_size=500")["results"]
        return {row["student"]["name"]: (row["status"], row["source"]) for row in rows}

    def report(self, course: int) -> dict[str, str]:
        """The report's CSV after one session: name to the column that counts it."""
        answer = self.http.get(f"{self.url}courses/{course}/report.csv", timeout=TIMEOUT)
        rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
        return {row["Name"]: next(name for name in COLUMNS.values() if row[name] == "1") for row in rows}


def enrol(program: Program, course: int, photos: ClassPhotos) -> dict[str, int]:
    """Put everybody on the roster, with consent and one selfie; gives name to id."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    students = {}
    for name in photos.roster:
        new = program.ask("post", f"courses/{course}/roster/", json={"name": name, "from_day": today}, status=201)
        students[name] = new["id"]
        program.ask("put", f"students/{new['id']}/consent/", json={"agreed": True}, status=204)
        selfie = {"photo": ("selfie.jpg", photos.selfie(name))}
        program.ask("post", f"students/{new['id']}/selfies/", files=selfie, status=202)
    return students


def open_session(program: Program, course: int) -> int:
    """Open a session that begins now; gives its id."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    hours = {"starts_at": now.isoformat(), "ends_at": (now + dt.timedelta(minutes=45)).isoformat()}
    return int(program.ask("post", f"courses/{course}/sessions/", json=hours, status=201)["id"])


def upload(program: Program, session: int, data: bytes, key: str) -> str:
    """Send a photo twice under one key, as after a lost connection; wait until it is done; gives its id."""
    sent = [
        program.ask(
            "post",
            f"sessions/{session}/photos/",
            files={"photo": ("class.jpg", data)},
            headers={"Idempotency-Key": key},
            status=202,
        )["id"]
        for _ in range(2)
    ]
    assert sent[0] == sent[1]
    photo = str(sent[0])

    def done() -> bool:
        now = program.ask("get", f"photos/{photo}/")
        assert now["state"] != "FAILED", now["failure"]
        return bool(now["state"] == "DONE")

    wait_until(done, seconds=180, what="the photo is done", every=0.5)
    return photo


def test_a_class_of_forty_through_the_api_alone(tmp_path: Path) -> None:
    photos = ClassPhotos.load("class-01")
    with Stack(tmp_path) as stack:
        _, course = make_school(stack)
        program = Program(stack.url, "vera", PASSWORD)
        students = enrol(program, course, photos)

        def ready() -> bool:
            return bool(program.ask("get", f"courses/{course}/readiness/")["recognisable"] == len(photos.roster))

        wait_until(ready, seconds=240, what="all 40 can be recognised", every=1)

        session = open_session(program, course)
        photo = upload(program, session, photos.photo("photo-1.jpg"), key="first-photo")
        present = photos.present["photo-1.jpg"]
        seen = {name for name, (status, _) in program.marks(session).items() if status in {"PRESENT", "LATE"}}
        assert len(seen & present) / len(present) >= 0.98
        assert seen <= present, f"marked though absent: {seen - present}"
        faces = program.ask("get", f"photos/{photo}/faces/?page_size=500")["results"]
        assert {face["student"]["name"] for face in faces if face["outcome"] == "MARKED"} == seen

        by_hand = min(seen)
        body = {"status": "EXCUSED", "version": 1, "reason": "left early"}
        program.ask("put", f"sessions/{session}/records/{students[by_hand]}/", json=body)
        upload(program, session, photos.photo("photo-2.jpg"), key="second-photo")
        marks = program.marks(session)
        assert marks[by_hand] == ("EXCUSED", "MANUAL"), "a manual mark survives a second photo"
        assert seen - {by_hand} <= {name for name, (status, _) in marks.items() if status in {"PRESENT", "LATE"}}

        program.ask("post", f"sessions/{session}/finalise/", json={"mark_absent": True})
        final = program.marks(session)
        assert {source for _, source in final.values()} == {"RECOGNISED", "MANUAL"}
        text = program.http.get(f"{program.url}courses/{course}/report.csv", timeout=TIMEOUT).content.decode(
            "utf-8-sig"
        )
        counted = {
            row["Name"]: next(status for status in ("Present", "Absent", "Late", "Excused") if row[status] == "1")
            for row in csv.DictReader(io.StringIO(text))
        }
        assert counted == {name: str(status).capitalize() for name, (status, _) in final.items()}
