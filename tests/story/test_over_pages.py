"""The whole story over HTTP, as people live it: real Valkey, real worker, real weights, real photographs."""

import csv
import datetime as dt
import io
import re
import urllib.parse
from pathlib import Path

import pytest

from tests.stack import Database, Stack, wait_until
from tests.story.class_photos import ClassPhotos
from tests.story.client import Visitor, field, links
from tests.tables import rows

pytestmark = [pytest.mark.real_faces, pytest.mark.timeout(1200)]
PASSWORD = "correct horse battery staple"
MARKED = {"P", "L"}
CODES = {"PRESENT": "P", "ABSENT": "A", "LATE": "L", "EXCUSED": "E"}
COLUMNS = {"P": "Present", "A": "Absent", "L": "Late", "E": "Excused"}


def make_school(stack: Stack) -> tuple[Visitor, int]:
    """An admin publishes the policy, makes a term, a teacher and a course; gives the teacher and the course."""
    stack.environment["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
    stack.manage("createsuperuser", "--noinput", "--username", "office", "--email", "office@example.org")
    admin = Visitor(stack.url)
    admin.log_in("office", PASSWORD)
    admin.look("/school/privacy/")
    policy = {"text": "One selfie is compared with class photos.", "lawful_basis": "explicit consent"}
    admin.send("/school/privacy/", {**policy, "photo_retention_days": 30, "template_retention_days": 400})
    today = dt.datetime.now(dt.UTC).date()
    days = {"starts_on": today - dt.timedelta(days=30), "ends_on": today + dt.timedelta(days=90)}
    admin.send("/school/terms/", {"name": "Autumn", **days})
    person = {"username": "vera", "name": "Vera Lind", "email": "", "role": "TEACHER", "is_active": "on"}
    admin.send("/school/people/", {**person, "password": PASSWORD})
    course_form = admin.look("/courses/new/")
    term, teacher = re.findall(r'<option value="(\d+)"', course_form)[0], field(course_form, "teachers")
    course = {"name": "Physics", "code": "PH1", "term": term, "teachers": teacher, "late_after_minutes": 10}
    how = {"late_weight": "0.80", "excused_counts": "LEFT_OUT", "unmarked_counts": "LEFT_OUT"}
    made = admin.send("/courses/new/", {**course, **how})
    pk = int(urllib.parse.urlparse(made.url).path.split("/")[2])
    return admin, pk


def import_roster(admin: Visitor, course: int, names: tuple[str, ...]) -> None:
    """The office imports the roster: looks at the preview first, then writes it."""
    address = f"/courses/{course}/roster/"
    table = "school id;name\n" + "".join(f"S{number:03};{name}\n" for number, name in enumerate(names))
    preview = admin.send(address, file=("roster.csv", table.encode("utf-8-sig"))).text
    admin.send(address, {"rows": field(preview, "rows")})


def enrol_by_link(stack: Stack, teacher: Visitor, student: int, selfie: bytes) -> None:
    """The teacher makes a one-time link; the student opens it on a phone, agrees and sends one selfie."""
    page = teacher.send(f"/students/{student}/link/").text
    found = re.search(r"/enrol/[A-Za-z0-9_-]+/", page)
    assert found is not None
    phone = Visitor(stack.url)
    phone.look(found.group())
    phone.send(found.group(), {"consent": "on"}, photo=("selfie.jpg", selfie))


def name_on_page(teacher: Visitor, student: int) -> str:
    """The name in the heading of a student's page."""
    found = re.search(r"<h1[^>]*>\s*([^<]+?)\s*<", teacher.look(f"/students/{student}/"))
    assert found is not None
    return found[1]


def marks(teacher: Visitor, session: int) -> dict[str, tuple[str, str]]:
    """The register as its CSV says it: name to code and source."""
    text = teacher.look(f"/sessions/{session}/register.csv").removeprefix("\ufeff")
    return {row["Name"]: (row["Code"], row["Source"]) for row in csv.DictReader(io.StringIO(text))}


def stored_marks(stack: Stack) -> dict[str, str]:
    """The register as the database has it: name to code."""
    names = {row["id"]: row["name"] for row in rows(stack, "student")}
    return {names[row["student_id"]]: CODES[row["status"]] for row in rows(stack, "attendancerecord")}


def stored_questions(stack: Stack) -> set[str]:
    """The students whom the machine asks about, as the database has them."""
    names = {row["id"]: row["name"] for row in rows(stack, "student")}
    return {names[row["student_id"]] for row in rows(stack, "detectedface") if row["outcome"] == "UNCERTAIN"}


def upload(teacher: Visitor, session: int, data: bytes, finished: int) -> None:
    """Upload a photo and watch the page until it is done."""
    teacher.send(f"/sessions/{session}/upload/", photos=("IMG_0001.jpg", data))

    def done() -> bool:
        page = teacher.look(f"/sessions/{session}/photos/")
        assert "! failed" not in page, page
        return len(re.findall(r"✓ \d+ faces", page)) >= finished

    wait_until(done, seconds=180, what=f"{finished} photos done", every=0.5)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_class_of_forty_from_selfie_to_report(tmp_path: Path, database: Database) -> None:
    photos = ClassPhotos.load("class-01")
    with Stack(tmp_path, database=database) as stack:
        admin, course = make_school(stack)
        import_roster(admin, course, photos.roster)
        teacher = Visitor(stack.url)
        teacher.log_in("vera", PASSWORD)
        roster_page = teacher.look(f"/courses/{course}/")
        students = [int(match[1]) for match in links(roster_page, r"/students/(\d+)/")]
        assert len(students) == len(photos.roster)
        by_name = {name_on_page(teacher, pk): pk for pk in students}
        for name in photos.roster:
            enrol_by_link(stack, teacher, by_name[name], photos.selfie(name))
        wait_until(
            lambda: "40 of 40" in teacher.look(f"/courses/{course}/"), seconds=240, what="all 40 can be recognised"
        )

        session = int(urllib.parse.urlparse(teacher.send(f"/courses/{course}/take/").url).path.split("/")[2])
        upload(teacher, session, photos.photo("photo-1.jpg"), finished=1)
        first = marks(teacher, session)
        present = photos.present["photo-1.jpg"]
        seen = {name for name, (code, _) in first.items() if code in MARKED}
        assert len(seen & present) / len(present) >= 0.98
        assert seen <= present, f"marked though absent: {seen - present}"

        # The teacher corrects two: one whom the machine saw, one whom it did not.
        excused, late = sorted(seen)[0], sorted(set(photos.roster) - seen)[0]
        for name, status in ((excused, "EXCUSED"), (late, "LATE")):
            teacher.send(f"/sessions/{session}/records/{by_name[name]}/", {"status": status})
        upload(teacher, session, photos.photo("photo-2.jpg"), finished=2)
        second = marks(teacher, session)
        assert second[excused][0] == "E"
        assert second[late][0] == "L"
        both = present | photos.present["photo-2.jpg"]
        seen_by_machine = {name for name, (code, source) in second.items() if code in MARKED and source == "RECOGNISED"}
        assert seen - {excused, late} <= seen_by_machine, "a later photo took a mark away"
        assert seen_by_machine <= both, f"marked though absent: {seen_by_machine - both}"
        # One of these 35, whose selfie is pale and tilted, falls short at the default rate of false marks: asked about.
        missed = both - {excused, late} - seen_by_machine
        assert len(missed) <= 1, f"present and not marked: {missed}"
        assert missed <= stored_questions(stack), f"neither marked nor asked about: {missed}"

        assert "A" not in {code for code, _ in second.values()}, "nobody is absent before the teacher says so"
        teacher.send(f"/sessions/{session}/finalise/", {"mark_absent": "on"})
        final = marks(teacher, session)
        assert {name: code for name, (code, _) in final.items()} == stored_marks(stack)
        assert len(final) == len(photos.roster)
        report = admin.look(f"/courses/{course}/report.csv").removeprefix("\ufeff")
        told = {row["Name"]: row for row in csv.DictReader(io.StringIO(report))}
        for name, (code, _) in final.items():
            assert told[name][COLUMNS[code]] == "1"
