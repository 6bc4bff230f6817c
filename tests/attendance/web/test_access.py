"""Each page with the whole cast: who teaches it, who teaches elsewhere, a student, an admin, nobody."""

import re
from collections.abc import Callable
from typing import Final

import pytest
from django.test import Client
from django.urls import URLPattern

from attendance.models import AttendanceRecord, AuditEvent, DetectedFace, Enrolment, Selfie, Snapshot, User
from attendance.web.urls import urlpatterns
from tests.attendance.conftest import World
from tests.attendance.web.conftest import Browser

COURSE_PAGES: Final = [
    "/courses/{course}/",
    "/courses/{course}/sessions/new/",
    "/courses/{course}/students/new/",
    "/courses/{course}/report/",
    "/courses/{course}/report.csv",
    "/courses/{course}/report.xlsx",
    "/courses/{course}/report/{student}/",
    "/courses/{course}/unknown-faces/",
    "/sessions/{session}/",
    "/sessions/{session}/photos/",
    "/sessions/{session}/review/",
    "/sessions/{session}/register/",
    "/sessions/{session}/register.csv",
    "/sessions/{session}/records/{student}/history/",
    "/photos/{photo}/image/",
    "/faces/{face}/",
    "/faces/{face}/crop/",
    "/students/{student}/",
    "/students/{student}/edit/",
    "/students/{student}/selfies/state/",
]
TEACHER_PAGES: Final = ["/courses/", "/selfies/held/"]
ADMIN_PAGES: Final = [
    "/courses/new/",
    "/courses/{course}/edit/",
    "/courses/{course}/roster/",
    "/school/",
    "/school/privacy/",
    "/school/report/",
    "/school/report.csv?first_day=2026-01-01&last_day=2026-12-31",
    "/school/at-risk.csv?first_day=2026-01-01&last_day=2026-12-31",
    "/school/audit/",
    "/school/queue/",
    "/school/model/",
    "/school/terms/",
    "/school/people/",
]
COURSE_FORMS: Final = [
    "/courses/{course}/take/",
    "/courses/{course}/sessions/new/",
    "/courses/{course}/students/new/",
    "/courses/{course}/unknown-faces/answer/",
    "/enrolments/{enrolment}/end/",
    "/enrolments/{enrolment}/move/",
    "/sessions/{session}/upload/",
    "/sessions/{session}/finalise/",
    "/sessions/{session}/reopen/",
    "/sessions/{session}/rest-present/",
    "/sessions/{session}/undo/",
    "/sessions/{session}/records/{student}/",
    "/photos/{photo}/delete/",
    "/photos/{photo}/retry/",
    "/faces/{face}/decide/",
    "/students/{student}/edit/",
    "/students/{student}/link/",
    "/students/{student}/by-hand/",
    "/students/{student}/consent/",
    "/students/{student}/forget-confirmed/",
    "/students/{student}/selfies/",
    "/selfies/{selfie}/review/",
    "/selfies/{selfie}/retry/",
]
ADMIN_FORMS: Final = [
    "/courses/new/",
    "/courses/{course}/edit/",
    "/courses/{course}/roster/",
    "/students/{student}/erase/",
    "/school/",
    "/school/privacy/",
    "/school/model/switch/",
    "/school/queue/photos/{photo}/retry/",
    "/school/queue/selfies/{selfie}/retry/",
    "/school/terms/",
    "/school/people/",
]
OPEN: Final = {
    "login",
    "logout",
    "health-live",
    "health-ready",
    "metrics",
    "link",
    "link-by-hand",
    "link-result",
    "link-state",
}
Fill = Callable[[str], str]


@pytest.fixture
def fill(world: World) -> Fill:
    """Put this world's ids into an address."""
    enrolment = Enrolment.objects.get(student=world.student)

    def put(path: str) -> str:
        return path.format(
            course=world.course.pk,
            session=world.session.pk,
            photo=world.photo.public_id,
            face=world.face.pk,
            student=world.student.pk,
            selfie=world.selfie.pk,
            enrolment=enrolment.pk,
        )

    return put


@pytest.mark.parametrize("path", COURSE_PAGES)
class TestCoursePage:
    def test_opens_for_its_teacher_and_the_admin(
        self, path: str, fill: Fill, browser: Browser, teacher: User, admin: User
    ) -> None:
        for user in (teacher, admin):
            assert browser(user).get(fill(path)).status_code == 200

    def test_does_not_exist_for_another_teacher(
        self, path: str, fill: Fill, browser: Browser, other_teacher: User
    ) -> None:
        response = browser(other_teacher).get(fill(path))
        assert response.status_code == 404
        assert b"Ada" not in response.content

    def test_is_forbidden_for_a_student(self, path: str, fill: Fill, browser: Browser, student_user: User) -> None:
        assert browser(student_user).get(fill(path)).status_code == 403

    def test_asks_a_stranger_to_sign_in(self, path: str, fill: Fill, client: Client) -> None:
        response = client.get(fill(path))
        assert response.status_code == 302
        assert response["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("path", [*TEACHER_PAGES, *ADMIN_PAGES])
def test_page_is_open_to_the_admin_and_closed_to_students_and_strangers(
    path: str, fill: Fill, browser: Browser, admin: User, student_user: User, client: Client
) -> None:
    assert browser(admin).get(fill(path)).status_code == 200
    assert browser(student_user).get(fill(path)).status_code == 403
    assert client.get(fill(path)).status_code == 302


@pytest.mark.parametrize("path", [*COURSE_PAGES, *TEACHER_PAGES, *ADMIN_PAGES, "/", "/me/"])
def test_navigation_says_where_one_is(
    path: str, fill: Fill, browser: Browser, admin: User, teacher: User, student_user: User
) -> None:
    for user in (student_user,) if path == "/me/" else (admin, teacher):
        response = browser(user).get(fill(path))
        text = b"" if response.streaming else response.content
        if response.status_code == 200 and b"<nav " in text:
            marked = re.findall(rb'aria-current="page">(\w[\w ]*)</a>', text)
            assert len(marked) == 1, (path, user)
            assert not path.startswith("/school/") or marked == [b"School"]


def test_held_selfies_hang_below_what_their_reader_has(office: Client, desk: Client) -> None:
    crumb = '<p class="crumbs"><a href="/{0}/">{1}</a></p>'
    assert crumb.format("school", "School") in office.get("/selfies/held/").content.decode()
    assert crumb.format("courses", "Courses") in desk.get("/selfies/held/").content.decode()


@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_admin_page_is_forbidden_for_a_teacher(path: str, fill: Fill, desk: Client) -> None:
    assert desk.get(fill(path)).status_code == 403


@pytest.mark.parametrize("path", COURSE_FORMS)
def test_form_of_a_course_changes_nothing_for_outsiders(
    path: str, fill: Fill, browser: Browser, other_teacher: User, student_user: User, client: Client
) -> None:
    before = _everything()
    assert browser(other_teacher).post(fill(path), {"on": "1", "status": "PRESENT"}).status_code == 404
    assert browser(student_user).post(fill(path), {"on": "1", "status": "PRESENT"}).status_code == 403
    assert client.post(fill(path)).status_code == 302
    assert _everything() == before


@pytest.mark.parametrize("path", ADMIN_FORMS)
def test_form_of_the_school_is_forbidden_for_teachers_and_students(
    path: str, fill: Fill, desk: Client, browser: Browser, student_user: User
) -> None:
    before = _everything()
    assert desk.post(fill(path)).status_code == 403
    assert browser(student_user).post(fill(path)).status_code == 403
    assert _everything() == before


def _everything() -> tuple[int, ...]:
    models = (AttendanceRecord, AuditEvent, DetectedFace, Enrolment, Selfie, Snapshot)
    return tuple(model.objects.count() for model in models)


@pytest.mark.parametrize("path", [*COURSE_FORMS, *ADMIN_FORMS])
def test_form_without_csrf_token_is_refused(path: str, fill: Fill, admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert client.post(fill(path)).status_code == 403


def test_every_address_asks_to_sign_in_unless_it_is_meant_to_be_open() -> None:
    routes = [route for route in urlpatterns if isinstance(route, URLPattern)]
    for route in routes:
        needs = getattr(route.callback, "login_required", True)
        assert needs is (route.name not in OPEN - {"logout"}), route.name


@pytest.mark.parametrize("path", [*COURSE_PAGES, *TEACHER_PAGES, *ADMIN_PAGES, "/", "/me/"])
def test_looking_writes_nothing_but_that_somebody_looked(path: str, fill: Fill, office: Client) -> None:
    before = _everything_but_looks()
    office.get(fill(path))
    assert _everything_but_looks() == before


def _everything_but_looks() -> tuple[int, ...]:
    models = (AttendanceRecord, DetectedFace, Enrolment, Selfie, Snapshot)
    changes = AuditEvent.objects.exclude(action__endswith="viewed").exclude(action__endswith="exported").count()
    return (*(model.objects.count() for model in models), changes)


POST_ONLY: Final = [path for path in COURSE_FORMS if path not in {*COURSE_PAGES}]


@pytest.mark.parametrize("path", POST_ONLY)
def test_form_address_is_not_opened_by_a_link(path: str, fill: Fill, office: Client) -> None:
    assert office.get(fill(path)).status_code == 405
