"""The page of unknown faces: groups, two taps an answer, and nobody else's."""

import datetime as dt
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from attendance.models import AttendanceRecord, ClassSession, Course, DetectedFace, Enrolment, Student, User
from attendance.services import recognition, sessions, snapshots
from attendance.web.views import strangers as page_views
from tests.attendance.web.conftest import Browser
from tests.conftest import MakeStudent
from tests.fakes import class_photo

HTMX = {"HX-Request": "true"}
Photograph = Callable[..., None]


@pytest.fixture
def photograph(class_session: ClassSession, teacher: User) -> Photograph:
    """Let a worker look at a photo of these people; ``seed`` makes another photo of them."""

    def take(*people: str, session: ClassSession = class_session, seed: int = 0) -> None:
        added = snapshots.add_snapshot(session=session, data=class_photo(*people, seed=seed), by=teacher)
        recognition.recognise(added.snapshot.pk)

    return take


@pytest.fixture
def yesterday(class_session: ClassSession) -> ClassSession:
    return ClassSession.objects.create(
        course=class_session.course,
        starts_at=class_session.starts_at - dt.timedelta(days=1),
        ends_at=class_session.ends_at - dt.timedelta(days=1),
        held_on=class_session.held_on - dt.timedelta(days=1),
    )


@pytest.fixture
def address(course: Course, photograph: Photograph, yesterday: ClassSession) -> str:
    """The page, with Zoe in three photos of two sessions and Yan in one of them."""
    photograph("zoe", "yan")
    photograph("zoe")
    photograph("zoe", session=yesterday)
    return f"/courses/{course.pk}/unknown-faces/"


def look(client: Client, address: str) -> BeautifulSoup:
    answer = client.get(address)
    assert answer.status_code == 200
    return BeautifulSoup(answer.content, "html.parser")


def cards(page: BeautifulSoup) -> list[Tag]:
    return page.select(".strangers article")


def tap(client: Client, place: Tag, label: str, *, htmx: bool = False) -> BeautifulSoup:
    """Press a button of a form as a browser does: hidden fields, its own name and value; follow where it leads."""
    [button] = [one for one in place.select("button") if label == re.split(r"\s+likeness", one.get_text().strip())[0]]
    form = button.find_parent("form")
    assert form is not None
    fields = {str(one["name"]): str(one["value"]) for one in form.select("input[type=hidden]")}
    fields[str(button["name"])] = str(button["value"])
    wire = "hx-post" if htmx else "action"
    answer = client.post(str(form[wire]), fields, follow=not htmx, headers=HTMX if htmx else {})
    assert answer.status_code == 200, answer.content
    return BeautifulSoup(answer.content, "html.parser")


def words() -> set[tuple[str, str]]:
    return set(DetectedFace.objects.exclude(decision="NONE").values_list("decision", "outsider"))


def test_largest_group_comes_first_with_its_photos_and_sessions(desk: Client, address: str) -> None:
    first, second = cards(look(desk, address))
    assert first.h2 is not None
    assert first.h2.get_text() == "In 3 photos, 2 sessions"
    assert second.h2 is not None
    assert second.h2.get_text() == "In 1 photo"
    assert (len(first.select("canvas")), len(second.select("canvas"))) == (3, 1)


def test_each_crop_is_drawn_from_its_place_on_the_sheet(desk: Client, address: str) -> None:
    for card in cards(look(desk, address)):
        for crop in card.select("li a"):
            face = DetectedFace.objects.get(pk=str(crop["href"]).split("/")[2])
            canvas = crop.select_one("canvas")
            assert canvas is not None
            assert canvas["data-sheet"] == f"/photos/{face.snapshot.public_id}/faces/"
            assert list(face.snapshot.faces.all())[int(str(canvas["data-place"]))] == face


@pytest.mark.parametrize("htmx", [False, True], ids=["without scripts", "htmx"])
@pytest.mark.parametrize(
    ("label", "word"),
    [
        ("Guest", ("NOT_IN_CLASS", "GUEST")),
        ("Other class", ("NOT_IN_CLASS", "OTHER_CLASS")),
        ("Not a face", ("NOT_A_FACE", "")),
    ],
)
def test_one_tap_answers_all_faces_of_a_group_and_another_takes_it_back(
    htmx: bool, label: str, word: tuple[str, str], desk: Client, address: str
) -> None:
    after = tap(desk, cards(look(desk, address))[0], label, htmx=htmx)
    assert words() == {word}
    assert DetectedFace.objects.filter(decision=word[0]).count() == 3
    [left] = cards(after)
    assert left.h2 is not None
    assert left.h2.get_text() == "In 1 photo"
    notice = after.select_one("#answered")
    assert notice is not None
    assert "said of 3 faces" in notice.get_text()
    back = tap(desk, notice, "Undo", htmx=htmx)
    assert words() == set()
    assert len(cards(back)) == 2
    assert "Taken back" in back.get_text()
    assert back.select_one("#answered") is None


@pytest.mark.parametrize("htmx", [False, True], ids=["without scripts", "htmx"])
def test_two_taps_name_a_student_in_every_photo(
    htmx: bool, desk: Client, address: str, make_student: MakeStudent
) -> None:
    zoe = make_student("zoe")
    [fold] = cards(look(desk, address))[0].select("details")
    after = tap(desk, fold, "Zoe", htmx=htmx)
    assert set(AttendanceRecord.objects.values_list("student", "status")) == {(zoe.pk, "PRESENT")}
    assert AttendanceRecord.objects.count() == 2
    notice = after.select_one("#answered")
    assert notice is not None
    assert "Zoe" in notice.get_text()


def test_likely_student_is_one_tap_away(
    desk: Client, address: str, make_student: MakeStudent, other_course: Course
) -> None:
    zoe, elsewhere = make_student("zoe"), make_student("yan", course=other_course)
    DetectedFace.objects.update(candidates=[[elsewhere.pk, 0.4], [zoe.pk, 0.3]])
    [choices] = cards(look(desk, address))[0].select(".choices")
    assert "Yan" not in choices.get_text()
    tap(desk, choices, "Zoe")
    assert AttendanceRecord.objects.filter(student=zoe).count() == 2


def test_fragment_is_no_whole_page(desk: Client, address: str) -> None:
    assert tap(desk, cards(look(desk, address))[0], "Guest", htmx=True).find("html") is None


def test_faces_that_could_not_take_the_word_are_told_of(
    desk: Client, address: str, make_student: MakeStudent, today: dt.date
) -> None:
    newcomer = make_student("zoe", from_day=today)
    after = tap(desk, cards(look(desk, address))[0], "Zoe")
    assert AttendanceRecord.objects.get().student == newcomer
    assert "1 face was left" in after.get_text()
    assert len(cards(after)) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"faces": ""},
        {"faces": "x"},
        {"faces": "9" * 40},
        {"faces": ",".join(["1"] * 201)},
        {"outsider": "FRIEND"},
        {"outsider": "", "decision": "BOSS"},
        {"outsider": "", "student": "999999"},
        {"outsider": ""},
    ],
)
def test_word_that_means_nothing_is_refused(desk: Client, address: str, change: dict[str, str]) -> None:
    ids = ",".join(map(str, DetectedFace.objects.values_list("pk", flat=True)))
    answer = desk.post(f"{address}answer/", {"faces": ids, "outsider": "GUEST"} | change, headers=HTMX)
    assert answer.status_code == 400
    assert answer["HX-Retarget"] == "#notices"
    assert words() == set()


def test_second_tap_on_the_same_card_says_that_it_was_answered(desk: Client, address: str) -> None:
    stale = cards(look(desk, address))[0]
    tap(desk, stale, "Guest")
    faces = stale.select_one("input[name=faces]")
    assert faces is not None
    answer = desk.post(f"{address}answer/", {"faces": str(faces["value"]), "outsider": "OTHER_CLASS"}, headers=HTMX)
    assert answer.status_code == 409
    assert words() == {("NOT_IN_CLASS", "GUEST")}


def test_another_teacher_finds_and_changes_nothing(
    address: str, browser: Browser, other_teacher: User, other_course: Course
) -> None:
    outsider = browser(other_teacher)
    ids = ",".join(map(str, DetectedFace.objects.values_list("pk", flat=True)))
    assert outsider.get(address).status_code == 404
    for place in (address, f"/courses/{other_course.pk}/unknown-faces/"):
        assert outsider.post(f"{place}answer/", {"faces": ids, "outsider": "GUEST"}).status_code == 404
    assert words() == set()
    own = look(outsider, f"/courses/{other_course.pk}/unknown-faces/?said={ids}")
    assert cards(own) == []
    assert own.select_one("#answered") is None


def test_student_of_another_course_cannot_be_named(
    desk: Client, address: str, make_student: MakeStudent, other_course: Course
) -> None:
    elsewhere = make_student("moe", course=other_course)
    assert "Moe" not in look(desk, address).get_text()
    face = DetectedFace.objects.all()[0]
    answer = desk.post(f"{address}answer/", {"faces": face.pk, "student": elsewhere.pk})
    assert answer.status_code == 400
    assert not AttendanceRecord.objects.exists()


def test_nothing_is_shown_once_the_registers_are_final(
    desk: Client, address: str, course: Course, class_session: ClassSession, yesterday: ClassSession, teacher: User
) -> None:
    ids = ",".join(map(str, DetectedFace.objects.values_list("pk", flat=True)))
    for session in (class_session, yesterday):
        sessions.finalise_session(session=session, by=teacher)
    page = look(desk, f"{address}?said={ids}")
    assert "No unknown faces" in page.get_text()
    assert not page.select("canvas, img[src*=crop], input[name=faces]")
    assert page.select_one(f"a[href='{address}']") is None
    for place in (f"/courses/{course.pk}/", f"/sessions/{class_session.pk}/"):
        assert look(desk, place).select_one(f"a[href='{address}']") is None


def test_course_and_open_session_lead_here_only_where_a_face_is_unknown(
    desk: Client, course: Course, class_session: ClassSession, photograph: Photograph
) -> None:
    places = (f"/courses/{course.pk}/", f"/sessions/{class_session.pk}/", f"/sessions/{class_session.pk}/review/")
    there = f"a[href='/courses/{course.pk}/unknown-faces/']"
    assert [look(desk, place).select_one(there) for place in places] == [None] * 3
    photograph("zoe")
    assert all(look(desk, place).select_one(there) is not None for place in places)
    DetectedFace.objects.update(decision="NOT_A_FACE")
    assert [look(desk, place).select_one(there) for place in places] == [None] * 3


def test_groups_come_page_by_page_and_an_answer_stays_on_its_page(
    desk: Client, address: str, photograph: Photograph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_views, "GROUPS_A_PAGE", 1)
    photograph("xia", seed=1)
    second = look(desk, f"{address}?page=2")
    assert len(cards(second)) == 1
    assert {one["rel"][0] for one in second.select(".pages a")} == {"prev", "next"}
    form = cards(second)[0].form
    assert form is not None
    faces = form.select_one("input[name=faces]")
    assert faces is not None
    answer = desk.post(str(form["action"]), {"faces": str(faces["value"]), "outsider": "GUEST"})
    assert parse_qs(urlsplit(answer["Location"]).query)["page"] == ["2"]


def test_page_asks_the_database_as_often_for_three_groups_as_for_one(
    desk: Client, course: Course, photograph: Photograph, make_student: MakeStudent
) -> None:
    address = f"/courses/{course.pk}/unknown-faces/"
    photograph("zoe")
    make_student("ada")
    few = _queries(desk, address)
    photograph("yan", "xia", seed=1)
    make_student("ben")
    make_student("cem")
    assert _queries(desk, address) == few


def _queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_who_left_before_the_open_sessions_is_not_offered(
    desk: Client, address: str, make_student: MakeStudent, today: dt.date
) -> None:
    gone = make_student("gus")
    Enrolment.objects.filter(student=gone).update(ends_on=today - dt.timedelta(days=2))
    assert Student.objects.filter(name="Gus").exists()
    assert "Gus" not in look(desk, address).get_text()
