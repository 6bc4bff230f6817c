"""The main job in a real browser: a student enrols on a phone, a teacher takes, corrects and hands in the register."""

import csv
import io
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chrome import Watch, sign_in
from tests.browser.places import SHIPPED, load_demo
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.real_faces, pytest.mark.timeout(600)]
# Chosen so that each mark of the register comes about in another way.
SEEN_BY_MACHINE = "Joe Biden"
NAMED_BY_TEACHER = "Barack Obama"
CALLED_BY_HAND = "Eileen Collins"
NOT_THERE = "Nora Nilsen"
# A worker loads its networks for its first picture, on a machine that others use too.
WORKER_MS = 120_000


@dataclass(frozen=True, slots=True)
class School:
    """A running site, and the password of its teacher."""

    stack: Stack
    password: str

    @property
    def url(self) -> str:
        """Its first page."""
        return self.stack.url

    @contextmanager
    def worker_at_rest(self) -> Iterator[None]:
        """Let no photo be done meanwhile: a fast worker would be ready before the page could show that it is at it."""
        self.stack.signal("worker", signal.SIGSTOP)
        try:
            yield
        finally:
            self.stack.signal("worker", signal.SIGCONT)


@pytest.fixture
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """A site with one course and one enrolled student: all others are added through its pages."""
    folder = tmp_path_factory.mktemp("school")
    roster = folder / "Physics" / "roster"
    roster.mkdir(parents=True)
    shutil.copy(SHIPPED / "roster" / "Eileen_Collins.jpg", roster)
    with Stack(folder / "site") as stack:
        logins = load_demo(stack, "--from", roster.parent)
        yield School(stack, logins["teacher"])


@dataclass(frozen=True, slots=True)
class Row:
    """One student's line in the register."""

    item: Locator

    @classmethod
    def of(cls, page: Page, name: str) -> Self:
        """The line of a student."""
        return cls(page.locator("#marks .mark").filter(has=page.locator(".name", has_text=name)))

    def letter(self, key: str) -> Locator:
        """One of its four buttons."""
        return self.item.locator(f".pl.{key}")

    def expect_mark(self, key: str, how: str) -> None:
        """Wait until the mark stands, and how it came about is told."""
        expect(self.letter(key)).to_have_attribute("aria-pressed", "true")
        expect(self.item.locator(".how")).to_contain_text(how)


def add_student(page: Page, course: str, name: str) -> None:
    page.goto(course)
    page.get_by_role("link", name="Add a student").first.click()
    page.locator("[name=name]").fill(name)
    page.locator("main form button").last.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def make_link(page: Page) -> str:
    page.get_by_role("button", name="Make a one-time link").click()
    return page.get_by_label("One-time link", exact=True).input_value()


def enrol_on_phone(phone: Page, address: str, selfie: Path) -> None:
    """The student reads, agrees, sends the selfie and sees the result on the same page."""
    phone.goto(address)
    expect(phone.get_by_role("heading", name=f"Hello {SEEN_BY_MACHINE}")).to_be_visible()
    expect(phone.get_by_role("group", name="What is kept, and why")).to_contain_text("deleted")
    phone.get_by_label("I have read this and agree.").check()
    phone.get_by_label("Selfie", exact=True).set_input_files(selfie)
    phone.get_by_role("button", name="Send my selfie").click()
    phone.wait_for_url("**/enrolled/")
    phone.evaluate("() => { window.sameDocument = true; }")
    expect(phone.get_by_role("heading", name="It works")).to_be_visible(timeout=WORKER_MS)
    assert phone.evaluate("() => window.sameDocument"), "the result needed a reload"


def upload_photo(page: Page, photo: Path, school: School) -> None:
    """Upload, and watch the worker's progress until names and boxes stand there, all on one page."""
    page.evaluate("() => { window.sameDocument = true; }")
    status = page.locator("#photos [role=status]")
    with school.worker_at_rest():
        page.get_by_label("Choose photos").set_input_files(photo)
        expect(status).to_contain_text("1 photo is being looked at")
        expect(page.locator("#no-names")).to_contain_text("The photo is being looked at")
    expect(page.locator("#photos .tag")).to_contain_text("2 faces", timeout=WORKER_MS)
    expect(page.locator("#review svg a.box")).to_have_count(2)
    expect(status).to_be_empty()
    expect(page.locator("#review a.box.recognised")).to_contain_text(SEEN_BY_MACHINE)
    expect(page.locator("#review .faces")).to_contain_text([SEEN_BY_MACHINE])
    Row.of(page, SEEN_BY_MACHINE).expect_mark("P", "recognised")
    for name in (NAMED_BY_TEACHER, CALLED_BY_HAND, NOT_THERE):
        expect(Row.of(page, name).item).to_contain_text("not seen", ignore_case=True)


def name_a_face(page: Page) -> None:
    """Tap the box of whom the machine doesn't know, and say who it is."""
    page.locator("#review a.box.unknown rect.line").click()
    window = page.get_by_role("dialog", name="Who is this?")
    expect(window.get_by_role("heading", name="Who is this?")).to_be_visible()
    window.get_by_label("Search the roster").fill(NAMED_BY_TEACHER.split()[1].lower())
    window.get_by_role("button", name="Set").click()
    expect(window).to_be_hidden()
    expect(page.locator("#review a.box.unknown")).to_have_count(0)
    expect(page.locator("#review svg")).to_contain_text(NAMED_BY_TEACHER)
    expect(Row.of(page, NAMED_BY_TEACHER).letter("P")).to_have_attribute("aria-pressed", "true")


def correct_with_keys(page: Page, name: str, key: str) -> None:
    """Move to a student with the arrows, and set the mark with its letter."""
    row = Row.of(page, name)
    for _ in range(4):
        page.keyboard.press("ArrowDown")
        if row.item.locator(":focus").count():
            break
    page.keyboard.press(key.lower())
    row.expect_mark(key, "by hand")


def finalise(page: Page) -> None:
    """Hand the register in: the site asks before it marks anybody absent."""
    page.get_by_role("link", name="Finalise…").click()
    question = page.get_by_role("dialog", name="Finalise this register?")
    expect(question.get_by_label("Mark absent: the one student without a mark")).to_be_checked()
    question.get_by_role("button", name="Not yet").click()
    expect(Row.of(page, NOT_THERE).letter("A")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("link", name="Finalise…").click()
    question.get_by_role("button", name="Finalise").click()
    expect(page.get_by_text("✓ final")).to_be_visible()


def marks_on_page(page: Page) -> dict[str, str]:
    """The register as a reader sees it: name to mark."""
    rows = page.locator("#marks .mark").all()
    return {
        row.locator(".name").inner_text().strip(): re.sub(r"[\s·]+$", "", row.locator(".label").inner_text())
        for row in rows
    }


def marks_in_csv(page: Page) -> dict[str, str]:
    """The register as the downloaded file says it."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Register as CSV").click()
    text = waiting.value.path().read_text("utf-8-sig")
    return {row["Name"]: row["Mark"].lower() for row in csv.DictReader(io.StringIO(text))}


def test_a_register_from_selfie_to_csv(school: School, browser: Browser, watch: Watch) -> None:
    desk = watch.over(browser.new_context(base_url=school.url, viewport={"width": 1280, "height": 900}))
    phone = watch.over(
        browser.new_context(base_url=school.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    )
    page = desk.new_page()
    sign_in(page, "teacher", school.password)
    page.get_by_role("link", name="Physics").click()
    page.wait_for_url("**/courses/*/")
    course = page.url
    for name in (NAMED_BY_TEACHER, NOT_THERE, SEEN_BY_MACHINE):
        add_student(page, course, name)
    address = make_link(page)
    enrol_on_phone(phone.new_page(), address, SHIPPED / "roster" / "Joe_Biden.jpg")
    page.goto(course)
    expect(page.get_by_role("heading", name="2 of 4 can be recognised")).to_be_visible()

    page.get_by_role("button", name="Take attendance").click()
    upload_photo(page, SHIPPED / "photo-1.jpg", school)
    name_a_face(page)
    late = Row.of(page, CALLED_BY_HAND)
    late.letter("L").click()
    late.expect_mark("L", "by hand")
    correct_with_keys(page, SEEN_BY_MACHINE, "E")
    assert page.evaluate("() => window.sameDocument"), "the work needed a reload"

    finalise(page)
    marks = marks_on_page(page)
    assert marks == {
        CALLED_BY_HAND: "late",
        SEEN_BY_MACHINE: "excused",
        NAMED_BY_TEACHER: "present",
        NOT_THERE: "absent",
    }
    assert marks_in_csv(page) == marks
    desk.close()
    phone.close()
