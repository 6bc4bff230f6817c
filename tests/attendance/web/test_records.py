"""One-tap marks: set, cleared, conflicting, undone, with history; the same with and without scripts."""

import pytest
from django.test import Client

from attendance.models import AttendanceRecord, ClassSession, Source, Status, Student, User
from attendance.services import records
from tests.attendance.conftest import World
from tests.conftest import MakeStudent

HTMX = {"HX-Request": "true"}


@pytest.fixture
def address(class_session: ClassSession, student: Student) -> str:
    return f"/sessions/{class_session.pk}/records/{student.pk}/"


class TestMark:
    def test_one_tap_sets_it_by_hand(self, desk: Client, address: str, teacher: User) -> None:
        response = desk.post(address, {"status": "LATE", "version": "0"}, headers=HTMX)
        record = AttendanceRecord.objects.get()
        assert (record.status, record.source, record.updated_by) == (Status.LATE, Source.MANUAL, teacher)
        assert response.status_code == 200
        assert b'id="counts" hx-swap-oob="true"' in response.content
        assert b"L 1 late" in response.content

    def test_second_tap_takes_it_away(self, desk: Client, address: str) -> None:
        desk.post(address, {"status": "LATE", "version": "0"})
        version = AttendanceRecord.objects.get().version
        response = desk.post(address, {"status": "NONE", "version": version}, headers=HTMX)
        assert response.status_code == 200
        assert not AttendanceRecord.objects.exists()

    def test_without_scripts_it_leads_back_to_the_row(
        self, desk: Client, address: str, class_session: ClassSession, student: Student
    ) -> None:
        response = desk.post(address, {"status": "PRESENT", "version": "0"})
        assert response.status_code == 302
        assert response["Location"] == f"/sessions/{class_session.pk}/#mark-{student.pk}"

    def test_conflict_shows_both_values_and_changes_nothing(
        self, desk: Client, address: str, class_session: ClassSession, student: Student, admin: User
    ) -> None:
        records.set_status(session=class_session, student=student, status=Status.EXCUSED, by=admin)
        response = desk.post(address, {"status": "ABSENT", "version": "0"}, headers=HTMX)
        text = response.content.decode()
        assert response.status_code == 409
        assert "You chose <strong>absent</strong>" in text
        assert "<strong>excused</strong> (Ann Admin)" in text
        assert AttendanceRecord.objects.get().status == Status.EXCUSED

    def test_conflict_without_scripts_is_told_on_the_page(
        self, desk: Client, address: str, class_session: ClassSession, student: Student, admin: User
    ) -> None:
        records.set_status(session=class_session, student=student, status=Status.EXCUSED, by=admin)
        response = desk.post(address, {"status": "ABSENT", "version": "0"}, follow=True)
        assert "You chose absent, but meanwhile it became excused (Ann Admin)." in response.content.decode()

    @pytest.mark.parametrize("status", ["", "HERE", "<script>"])
    def test_unknown_status_is_refused(self, desk: Client, address: str, status: str) -> None:
        response = desk.post(address, {"status": status, "version": "0"}, headers=HTMX)
        assert response.status_code == 400
        assert response["HX-Retarget"] == "#notices"
        assert not AttendanceRecord.objects.exists()

    def test_other_fields_of_the_body_are_ignored(self, desk: Client, address: str, teacher: User) -> None:
        desk.post(address, {"status": "LATE", "version": "0", "source": "RECOGNISED", "updated_by": "1"})
        record = AttendanceRecord.objects.get()
        assert (record.source, record.updated_by) == (Source.MANUAL, teacher)


class TestRestPresent:
    def test_fills_only_empty_marks(
        self, desk: Client, class_session: ClassSession, student: Student, make_student: MakeStudent, teacher: User
    ) -> None:
        make_student("ben")
        records.set_status(session=class_session, student=student, status=Status.EXCUSED, by=teacher)
        response = desk.post(f"/sessions/{class_session.pk}/rest-present/", headers=HTMX)
        assert "1 student marked present." in response.content.decode()
        marks = dict(AttendanceRecord.objects.values_list("student__name", "status"))
        assert marks == {"Ada": Status.EXCUSED, "Ben": Status.PRESENT}

    def test_whole_class_is_called_by_hand_with_two_requests(
        self, desk: Client, class_session: ClassSession, make_student: MakeStudent
    ) -> None:
        class_of = [make_student(f"pupil {number:02}") for number in range(30)]
        desk.post(f"/sessions/{class_session.pk}/rest-present/")
        desk.post(f"/sessions/{class_session.pk}/records/{class_of[3].pk}/", {"status": "ABSENT"})
        assert AttendanceRecord.objects.filter(status=Status.PRESENT).count() == 29
        assert AttendanceRecord.objects.get(status=Status.ABSENT).student == class_of[3]

    def test_undo_takes_all_of_it_back(
        self, desk: Client, class_session: ClassSession, student: Student, make_student: MakeStudent
    ) -> None:
        make_student("ben")
        desk.post(f"/sessions/{class_session.pk}/rest-present/")
        response = desk.post(f"/sessions/{class_session.pk}/undo/", headers=HTMX)
        assert "2 marks taken back." in response.content.decode()
        assert not AttendanceRecord.objects.exists()

    @pytest.mark.parametrize("named", ["9" * 5000, "9" * 30, "\u0663x", "-1"])
    def test_undo_for_a_number_that_is_nobodys_is_not_found(
        self, named: str, desk: Client, class_session: ClassSession
    ) -> None:
        assert desk.post(f"/sessions/{class_session.pk}/undo/", {"student": named}).status_code == 404

    def test_undo_of_nothing_says_so(self, desk: Client, class_session: ClassSession) -> None:
        response = desk.post(f"/sessions/{class_session.pk}/undo/", follow=True)
        assert "Nothing to undo." in response.content.decode()


class TestHistory:
    def test_says_who_and_what(self, desk: Client, world: World, address: str) -> None:
        desk.post(address, {"status": "LATE"})
        text = desk.get(f"{address}history/").content.decode()
        assert "present → late" in text
        assert "Tess Teacher" in text
        assert "recognition" in text

    def test_offers_undo_only_where_there_is_something_to_undo(self, desk: Client, world: World, address: str) -> None:
        offer = "Undo the last change by hand"
        assert offer not in desk.get(f"{address}history/").content.decode()
        desk.post(address, {"status": "LATE"})
        assert offer in desk.get(f"{address}history/").content.decode()
        desk.post(f"/sessions/{world.session.pk}/undo/", {"student": world.student.pk})
        assert offer not in desk.get(f"{address}history/").content.decode()


class TestFinal:
    @pytest.fixture(autouse=True)
    def final(self, desk: Client, class_session: ClassSession, student: Student) -> None:
        desk.post(f"/sessions/{class_session.pk}/finalise/", {"mark_absent": "on"})

    def test_unseen_student_is_absent(self, class_session: ClassSession) -> None:
        class_session.refresh_from_db()
        assert class_session.is_final
        assert AttendanceRecord.objects.get().status == Status.ABSENT

    def test_mark_is_refused(self, desk: Client, address: str) -> None:
        response = desk.post(address, {"status": "PRESENT"}, headers=HTMX)
        assert response.status_code == 409
        assert response["HX-Retarget"] == "#notices"
        assert "Reopen it" in response.content.decode()
        assert AttendanceRecord.objects.get().status == Status.ABSENT

    def test_reopened_it_takes_marks_again(self, desk: Client, class_session: ClassSession, address: str) -> None:
        desk.post(f"/sessions/{class_session.pk}/reopen/")
        desk.post(address, {"status": "PRESENT"})
        assert AttendanceRecord.objects.get().status == Status.PRESENT


def test_finalising_without_marking_absent_leaves_empty_marks_empty(
    desk: Client, class_session: ClassSession, student: Student
) -> None:
    desk.post(f"/sessions/{class_session.pk}/finalise/")
    class_session.refresh_from_db()
    assert class_session.is_final
    assert not AttendanceRecord.objects.exists()
