"""Reports, privacy, audit log, queue and health."""

import datetime as dt
import re

import pytest
from django.test import Client
from pytest_django import Settings

from attendance.models import AuditEvent, PolicyText, SchoolSettings, Status, Student, User
from attendance.services import records
from tests.attendance.conftest import World
from tests.conftest import MakeStudent


class TestReport:
    @pytest.fixture
    def marked(self, world: World, make_student: MakeStudent, teacher: User) -> World:
        ben = make_student("ben")
        records.set_status(session=world.session, student=ben, status=Status.ABSENT, by=teacher)
        return world

    def test_prints_its_formula_and_marks_who_is_at_risk(self, desk: Client, marked: World) -> None:
        text = desk.get(f"/courses/{marked.course.pk}/report/").content.decode()
        assert "Percentage = points" in text
        assert "late 0.80" in text
        assert "To talk to" in text
        assert text.index("Ben") < text.index("<table")

    def test_period_without_sessions_is_empty(self, desk: Client, marked: World, today: dt.date) -> None:
        day = (today - dt.timedelta(days=3)).isoformat()
        text = desk.get(f"/courses/{marked.course.pk}/report/?first_day={day}&last_day={day}").content.decode()
        assert "0 sessions" in text

    @pytest.mark.parametrize("query", ["first_day=soon", "first_day=2027-01-01&last_day=2026-01-01"])
    def test_period_that_cannot_be_is_refused(self, desk: Client, marked: World, query: str) -> None:
        assert desk.get(f"/courses/{marked.course.pk}/report/?{query}").status_code == 400

    @pytest.mark.parametrize(("kind", "start"), [("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK")])
    def test_export_is_a_file_and_written_down(self, desk: Client, marked: World, kind: str, start: bytes) -> None:
        response = desk.get(f"/courses/{marked.course.pk}/report.{kind}")
        assert response.content.startswith(start)
        assert response["Content-Disposition"].endswith(f'.{kind}"')
        assert AuditEvent.objects.filter(action="report.exported").count() == 1

    def test_unknown_kind_is_nothing(self, desk: Client, marked: World) -> None:
        assert desk.get(f"/courses/{marked.course.pk}/report.exe").status_code == 404

    def test_formula_in_a_name_stays_text(self, desk: Client, marked: World) -> None:
        Student.objects.filter(pk=marked.student.pk).update(name="=HYPERLINK(1)")
        text = desk.get(f"/courses/{marked.course.pk}/report.csv").content.decode()
        assert "'=HYPERLINK(1)" in text

    def test_number_opens_the_rows_behind_it(self, desk: Client, marked: World) -> None:
        text = desk.get(f"/courses/{marked.course.pk}/report/{marked.student.pk}/").content.decode()
        assert f"/sessions/{marked.session.pk}/" in text

    def test_school_file_holds_every_course(self, office: Client, marked: World, today: dt.date) -> None:
        response = office.get(f"/school/report.csv?first_day={today}&last_day={today}")
        text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
        assert "Physics" in text
        assert office.get("/school/report.csv").status_code == 400

    def test_school_list_names_whom_to_talk_to(self, office: Client, marked: World, today: dt.date) -> None:
        response = office.get(f"/school/at-risk.csv?first_day={today}&last_day={today}")
        text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
        assert [line.split(",")[5:7] for line in text.splitlines()[1:]] == [["Ben", "0.0"]]
        assert office.get("/school/at-risk.csv").status_code == 400


class TestPrivacy:
    def test_face_features_are_off_until_it_is_published(self, office: Client) -> None:
        assert "Face features are off" in office.get("/school/privacy/").content.decode()
        form = {
            "text": "What we do.",
            "lawful_basis": "consent",
            "photo_retention_days": 14,
            "template_retention_days": 200,
        }
        office.post("/school/privacy/", form)
        school = SchoolSettings.objects.get()
        assert (school.face_features_on, school.photo_retention_days) == (True, 14)
        assert PolicyText.objects.get().text == "What we do."

    def test_next_version_starts_from_the_times_in_force(self, office: Client) -> None:
        form = {"text": "A.", "lawful_basis": "consent", "photo_retention_days": 14, "template_retention_days": 200}
        office.post("/school/privacy/", form)
        text = office.get("/school/privacy/").content.decode()
        assert re.search(r'name="photo_retention_days" value="14"', text)
        assert re.search(r'name="template_retention_days" value="200"', text)

    def test_empty_text_publishes_nothing(self, office: Client) -> None:
        form = {"text": " ", "lawful_basis": "x", "photo_retention_days": 14, "template_retention_days": 200}
        assert office.post("/school/privacy/", form).status_code == 400
        assert not PolicyText.objects.exists()

    def test_erasing_needs_the_name(self, office: Client, world: World) -> None:
        assert office.post(f"/students/{world.student.pk}/erase/", {"name": "ada"}).status_code == 400
        response = office.post(f"/students/{world.student.pk}/erase/", {"name": "Ada"})
        assert "gone for good" in response.content.decode()
        world.student.refresh_from_db()
        assert world.student.erased_at is not None

    def test_school_gets_its_name(self, office: Client) -> None:
        office.post("/school/", {"name": "Hill School"})
        assert "Hill School" in office.get("/").content.decode()


class TestAudit:
    def test_is_filtered_by_what_and_who(self, office: Client, world: World, other_teacher: User) -> None:
        text = office.get("/school/audit/?action=photo.added").content.decode()
        assert "<strong>Class photo added</strong>" in text
        assert "<strong>Selfie accepted</strong>" not in text
        assert "Nothing matches" in office.get(f"/school/audit/?actor={other_teacher.pk}").content.decode()

    def test_comes_in_pages_that_keep_the_filter(self, office: Client, teacher: User) -> None:
        events = [
            AuditEvent(actor_id=teacher.pk, action="photo.viewed", object_type="snapshot", object_id=str(number))
            for number in range(60)
        ]
        AuditEvent.objects.bulk_create(events)
        text = office.get("/school/audit/?action=photo.viewed").content.decode()
        assert "Page 1 of 2" in text
        assert "?action=photo.viewed&amp;page=2" in text

    def test_days_are_those_of_the_school(self, office: Client, teacher: User, settings: Settings) -> None:
        settings.TIME_ZONE = "Asia/Tokyo"
        for hour in (14, 15):  # 23:00 on the 3rd and midnight of the 4th in Tokyo
            at = dt.datetime(2026, 3, 3, hour, tzinfo=dt.UTC)
            AuditEvent.objects.create(at=at, actor_id=teacher.pk, action=f"hour.{hour}", object_type="x", object_id="1")
        third = office.get("/school/audit/?first_day=2026-03-03&last_day=2026-03-03").content.decode()
        fourth = office.get("/school/audit/?first_day=2026-03-04&last_day=2026-03-04").content.decode()
        assert ("strong>hour.14" in third, "strong>hour.15" in third) == (True, False)
        assert ("strong>hour.14" in fourth, "strong>hour.15" in fourth) == (False, True)

    def test_long_log_is_counted_to_its_latest_events_only(
        self, office: Client, teacher: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("attendance.web.auditlog.MOST_EVENTS", 55)
        AuditEvent.objects.bulk_create(
            AuditEvent(actor_id=teacher.pk, action="photo.viewed", object_type="snapshot", object_id=str(number))
            for number in range(60)
        )
        text = office.get("/school/audit/?action=photo.viewed").content.decode()
        assert "These are the latest 55 events" in text
        assert "Page 1 of 2" in text

    def test_every_action_of_the_log_can_be_chosen(self, office: Client, teacher: User) -> None:
        for action in ("photo.viewed", "b.done", "a.done", "b.done"):
            AuditEvent.objects.create(actor_id=teacher.pk, action=action, object_type="x", object_id="1")
        text = office.get("/school/audit/").content.decode()
        offered = re.findall(r'<option value="(\w+\.\w+)" >([^<]+)</option>', text)
        assert offered == [("a.done", "a.done"), ("b.done", "b.done"), ("photo.viewed", "Class photo looked at")]

    def test_filter_that_makes_no_sense_shows_nothing(self, office: Client, world: World) -> None:
        assert "Nothing matches" in office.get("/school/audit/?first_day=soon").content.decode()


class TestHealth:
    def test_queue_page_names_failures(self, office: Client, world: World) -> None:
        type(world.photo).objects.update(state="FAILED", failure_reason="Too dark.")
        assert "Too dark." in office.get("/school/queue/").content.decode()
