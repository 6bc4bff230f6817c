"""The audit log in words: every code of the source has some, and no value is shown as the log holds it."""

import ast
import datetime as dt
import html
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings
from django.test import Client

from attendance.models import AuditEvent, Course, DetectedFace, Student, User
from attendance.services import exports, faces_review, gallery, people, privacy, records, reports, rosters, school
from attendance.services import sessions as meetings
from attendance.services.roster_files import FileRow
from attendance.services.roster_imports import apply_roster
from attendance.web.auditlog import EVENTS_A_PAGE
from attendance.web.auditwords import ACTIONS, FIELDS, KINDS, changes
from tests.attendance.conftest import World
from tests.conftest import MakeStudent

WRITES: Final = re.compile(r"\b(record_event|new_event|update_mark)\(")
SHOWN_OTHERWISE: Final = {"batch", "face", "seen_at", "source", "status", "version"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Source:
    """The source, read: which texts reach a parameter, under whatever names it is passed on."""

    def __init__(self, *parameters: str) -> None:
        self.parameters = parameters
        sources = [path.read_text() for path in sorted((Path(settings.BASE_DIR) / "attendance").rglob("*.py"))]
        self.trees = [ast.parse(source) for source in sources if WRITES.search(source)]
        self.constants: dict[str, str] = {}
        for tree in self.trees:
            for name, value in _assigned(tree):
                self.constants[name] = value

    def texts(self) -> set[str]:
        """Every text that is passed."""
        return {text for tree in self.trees for name in self.parameters for text in self._of(tree, name)}

    def _of(self, tree: ast.Module, parameter: str) -> Iterator[str]:
        takes = {"new_event": None, "record_event": None, "update_mark": None} | {
            node.name: _place(node, parameter)
            for node in ast.walk(tree)
            if isinstance(node, Function) and _place(node, parameter) != -1
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or _name(node.func) not in takes:
                continue
            place = takes[_name(node.func)]
            values = [word.value for word in node.keywords if word.arg == parameter]
            if not values and place is not None and place < len(node.args):
                values = [node.args[place]]
            for value in values:
                yield from self._told(value)

    def _told(self, value: ast.expr) -> Iterator[str]:
        if isinstance(value, ast.Constant):
            yield str(value.value)
        elif isinstance(value, ast.IfExp):
            yield from self._told(value.body)
            yield from self._told(value.orelse)
        elif _name(value) not in self.parameters:  # a parameter that is passed on: its own callers are read
            yield self.constants[_name(value)]


def _assigned(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets[0], node.value
            pairs = zip(targets.elts, value.elts, strict=True) if isinstance(targets, ast.Tuple) else [(targets, value)]  # type: ignore[attr-defined]  # as many texts as names
            for target, text in pairs:
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield _name(target), text.value


def _place(function: Function, parameter: str) -> int | None:
    """Where a function takes the parameter: by this place, by name only (None), or not at all (-1)."""
    names = [argument.arg for argument in function.args.args]
    if parameter in names:
        return names.index(parameter)
    return None if parameter in [argument.arg for argument in function.args.kwonlyargs] else -1


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_every_action_of_the_source_has_words() -> None:
    found = Source("action").texts()
    assert {"record.set", "record.withdrawn", "selfie.refused", "retention.faces", "backup.restored"} <= found
    assert len(found) > 45
    assert found - ACTIONS.keys() == set()


def test_every_kind_of_thing_has_words() -> None:
    found = Source("object_type", "what").texts()
    assert {"attendancerecord", "user", "school"} <= found
    assert found - KINDS.keys() == set()


@pytest.fixture
def busy_day(
    world: World, other_course: Course, make_student: MakeStudent, teacher: User, admin: User, today: dt.date
) -> Student:
    """Nearly everything that the log knows of, done once."""
    ben = make_student("ben")
    school.update_school(by=admin, name="Hill School", photo_retention_days=20)
    term = school.create_term(name="Spring", starts_on=today, ends_on=today, by=admin)
    school.update_term(term=term, name="Spring", starts_on=today, ends_on=today + dt.timedelta(days=9), by=admin)
    person = people.create_person(username="eve", name="Eve", role="TEACHER", password="long-enough-1", by=admin)
    people.update_person(
        person=person, username="eve", name="Eve", role="STUDENT", is_active=True, student=ben, by=admin
    )
    rosters.update_course(course=world.course, by=admin, teachers=[teacher], late_weight=Decimal("0.50"))
    rosters.update_student(student=ben, by=admin, pronunciation="BEN")
    rosters.enrol(course=other_course, student=ben, from_day=today, by=admin)
    apply_roster(course=world.course, rows=[FileRow(line=2, fields={"name": "Cem"}, errors=())], by=admin)
    stranger = DetectedFace.objects.get(snapshot=world.photo, student=None)
    decide = faces_review.decide_face
    decide(face=stranger, decision="NOT_IN_CLASS", outsider="GUEST", by=teacher)
    decide(face=stranger, decision="STUDENT", student=ben, by=teacher)
    records.set_status(session=world.session, student=world.student, status="LATE", by=teacher, reason="bus")
    records.clear_status(session=world.session, student=world.student, by=teacher)
    records.undo(session=world.session, by=teacher)
    gallery.set_by_hand_only(student=ben, on=True, by=teacher)
    gallery.publish_policy(
        text="B.", lawful_basis="consent", photo_retention_days=9, template_retention_days=99, by=admin
    )
    report = reports.course_report(world.course, first_day=today, last_day=today)
    exports.report_csv(report, by=teacher)
    meetings.finalise_session(session=world.session, by=teacher, mark_absent=True)
    gallery.withdraw_consent(student=world.student, by=teacher)
    privacy.erase_student(student=world.student, by=admin)
    return ben


def test_page_shows_no_code_and_no_value_as_the_log_holds_it(office: Client, busy_day: Student) -> None:
    assert 25 < AuditEvent.objects.count() <= EVENTS_A_PAGE
    text = html.unescape(office.get("/school/audit/").content.decode())
    lines = re.sub(r"<[^>]*>", "", text[text.index("<ol") : text.index("</ol>")])
    for raw in ("{", "[", "'", "None", "True", "NOT_IN_CLASS", "GUEST", "EXCUSED", "_"):
        assert raw not in lines, raw
    assert not re.search(r"\b[a-z_]+\.[a-z_]+\b", lines.replace("127.0.0.1", ""))
    for told in (
        "present → late (by hand)",
        "word: not looked at → not in this class",
        "who: guest",
        "student: none → Ben",
        "a late mark counts as: 0.80 → 0.50",
        "role: Teacher → Student",
        "open → final",
        "fields: pronunciation",
        "new students: 1",
        "“bus”",
        "Physics, ",
    ):
        assert told in lines, told


def test_every_field_that_the_log_holds_has_words(busy_day: Student) -> None:
    sides = [side for event in AuditEvent.objects.all() for side in (event.old, event.new) if isinstance(side, dict)]
    keys = {key for side in sides for key in side}
    assert len(keys) > 25
    assert keys - FIELDS.keys() - SHOWN_OTHERWISE == set()


def test_who_did_what_nobody_asked_for_is_said(office: Client, world: World) -> None:
    AuditEvent.objects.create(
        actor_id=None, action="retention.photos", object_type="school", object_id="1", new={"count": 3}
    )
    text = office.get("/school/audit/?action=retention.photos").content.decode()
    assert '<option value="" selected>everybody</option>' in text
    assert "by the site itself" in text
    assert "how many: 3" in text
    assert "by recognition" in office.get("/school/audit/?action=selfie.accepted").content.decode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, {"status": "PRESENT", "source": "TELEPATHY"}),
        ({"status": "ASLEEP", "source": "MANUAL"}, None),
        ({}, {"source": "MANUAL"}),
        ("PRESENT", ["LATE"]),
    ],
)
def test_mark_of_another_release_is_shown_as_the_log_holds_it(old: object, new: object) -> None:
    event = AuditEvent(action="record.set", object_type="attendancerecord", object_id="1", old=old, new=new)
    said = " ".join(changes(event, people={}, students={}))
    for value in ("TELEPATHY", "ASLEEP", "LATE"):
        assert (value in said) == (value in str((old, new)))
