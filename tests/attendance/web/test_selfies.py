"""Selfies: by the student through the one-time link, by the student signed in, by the teacher; held ones; consent."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from attendance.models import AuditEvent, Consent, EnrolmentLink, FaceTemplate, PolicyText, Selfie, Student, User
from attendance.services import gallery
from tests.attendance.conftest import World
from tests.attendance.web.conftest import Browser
from tests.conftest import MakeStudent
from tests.fakes import class_photo, selfie_of


def file(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("selfie.jpg", data, content_type="image/jpeg")


@pytest.fixture
def token(student: Student, policy: PolicyText, teacher: User) -> str:
    return gallery.make_enrolment_link(student=student, by=teacher)


class TestLink:
    def test_says_what_is_kept_and_writes_nothing(self, client: Client, token: str) -> None:
        before = AuditEvent.objects.count()
        response = client.get(f"/enrol/{token}/")
        text = response.content.decode()
        assert "We compare your selfie with class photos." in text
        assert 'capture="user"' in text
        assert response["Referrer-Policy"] == "no-referrer"
        assert EnrolmentLink.objects.get().used_at is None
        assert AuditEvent.objects.count() == before

    def test_takes_consent_and_selfie_and_shows_the_result(self, client: Client, token: str, student: Student) -> None:
        response = client.post(f"/enrol/{token}/", {"consent": "on", "photo": file(selfie_of("ada"))}, follow=True)
        assert "Looking at your selfie" in response.content.decode()
        assert Consent.objects.get().student == student
        gallery.process_selfie(Selfie.objects.get().pk)
        assert "It works" in client.get("/enrolled/state/").content.decode()

    def test_browser_that_sends_no_origin_may_use_it(self, token: str) -> None:
        client = Client(enforce_csrf_checks=True)
        form = {"consent": "on", "photo": file(selfie_of("ada"))}
        assert client.post(f"/enrol/{token}/", form, headers={"Origin": "null"}).status_code == 302

    def test_without_consent_nothing_is_kept_and_the_link_stays(self, client: Client, token: str) -> None:
        response = client.post(f"/enrol/{token}/", {"photo": file(selfie_of("ada"))})
        assert response.status_code == 409
        assert not Selfie.objects.exists()
        assert EnrolmentLink.objects.get().used_at is None

    @pytest.mark.parametrize("data", [b"", b"no picture"])
    def test_bad_picture_says_why_and_the_link_stays(self, client: Client, token: str, data: bytes) -> None:
        response = client.post(f"/enrol/{token}/", {"consent": "on", "photo": file(data)})
        assert response.status_code == 400
        assert 'role="alert"' in response.content.decode()
        assert EnrolmentLink.objects.get().used_at is None

    def test_works_once(self, client: Client, token: str) -> None:
        client.post(f"/enrol/{token}/", {"consent": "on", "photo": file(selfie_of("ada"))})
        for response in (client.get(f"/enrol/{token}/"), client.post(f"/enrol/{token}/by-hand/")):
            assert response.status_code == 410
            assert response["Referrer-Policy"] == "no-referrer"
        assert Selfie.objects.count() == 1

    def test_tampered_token_is_nothing(self, client: Client, token: str) -> None:
        assert client.get(f"/enrol/{token[:-1]}x/").status_code == 404

    def test_too_old_is_gone(self, client: Client, token: str) -> None:
        EnrolmentLink.objects.update(expires_at="2020-01-01T00:00:00Z")
        assert client.get(f"/enrol/{token}/").status_code == 410

    def test_by_hand_needs_no_reason(self, client: Client, token: str, student: Student) -> None:
        assert client.post(f"/enrol/{token}/by-hand/").status_code == 200
        student.refresh_from_db()
        assert student.by_hand_only
        assert client.get(f"/enrol/{token}/").status_code == 410

    def test_result_belongs_to_the_browser_that_sent_it(self, client: Client, world: World) -> None:
        assert client.get("/enrolled/").status_code == 404
        assert client.get("/enrolled/state/").status_code == 404

    def test_held_selfie_names_nobody_to_the_student(
        self, client: Client, enrolled: Selfie, make_student: MakeStudent, teacher: User
    ) -> None:
        twin = make_student("twin")
        token = gallery.make_enrolment_link(student=twin, by=teacher)
        client.post(f"/enrol/{token}/", {"consent": "on", "photo": file(selfie_of("ada", seed=9))})
        gallery.process_selfie(Selfie.objects.get(student=twin).pk)
        text = client.get("/enrolled/state/").content.decode()
        assert "Your teacher looks at it" in text
        assert "Ada" not in text


class TestTeacher:
    def test_link_is_shown_once(self, desk: Client, student: Student, policy: PolicyText) -> None:
        text = desk.post(f"/students/{student.pk}/link/").content.decode()
        assert "http://testserver/enrol/" in text
        assert "/enrol/" not in desk.get(f"/students/{student.pk}/").content.decode()

    def test_link_is_refused_until_a_policy_is_published(self, desk: Client, student: Student) -> None:
        assert desk.post(f"/students/{student.pk}/link/").status_code == 409
        assert not EnrolmentLink.objects.exists()

    def test_selfie_needs_consent(self, desk: Client, student: Student, policy: PolicyText) -> None:
        form = {"photo": file(selfie_of("ada"))}
        assert desk.post(f"/students/{student.pk}/selfies/", form).status_code == 409
        desk.post(f"/students/{student.pk}/consent/", {"on": "1"})
        assert desk.post(f"/students/{student.pk}/selfies/", {"photo": file(selfie_of("ada"))}).status_code == 302
        assert Selfie.objects.get().student == student

    def test_unusable_selfie_says_why(self, desk: Client, student: Student, policy: PolicyText, teacher: User) -> None:
        gallery.give_consent(student=student, by=teacher)
        selfie = gallery.add_selfie(student=student, data=class_photo("ada", "ben"), by=teacher)
        gallery.process_selfie(selfie.pk)
        selfie.refresh_from_db()
        assert selfie.failure_reason
        text = desk.get(f"/students/{student.pk}/").content.decode()
        assert "can&#x27;t be used" in text or "can't be used" in text

    def test_held_pair_is_shown_side_by_side_and_decided(
        self, desk: Client, enrolled: Selfie, make_student: MakeStudent, teacher: User
    ) -> None:
        twin = make_student("twin")
        gallery.give_consent(student=twin, by=teacher)
        held = gallery.add_selfie(student=twin, data=selfie_of("ada", seed=9), by=teacher)
        gallery.process_selfie(held.pk)
        text = desk.get("/selfies/held/").content.decode()
        assert f"/selfies/{held.pk}/image/" in text
        assert f"/selfies/{enrolled.pk}/image/" in text
        desk.post(f"/selfies/{held.pk}/review/", {"on": "1"})
        held.refresh_from_db()
        assert held.verdict == Selfie.Verdict.ACCEPTED

    def test_held_pair_hides_a_student_of_another_course(
        self, browser: Browser, other_teacher: User, enrolled: Selfie, make_student: MakeStudent, other_course: object
    ) -> None:
        twin = make_student("twin", course=other_course)
        gallery.give_consent(student=twin, by=other_teacher)
        held = gallery.add_selfie(student=twin, data=selfie_of("ada", seed=9), by=other_teacher)
        Selfie.objects.filter(pk=held.pk).update(state="DONE", verdict="HELD", look_alike=enrolled.student)
        text = browser(other_teacher).get("/selfies/held/").content.decode()
        assert "Twin" in text
        assert "Ada" not in text
        assert f"/selfies/{enrolled.pk}/image/" not in text

    def test_by_hand_only_is_a_switch(self, desk: Client, student: Student, policy: PolicyText) -> None:
        desk.post(f"/students/{student.pk}/by-hand/", {"on": "1"})
        student.refresh_from_db()
        assert student.by_hand_only
        desk.post(f"/students/{student.pk}/by-hand/", {"on": ""})
        student.refresh_from_db()
        assert not student.by_hand_only


class TestImage:
    def test_opens_for_teacher_and_student_and_is_written_down(
        self, desk: Client, browser: Browser, student_user: User, enrolled: Selfie
    ) -> None:
        for client in (desk, browser(student_user)):
            response = client.get(f"/selfies/{enrolled.pk}/image/")
            assert response.status_code == 200
            assert "no-store" in response["Cache-Control"]
        assert AuditEvent.objects.filter(action="selfie.viewed").count() == 2

    def test_is_nothing_for_anybody_else(
        self, browser: Browser, other_teacher: User, enrolled: Selfie, make_student: MakeStudent, client: Client
    ) -> None:
        fellow = User.objects.create_user(username="ben", role="STUDENT")
        make_student("ben", user=fellow)
        for user in (other_teacher, fellow):
            for path in (f"/selfies/{enrolled.pk}/image/", f"/selfies/{enrolled.pk}/remove/"):
                response = browser(user).post(path) if "remove" in path else browser(user).get(path)
                assert response.status_code == 404
        assert client.get(f"/selfies/{enrolled.pk}/image/").status_code == 302
        assert Selfie.objects.filter(pk=enrolled.pk).exists()


class TestOwnPage:
    @pytest.fixture
    def phone(self, browser: Browser, student_user: User, student: Student) -> Client:
        return browser(student_user)

    def test_shows_own_marks_and_nobody_else(
        self, phone: Client, world: World, make_student: MakeStudent, desk: Client
    ) -> None:
        ben = make_student("ben")
        desk.post(f"/sessions/{world.session.pk}/records/{ben.pk}/", {"status": "LATE"})
        for path in ("/me/", f"/me/courses/{world.course.pk}/"):
            text = phone.get(path).content.decode()
            assert "present" in text
            assert "Ben" not in text

    def test_course_of_others_is_not_there(self, phone: Client, other_course: object) -> None:
        assert phone.get(f"/me/courses/{other_course.pk}/").status_code == 404  # type: ignore[attr-defined]

    def test_agrees_and_sends_a_selfie(self, phone: Client, policy: PolicyText, student: Student) -> None:
        phone.post("/me/consent/", {"on": "1"})
        assert phone.post("/me/selfies/", {"photo": file(selfie_of("ada"))}).status_code == 302
        gallery.process_selfie(Selfie.objects.get().pk)
        assert "accepted" in phone.get("/me/selfies/state/").content.decode()

    def test_withdrawing_deletes_at_once_and_keeps_marks(self, phone: Client, world: World) -> None:
        phone.post("/me/consent/", {"on": ""})
        assert not Selfie.objects.exists()
        assert not FaceTemplate.objects.exists()
        assert world.session.records.count() == 1

    def test_export_holds_own_data_and_no_vector(self, phone: Client, world: World) -> None:
        response = phone.get("/me/export.json")
        assert response["Content-Type"] == "application/json"
        assert "attachment" in response["Content-Disposition"]
        assert "Ada" in response.content.decode()
        assert "embedding" not in response.content.decode()

    def test_account_without_student_says_the_next_step(self, browser: Browser) -> None:
        loner = User.objects.create_user(username="loner", role="STUDENT")
        assert "Not on a roster yet" in browser(loner).get("/me/").content.decode()
