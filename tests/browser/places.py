"""The demo school on a running site, and the address of each of its main pages."""

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import requests

from tests.stack import PROJECT, Stack, wait_until
from tests.story.client import Visitor, field, links
from tests.tables import rows

SHIPPED: Final = PROJECT / "attendance" / "demo_school"
_PATIENCE_SECONDS: Final = 240


@dataclass(frozen=True, slots=True)
class Place:
    """A page that people look at.

    Attributes:
        name: a file name for its picture.
        who: the demo login that looks; None is somebody who has not signed in.
        address: relative to the site.
    """

    name: str
    who: str | None
    address: str


def load_demo(stack: Stack, *options: str | Path) -> dict[str, str]:
    """Fill the site with a class; give the demo logins, user name to password, as the command prints them."""
    printed = stack.manage("demo", "--with-logins", *map(str, options))
    return dict(re.findall(r"^\w+: (\w+) / (\S+)$", printed, re.MULTILINE))


def fill(stack: Stack) -> dict[str, str]:
    """Load the shipped demo school and then its class photo, each time waiting for the worker; give the logins."""
    logins = load_demo(stack)
    _wait_for_worker(stack, pictures=3)
    # Only now: a photo is matched with the selfies that are through when its turn comes.
    load_demo(stack, "--with-photos")
    _wait_for_worker(stack, pictures=4)
    return logins


def _wait_for_worker(stack: Stack, *, pictures: int) -> None:
    def through() -> bool:
        states = [row["state"] for model in ("selfie", "snapshot") for row in rows(stack, model)]
        return sum(state in {"DONE", "FAILED"} for state in states) == pictures

    wait_until(through, seconds=_PATIENCE_SECONDS, what=f"{pictures} pictures are through")


def main_places(stack: Stack, logins: dict[str, str]) -> list[Place]:
    """Every main page of the demo school, found by following links as people do."""
    teacher = Visitor(stack.url)
    teacher.log_in("teacher", logins["teacher"])
    course = links(teacher.look("/courses/"), r"/courses/\d+/")[0].group()
    on_course = teacher.look(course)
    session = links(teacher.look("/"), r"/sessions/\d+/")[0].group()
    past = next(found for one in links(on_course, r"/sessions/\d+/") if (found := one.group()) != session)
    student = links(on_course, r"/students/\d+/")[0].group()
    on_session = teacher.look(session)
    one_time_link = re.search(r"/enrol/[\w-]+/", teacher.send(f"{student}link/").text)
    assert one_time_link is not None
    return [
        Place("login", None, "/login/"),
        Place("enrol", None, one_time_link.group()),
        Place("today", "teacher", "/"),
        Place("courses", "teacher", "/courses/"),
        Place("course", "teacher", course),
        Place("student", "teacher", student),
        Place("student-add", "teacher", f"{course}students/new/"),
        Place("session", "teacher", session),
        Place("session-final", "teacher", past),
        Place("strangers", "teacher", _strangers(stack, teacher, logins)),
        Place("face", "teacher", links(on_session, r"/faces/\d+/")[0].group()),
        Place("history", "teacher", links(on_session, r"/sessions/\d+/records/\d+/history/")[0].group()),
        Place("held", "teacher", "/selfies/held/"),
        Place("report", "teacher", f"{course}report/"),
        Place("report-student", "teacher", f"{course}report/{student.split('/')[2]}/"),
        Place("own", "student", "/me/"),
        Place("own-course", "student", f"/me{course}"),
        Place("school", "admin", "/school/"),
        Place("privacy", "admin", "/school/privacy/"),
        Place("terms", "admin", "/school/terms/"),
        Place("people", "admin", "/school/people/"),
        Place("course-new", "admin", "/courses/new/"),
        Place("roster-import", "admin", f"{course}roster/"),
        Place("school-report", "admin", "/school/report/"),
        Place("audit", "admin", "/school/audit/"),
        Place("queue", "admin", "/school/queue/"),
        Place("face-model", "admin", "/school/model/"),
        Place("not-found", "teacher", "/nothing-here/"),
    ]


def _strangers(stack: Stack, teacher: Visitor, logins: dict[str, str]) -> str:
    """The unknown faces of a course that knows nobody in the class photo, though two of its meetings saw them."""
    admin = Visitor(stack.url)
    admin.log_in("admin", logins["admin"])
    blank = admin.look("/courses/new/")
    term = re.search(r'<option value="(\d+)"', blank)
    assert term is not None
    who = {"name": "Zoology", "term": term[1], "teachers": field(blank, "teachers"), "late_after_minutes": "10"}
    how = {"late_weight": "0.80", "excused_counts": "LEFT_OUT", "unmarked_counts": "LEFT_OUT"}
    course = _path(admin.send("/courses/new/", who | how))
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    for name in ("Nora Nilsen", "Olga Oduya", "Pia Paulsen"):
        teacher.send(f"{course}students/new/", {"name": name, "from_day": today})
    for hour in ("08", "10"):
        times = {"starts_at": f"{today}T{hour}:00", "ends_at": f"{today}T{hour}:45"}
        session = _path(teacher.send(f"{course}sessions/new/", times))
        teacher.send(f"{session}upload/", photos=("photo-1.jpg", (SHIPPED / "photo-1.jpg").read_bytes()))
    _wait_for_worker(stack, pictures=6)
    return f"{course}unknown-faces/"


def _path(answer: requests.Response) -> str:
    """Where a form led to."""
    return urlsplit(answer.url).path
