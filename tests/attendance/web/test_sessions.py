"""The session page: upload, progress, boxes, register, finalise."""

import datetime as dt
import re

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from attendance.models import AttendanceRecord, ClassSession, Course, Snapshot, Source, Status, Student, User, WorkState
from attendance.services import pace, recognition
from tests.attendance.conftest import World
from tests.conftest import MakeStudent
from tests.fakes import class_photo

JSON = {"Accept": "application/json"}
HTMX = {"HX-Request": "true"}


def file(data: bytes, name: str = "class.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type="image/jpeg")


class TestToday:
    def test_one_button_opens_the_session(self, desk: Client, course: Course, student: Student) -> None:
        assert b"Take attendance" in desk.get("/").content
        response = desk.post(f"/courses/{course.pk}/take/")
        session = ClassSession.objects.get()
        assert response["Location"] == f"/sessions/{session.pk}/"
        assert session.held_on == timezone.localdate()

    def test_two_taps_open_one_session(self, desk: Client, course: Course) -> None:
        desk.post(f"/courses/{course.pk}/take/")
        desk.post(f"/courses/{course.pk}/take/")
        assert ClassSession.objects.count() == 1

    def test_course_of_another_teacher_is_not_there(self, desk: Client, course: Course, other_course: Course) -> None:
        assert "Music" not in desk.get("/").content.decode()

    def test_empty_state_says_the_next_step(self, desk: Client, office: Client) -> None:
        assert "An admin adds you to your courses" in desk.get("/").content.decode()
        assert "Make a term" in office.get("/").content.decode()

    def test_unfinished_session_of_an_earlier_day_is_named(
        self, desk: Client, class_session: ClassSession, today: dt.date
    ) -> None:
        ClassSession.objects.update(held_on=today - dt.timedelta(days=1))
        assert "Still open from earlier days" in desk.get("/").content.decode()


class TestNewSession:
    @pytest.mark.parametrize("start", ["9999-01-01T08:00", "1800-01-01T08:00", "tomorrow", ""])
    def test_date_that_cannot_be_meant_is_refused(self, desk: Client, course: Course, start: str) -> None:
        form = {"starts_at": start, "ends_at": "2026-01-01T09:00"}
        response = desk.post(f"/courses/{course.pk}/sessions/new/", form)
        assert response.status_code == 400
        assert not ClassSession.objects.exists()

    def test_opens_at_the_school_clock(self, desk: Client, course: Course, today: dt.date) -> None:
        form = {"starts_at": f"{today}T00:05", "ends_at": f"{today}T01:00", "title": "Early"}
        assert desk.post(f"/courses/{course.pk}/sessions/new/", form).status_code == 302
        session = ClassSession.objects.get()
        assert timezone.localtime(session.starts_at).strftime("%H:%M") == "00:05"


class TestUpload:
    @pytest.fixture
    def address(self, class_session: ClassSession) -> str:
        return f"/sessions/{class_session.pk}/upload/"

    def test_photo_is_queued(self, desk: Client, address: str, jpeg: bytes, teacher: User) -> None:
        response = desk.post(address, {"photos": [file(jpeg)]}, headers=JSON)
        assert response.status_code == 201
        assert response.json() == {"created": [True]}
        snapshot = Snapshot.objects.get()
        assert (snapshot.state, snapshot.uploaded_by) == (WorkState.QUEUED, teacher)

    def test_same_photo_again_is_not_a_second_one(self, desk: Client, address: str, jpeg: bytes) -> None:
        desk.post(address, {"photos": [file(jpeg)]})
        response = desk.post(address, {"photos": [file(jpeg)]}, headers=JSON)
        assert response.status_code == 200
        assert response.json() == {"created": [False]}
        assert Snapshot.objects.count() == 1

    def test_lost_answer_can_be_asked_for_again_with_the_key(self, desk: Client, address: str, jpeg: bytes) -> None:
        headers = JSON | {"Idempotency-Key": "0c2b0d5e-1f2a-4a44-9d5c-7a3f7a1f0001"}
        for _ in range(2):
            assert desk.post(address, {"photos": [file(jpeg)]}, headers=headers).status_code in {200, 201}
        assert Snapshot.objects.count() == 1

    def test_many_at_once_without_scripts(self, desk: Client, address: str, class_session: ClassSession) -> None:
        photos = [file(class_photo("ada", seed=seed)) for seed in range(3)]
        response = desk.post(address, {"photos": photos})
        assert response["Location"] == f"/sessions/{class_session.pk}/"
        assert Snapshot.objects.count() == 3

    def test_a_key_with_several_photos_names_none_of_them(self, desk: Client, address: str) -> None:
        photos = [file(class_photo("ada", seed=seed)) for seed in range(2)]
        response = desk.post(address, {"photos": photos}, headers=JSON | {"Idempotency-Key": "several-at-once"})
        assert response.json() == {"created": [True, True]}
        assert Snapshot.objects.count() == 2

    @pytest.mark.parametrize(
        ("data", "status"), [(b"", 400), (b"hello", 400), (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415)]
    )
    def test_what_is_no_photo_is_refused_with_a_reason(
        self, desk: Client, address: str, data: bytes, status: int
    ) -> None:
        response = desk.post(address, {"photos": [file(data)]}, headers=JSON)
        assert response.status_code == status
        assert response.json()["detail"]
        assert not Snapshot.objects.exists()

    def test_no_file_is_refused(self, desk: Client, address: str) -> None:
        assert desk.post(address, headers=JSON).status_code == 400

    def test_too_large_file_is_refused_unread(self, desk: Client, address: str, settings: LazySettings) -> None:
        settings.MAX_PHOTO_MB = 1
        response = desk.post(address, {"photos": [file(b"\xff\xd8\xff" + b"0" * 1_000_001)]}, headers=JSON)
        assert response.status_code == 413

    def test_too_many_files_are_refused_with_the_limit(
        self, desk: Client, address: str, settings: LazySettings
    ) -> None:
        settings.MAX_PHOTOS_PER_UPLOAD = 2
        photos = [file(class_photo("ada", seed=seed)) for seed in range(3)]
        response = desk.post(address, {"photos": photos}, headers=JSON)
        assert response.status_code == 400
        assert "2" in response.json()["detail"]
        assert not Snapshot.objects.exists()

    def test_flood_is_asked_to_wait(self, desk: Client, address: str, settings: LazySettings) -> None:
        settings.UPLOADS_PER_HOUR = 1
        desk.post(address, {"photos": [file(class_photo("ada"))]})
        response = desk.post(address, {"photos": [file(class_photo("ben"))]}, headers=JSON)
        assert response.status_code == 429
        assert int(response["Retry-After"]) > 0

    def test_long_queue_is_a_503_that_says_when_to_come_back(
        self, desk: Client, address: str, settings: LazySettings
    ) -> None:
        settings.MAX_QUEUED_PHOTOS = 1
        desk.post(address, {"photos": [file(class_photo("ada"))]})
        response = desk.post(address, {"photos": [file(class_photo("ben"))]}, headers=JSON)
        assert (response.status_code, response.json()["code"]) == (503, "queue-too-long")
        assert int(response["Retry-After"]) == pace.SHORTEST_SECONDS

    def test_name_of_the_file_is_never_used(self, desk: Client, address: str, jpeg: bytes) -> None:
        desk.post(address, {"photos": [file(jpeg, "../../x\u202egpj.exe")]})
        name = str(Snapshot.objects.get().image.name)
        assert ".." not in name
        assert "exe" not in name


class TestProgress:
    def test_waiting_photo_is_asked_for_again(self, desk: Client, class_session: ClassSession, jpeg: bytes) -> None:
        desk.post(f"/sessions/{class_session.pk}/upload/", {"photos": [file(jpeg)]})
        text = desk.get(f"/sessions/{class_session.pk}/photos/?finished=0").content.decode()
        assert 'hx-trigger="every' in text
        assert "waiting for a worker" in text

    def test_first_photo_ends_the_words_that_there_is_none(
        self, desk: Client, class_session: ClassSession, jpeg: bytes
    ) -> None:
        page, photos, review = (f"/sessions/{class_session.pk}/{part}" for part in ("", "photos/", "review/"))
        assert "No photo yet" in desk.get(page).content.decode()
        assert f"{photos}?finished=0&amp;photos=0" in desk.get(page).content.decode()
        assert "HX-Trigger" not in desk.get(f"{photos}?finished=0&photos=0")
        desk.post(f"/sessions/{class_session.pk}/upload/", {"photos": [file(jpeg)]})
        response = desk.get(f"{photos}?finished=0&photos=0")
        assert response["HX-Trigger"] == "photos-changed"
        assert f"{photos}?finished=0&amp;photos=1" in response.content.decode()
        assert "HX-Trigger" not in desk.get(f"{photos}?finished=0&photos=1")
        for address in (page, review):
            text = desk.get(address).content.decode()
            assert "The photo is being looked at" in text
            assert "No photo yet" not in text
        Snapshot.objects.update(state=WorkState.FAILED, failure_reason="Too dark.")
        assert desk.get(f"{photos}?finished=0&photos=1")["HX-Trigger"] == "photos-changed"
        for address in (page, review):
            text = desk.get(address).content.decode()
            assert "The photo gave no names" in text
            assert "No photo yet" not in text

    def test_final_register_without_photos_asks_for_none(self, desk: Client, class_session: ClassSession) -> None:
        desk.post(f"/sessions/{class_session.pk}/finalise/")
        assert "No photo yet" not in desk.get(f"/sessions/{class_session.pk}/").content.decode()

    def test_finished_photo_tells_the_page_to_fetch_names(self, desk: Client, world: World) -> None:
        response = desk.get(f"/sessions/{world.session.pk}/photos/?finished=0")
        assert response["HX-Trigger"] == "photos-changed"
        assert b"every" not in response.content
        assert b"2 faces" in response.content
        again = desk.get(f"/sessions/{world.session.pk}/photos/?finished=1")
        assert "HX-Trigger" not in again

    def test_failed_photo_says_why_and_can_be_tried_again(self, desk: Client, world: World) -> None:
        Snapshot.objects.update(state=WorkState.FAILED, failure_reason="Too dark to see a face.")
        text = desk.get(f"/sessions/{world.session.pk}/photos/").content.decode()
        assert "Too dark to see a face." in text
        desk.post(f"/photos/{world.photo.public_id}/retry/")
        world.photo.refresh_from_db()
        assert world.photo.state == WorkState.QUEUED


class TestBoxes:
    def test_are_drawn_in_pixels_of_the_photo_with_name_and_line_style(self, desk: Client, world: World) -> None:
        text = desk.get(f"/sessions/{world.session.pk}/").content.decode()
        assert f'viewBox="0 0 {world.photo.width} {world.photo.height}"' in text
        assert f'x="{world.face.x:.1f}"' in text
        assert 'class="box recognised"' in text
        assert 'class="box unknown"' in text
        assert "Ada: clear 1.00" in text

    def test_list_mirrors_every_box(self, desk: Client, world: World) -> None:
        text = desk.get(f"/sessions/{world.session.pk}/review/").content.decode()
        assert text.count('class="box ') == text.count('class="face ') == 2

    def test_name_is_escaped_everywhere(self, desk: Client, world: World) -> None:
        Student.objects.update(name="<script>alert(1)</script>")
        for path in ("", "review/", "register/", f"records/{world.student.pk}/history/"):
            text = desk.get(f"/sessions/{world.session.pk}/{path}").content.decode()
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert" in text

    def test_deleting_the_photo_keeps_marks_by_hand(self, desk: Client, world: World) -> None:
        desk.post(f"/sessions/{world.session.pk}/records/{world.student.pk}/", {"status": "LATE"})
        response = desk.post(f"/photos/{world.photo.public_id}/delete/", headers=HTMX)
        assert response["HX-Trigger"] == "photos-changed"
        assert AttendanceRecord.objects.get().status == Status.LATE
        assert desk.get(f"/photos/{world.photo.public_id}/image/").status_code == 404


class TestFinaliseQuestion:
    def test_says_how_many_would_become_absent(
        self, desk: Client, class_session: ClassSession, student: Student, make_student: MakeStudent
    ) -> None:
        def question(address: str = "", **form: str) -> str:
            page = f"/sessions/{class_session.pk}/{address}"
            text = (desk.post(page, form, headers=HTMX) if form else desk.get(page, headers=HTMX)).content.decode()
            return " ".join(re.findall(r'<span id="unmarked"[^>]*>([^<]*)</span>', text))

        ben = make_student("ben")
        assert question() == "Mark absent: the 2 students without a mark"
        assert question(f"records/{ben.pk}/", status="LATE") == "Mark absent: the one student without a mark"
        assert question("register/") == "Mark absent: the one student without a mark"
        assert question("rest-present/", go="on") == "Everybody has a mark."
        page = desk.get(f"/sessions/{class_session.pk}/").content.decode()
        assert page.count("Everybody has a mark.") == 2
        assert "0 not seen" not in page
        assert question("undo/", go="on") == "Mark absent: the one student without a mark"

    def test_words_that_came_later_take_the_place_of_the_first(
        self, desk: Client, class_session: ClassSession, student: Student
    ) -> None:
        swapped = re.compile(r'<span id="unmarked"[^>]*hx-swap-oob="true"')
        page = f"/sessions/{class_session.pk}/"
        assert not swapped.search(desk.get(page).content.decode())
        assert swapped.search(desk.get(f"{page}register/").content.decode())
        answer = desk.post(f"{page}records/{student.pk}/", {"status": "LATE"}, headers=HTMX)
        assert swapped.search(answer.content.decode())


class TestJourney:
    def test_photo_by_photo_to_the_csv(
        self, desk: Client, world: World, make_student: MakeStudent, course: Course, today: dt.date
    ) -> None:
        ben = make_student("ben")
        page = desk.get(f"/sessions/{world.session.pk}/").content.decode()
        assert "1 not seen" in page
        desk.post(f"/sessions/{world.session.pk}/records/{world.student.pk}/", {"status": "LATE"})
        desk.post(f"/sessions/{world.session.pk}/upload/", {"photos": [file(class_photo("ada", "zoe", seed=5))]})
        recognition.recognise(Snapshot.objects.latest("pk").pk)
        record = AttendanceRecord.objects.get(student=world.student)
        assert (record.status, record.source) == (Status.LATE, Source.MANUAL)
        desk.post(f"/sessions/{world.session.pk}/finalise/", {"mark_absent": "on"})
        assert AttendanceRecord.objects.get(student=ben).status == Status.ABSENT
        report = desk.get(f"/courses/{course.pk}/report.csv").content.decode()
        lines = {line.split(",")[1]: line for line in report.splitlines()[1:]}
        assert "80.0" in lines["Ada"]
        assert "0.0" in lines["Ben"]

    def test_finalising_while_a_photo_waits_says_what_to_do(
        self, desk: Client, class_session: ClassSession, student: Student, jpeg: bytes
    ) -> None:
        desk.post(f"/sessions/{class_session.pk}/upload/", {"photos": [file(jpeg)]})
        response = desk.post(f"/sessions/{class_session.pk}/finalise/", {"mark_absent": "on"})
        assert response.status_code == 409
        assert "still waiting" in response.content.decode()
        class_session.refresh_from_db()
        assert not class_session.is_final
