"""The teacher's word on a face."""

import pytest
from django.test import Client

from attendance.models import AttendanceRecord, DetectedFace, Source, Status, Student
from tests.attendance.conftest import World
from tests.conftest import MakeStudent

HTMX = {"HX-Request": "true"}


@pytest.fixture
def zoe(world: World, make_student: MakeStudent) -> Student:
    """On the roster, in the photo, without a selfie."""
    return make_student("zoe")


@pytest.fixture
def stranger(world: World) -> DetectedFace:
    return DetectedFace.objects.get(snapshot=world.photo, student=None)


def test_window_offers_candidates_and_the_whole_roster(desk: Client, world: World, zoe: Student) -> None:
    text = desk.get(f"/faces/{world.face.pk}/", headers=HTMX).content.decode()
    assert "Is this Ada?" in text
    assert f'<option value="{zoe.pk}">Zoe</option>' in text
    assert "<html" not in text


def test_without_scripts_it_is_a_page_of_its_own(desk: Client, world: World) -> None:
    assert "<html" in desk.get(f"/faces/{world.face.pk}/").content.decode()


def test_naming_a_face_marks_that_student_by_hand(desk: Client, stranger: DetectedFace, zoe: Student) -> None:
    form = {"decision": "STUDENT", "other": zoe.pk}
    response = desk.post(f"/faces/{stranger.pk}/decide/", form, headers=HTMX)
    record = AttendanceRecord.objects.get(student=zoe)
    assert (record.status, record.source, record.face) == (Status.PRESENT, Source.MANUAL, stranger)
    assert response["HX-Trigger-After-Settle"] == "faces-decided"
    assert "confirmed by hand" in response.content.decode()


def test_one_tap_on_a_candidate_is_enough(desk: Client, world: World) -> None:
    desk.post(f"/faces/{world.face.pk}/decide/", {"student": world.student.pk})
    world.face.refresh_from_db()
    assert world.face.decision == DetectedFace.Decision.STUDENT
    assert world.face.decided_student == world.student


def test_not_in_this_class_takes_the_machine_mark_back(desk: Client, world: World) -> None:
    desk.post(f"/faces/{world.face.pk}/decide/", {"decision": "NOT_IN_CLASS"})
    assert not AttendanceRecord.objects.exists()


@pytest.mark.parametrize(("outsider", "word"), [("GUEST", "guest"), ("OTHER_CLASS", "other class")])
def test_who_is_not_in_this_class_may_be_a_guest_or_of_another(
    desk: Client, world: World, outsider: str, word: str
) -> None:
    assert f'name="outsider" value="{outsider}"' in desk.get(f"/faces/{world.face.pk}/", headers=HTMX).content.decode()
    response = desk.post(f"/faces/{world.face.pk}/decide/", {"outsider": outsider, "other": ""}, headers=HTMX)
    world.face.refresh_from_db()
    assert (world.face.decision, world.face.outsider) == (DetectedFace.Decision.NOT_IN_CLASS, outsider)
    assert word in response.content.decode()
    assert not AttendanceRecord.objects.exists()


@pytest.mark.parametrize(
    "form", [{}, {"outsider": "ALIEN"}, {"decision": "STUDENT"}, {"decision": "BOSS"}, {"student": "999999"}]
)
def test_word_that_means_nothing_is_refused(desk: Client, world: World, form: dict[str, str]) -> None:
    response = desk.post(f"/faces/{world.face.pk}/decide/", form, headers=HTMX)
    assert response.status_code == 400
    assert response["HX-Retarget"] == "#notices"


def test_student_of_another_course_cannot_be_named(
    desk: Client, world: World, make_student: MakeStudent, other_course: object
) -> None:
    elsewhere = make_student("moe", course=other_course)
    response = desk.post(f"/faces/{world.face.pk}/decide/", {"student": elsewhere.pk})
    assert response.status_code == 400
    assert not AttendanceRecord.objects.filter(student=elsewhere).exists()


@pytest.mark.parametrize("path", ["/photos/{photo}/image/", "/photos/{photo}/faces/", "/faces/{face}/crop/"])
def test_picture_is_never_kept_by_a_browser(desk: Client, world: World, path: str) -> None:
    response = desk.get(path.format(photo=world.photo.public_id, face=world.face.pk))
    assert response["Content-Type"] == "image/jpeg"
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response.content[:3] == b"\xff\xd8\xff"
