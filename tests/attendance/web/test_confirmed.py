"""What pages say about confirmed faces, old selfies, and courses that get suggestions only."""

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from attendance.models import Course, DetectedFace, PolicyText, Selfie, User
from attendance.services import gallery, recognition, snapshots
from tests.attendance.conftest import World
from tests.attendance.web.conftest import Browser
from tests.conftest import Recognisable
from tests.fakes import Look, class_photo


@pytest.fixture
def allowed(world: World, office: Client) -> None:
    """The school's privacy text says that confirmed faces are kept."""
    form = {
        **{"text": "We compare faces.", "lawful_basis": "consent", "keeps_confirmed": "on"},
        **{"photo_retention_days": 30, "template_retention_days": 400},
    }
    assert office.post("/school/privacy/", form).status_code == 302


@pytest.fixture
def kept(allowed: None, world: World, desk: Client, teacher: User) -> DetectedFace:
    """Ada agreed to it, and her face was confirmed on the page."""
    gallery.give_consent(student=world.student, by=teacher)
    data = class_photo(Look("ada", 0.45, size_px=64), "yan", seed=3)
    added = snapshots.add_snapshot(session=world.session, data=data, by=teacher)
    recognition.recognise(added.snapshot.pk)
    face = added.snapshot.faces.order_by("x")[0]
    desk.post(f"/faces/{face.pk}/decide/", {"student": world.student.pk})
    return face


class TestConfirmedFaces:
    def test_admin_allows_it_with_a_version_of_the_text_and_everybody_is_told(
        self, allowed: None, world: World, office: Client, teacher: User
    ) -> None:
        assert PolicyText.objects.latest("version").keeps_confirmed
        page = office.get("/school/privacy/").content.decode()
        assert "three a student at most, half a year at most" in page
        token = gallery.make_enrolment_link(student=world.student, by=teacher)
        assert "If a teacher confirms your face" in Client().get(f"/enrol/{token}/").content.decode()

    def test_text_without_it_promises_nothing_of_the_kind(self, world: World, office: Client, teacher: User) -> None:
        token = gallery.make_enrolment_link(student=world.student, by=teacher)
        assert "If a teacher confirms" not in Client().get(f"/enrol/{token}/").content.decode()
        assert "not kept" in office.get("/school/privacy/").content.decode()

    def test_teacher_sees_and_deletes_them(self, kept: DetectedFace, world: World, desk: Client) -> None:
        assert "1 confirmed face from a class photo" in desk.get(f"/students/{world.student.pk}/").content.decode()
        desk.post(f"/students/{world.student.pk}/forget-confirmed/")
        assert "confirmed face" not in desk.get(f"/students/{world.student.pk}/").content.decode()
        assert world.student.templates.count() == 1

    def test_student_sees_and_deletes_their_own(
        self, kept: DetectedFace, world: World, browser: Browser, student_user: User
    ) -> None:
        own = browser(student_user)
        assert "1 confirmed face from a class photo" in own.get("/me/").content.decode()
        assert own.post("/me/forget-confirmed/").status_code == 302
        assert not gallery.confirmed_templates().exists()

    def test_another_teacher_cannot(
        self, kept: DetectedFace, world: World, browser: Browser, other_teacher: User
    ) -> None:
        assert browser(other_teacher).post(f"/students/{world.student.pk}/forget-confirmed/").status_code == 404
        assert gallery.confirmed_templates().count() == 1


def test_look_alikes_are_shown_side_by_side_and_others_are_not(
    world: World, desk: Client, recognisable: Recognisable, teacher: User
) -> None:
    ben = recognisable("ben")
    twin = gallery.add_selfie(student=ben, data=class_photo(Look("ada", 0.9), seed=2), by=teacher)
    gallery.process_selfie(twin.pk)
    twin.refresh_from_db()
    gallery.review_held_selfie(selfie=twin, accept=True, by=teacher)
    world.session.records.all().delete()
    assert "look alike" not in desk.get(f"/faces/{world.face.pk}/").content.decode()
    added = snapshots.add_snapshot(session=world.session, data=class_photo("ada", "yan", seed=6), by=teacher)
    recognition.recognise(added.snapshot.pk)
    face = added.snapshot.faces.order_by("x")[0]
    page = desk.get(f"/faces/{face.pk}/").content.decode()
    assert face.outcome == "UNCERTAIN"
    assert "These two look alike" in page
    assert f"/selfies/{world.selfie.pk}/image/" in page
    assert f"/selfies/{twin.pk}/image/" in page
    assert not world.session.records.exists()


def test_old_selfie_is_named_on_the_course_and_on_the_students_page(world: World, desk: Client) -> None:
    Selfie.objects.update(created_at=timezone.now() - dt.timedelta(days=366))
    course = desk.get(f"/courses/{world.course.pk}/").content.decode()
    assert "1 selfie should be taken anew" in course
    assert "retake advised" in course
    assert "over a year old: ask for a new one" in course
    assert "over a year old: ask for a new one" in desk.get(f"/students/{world.student.pk}/").content.decode()


class TestPupilsUnderThirteen:
    @pytest.fixture
    def young(self, world: World, office: Client) -> Course:
        """An admin has said so in the course's settings."""
        form = {
            **{"name": "Physics", "term": world.course.term_id, "suggestions_only": "on", "late_after_minutes": 10},
            **{"late_weight": "0.8", "excused_counts": "LEFT_OUT", "unmarked_counts": "LEFT_OUT"},
        }
        assert office.post(f"/courses/{world.course.pk}/edit/", form).status_code == 302
        world.course.refresh_from_db()
        return world.course

    def test_get_suggestions_and_no_mark(self, young: Course, world: World, teacher: User, ada_free: None) -> None:
        added = snapshots.add_snapshot(session=world.session, data=class_photo("ada", "yan", seed=4), by=teacher)
        recognition.recognise(added.snapshot.pk)
        face = added.snapshot.faces.order_by("x")[0]
        assert (face.outcome, face.student) == ("UNCERTAIN", world.student)
        assert not world.session.records.exists()

    @pytest.fixture
    def ada_free(self, world: World) -> None:
        """Ada has no mark yet."""
        world.session.records.all().delete()

    def test_pages_say_so_and_why(self, young: Course, world: World, office: Client) -> None:
        session = office.get(f"/sessions/{world.session.pk}/").content.decode()
        assert "suggestions, never marks" in session
        assert "far weaker on children" in session
        assert "far weaker on children" in office.get(f"/courses/{young.pk}/").content.decode()
        assert "Pupils under 13" in office.get("/school/privacy/").content.decode()

    def test_other_courses_say_nothing_of_it(self, world: World, desk: Client) -> None:
        assert "never marks" not in desk.get(f"/sessions/{world.session.pk}/").content.decode()


def test_small_faces_are_spoken_of_beside_the_photos(world: World, desk: Client, teacher: User) -> None:
    world.session.records.all().delete()
    assert "Next photo:" not in desk.get(f"/sessions/{world.session.pk}/").content.decode()
    far = class_photo(*(Look(name, 0.2, size_px=24) for name in ("ada", "zoe")), seed=5)
    added = snapshots.add_snapshot(session=world.session, data=far, by=teacher)
    recognition.recognise(added.snapshot.pk)
    page = desk.get(f"/sessions/{world.session.pk}/").content.decode()
    assert "The faces are 24 px wide: step closer or take two photos." in page
