"""Courses and rosters: made, changed, imported with a preview, left."""

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from attendance.models import AuditEvent, Course, Enrolment, Selfie, Student, Term, User
from tests.conftest import PASSWORD, MakeStudent


def file(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("list.csv", text.encode(), content_type="text/csv")


class TestRoster:
    def test_says_who_can_be_recognised(self, desk: Client, enrolled: Selfie, make_student: MakeStudent) -> None:
        make_student("ben")
        text = desk.get(f"/courses/{enrolled.student.enrolments.get().course_id}/").content.decode()
        assert "1 of 2 can be recognised" in text
        assert "no consent yet" in text

    def test_empty_one_says_the_next_step(self, desk: Client, office: Client, course: Course) -> None:
        assert "ask an admin to import a list" in desk.get(f"/courses/{course.pk}/").content.decode()
        assert "Import a list" in office.get(f"/courses/{course.pk}/").content.decode()

    def test_teacher_adds_a_student(self, desk: Client, course: Course, today: dt.date) -> None:
        form = {"name": "Ada <b>Lovelace</b>", "preferred_name": "", "from_day": today.isoformat()}
        response = desk.post(f"/courses/{course.pk}/students/new/", form, follow=True)
        assert Enrolment.objects.get().course == course
        assert "Ada &lt;b&gt;Lovelace" in response.content.decode()
        assert "<b>Lovelace" not in response.content.decode()

    def test_taken_school_id_is_said_in_the_form(self, desk: Client, course: Course, today: dt.date) -> None:
        Student.objects.create(name="Old", sort_key="old", school_id="7")
        form = {"name": "New", "school_id": "7", "from_day": today.isoformat()}
        response = desk.post(f"/courses/{course.pk}/students/new/", form)
        assert response.status_code == 400
        assert "errorlist" in response.content.decode()
        assert not Enrolment.objects.exists()

    def test_enrolment_ends_and_the_past_stays(self, desk: Client, student: Student, today: dt.date) -> None:
        enrolment = student.enrolments.get()
        desk.post(f"/enrolments/{enrolment.pk}/end/", {"last_day": today.isoformat()})
        enrolment.refresh_from_db()
        assert enrolment.ends_on == today

    @pytest.mark.parametrize("day", ["", "soon", "1999-01-01"])
    def test_last_day_that_cannot_be_is_refused(self, desk: Client, student: Student, day: str) -> None:
        enrolment = student.enrolments.get()
        assert desk.post(f"/enrolments/{enrolment.pk}/end/", {"last_day": day}).status_code == 400
        enrolment.refresh_from_db()
        assert enrolment.ends_on is None

    def test_student_moves_to_another_course_and_the_past_stays(
        self, desk: Client, student: Student, teacher: User, course: Course, other_course: Course, today: dt.date
    ) -> None:
        other_course.teachers.add(teacher)
        enrolment = student.enrolments.get()
        page = desk.get(f"/students/{student.pk}/").content.decode()
        assert f'<option value="{other_course.pk}">Music' in page
        assert f'<option value="{course.pk}">' not in page
        tomorrow = today + dt.timedelta(days=1)
        form = {"to": other_course.pk, "first_day": tomorrow.isoformat()}
        answer = desk.post(f"/enrolments/{enrolment.pk}/move/", form, follow=True)
        assert f"From {tomorrow} on Ada is in Music." in answer.content.decode()
        enrolment.refresh_from_db()
        assert enrolment.ends_on == today
        begun = other_course.enrolments.get()
        assert (begun.student, begun.starts_on, begun.ends_on) == (student, tomorrow, None)
        logged = AuditEvent.objects.filter(action__startswith="enrolment.", actor_id=teacher.pk).order_by("pk")
        assert [event.action for event in logged] == ["enrolment.ended", "enrolment.started"]
        back = {"to": course.pk, "first_day": (tomorrow + dt.timedelta(days=1)).isoformat()}
        assert f'<option value="{course.pk}">Physics' in answer.content.decode()
        assert desk.post(f"/enrolments/{begun.pk}/move/", back).status_code == 302
        assert course.enrolments.filter(student=student, ends_on=None).count() == 1

    def test_student_moves_to_no_course_of_somebody_else_or_of_the_past(
        self, desk: Client, student: Student, teacher: User, course: Course, other_course: Course, today: dt.date
    ) -> None:
        address = f"/enrolments/{student.enrolments.get().pk}/move/"
        for to in (other_course.pk, course.pk, ""):
            assert desk.post(address, {"to": to, "first_day": today.isoformat()}).status_code == 400
        over = Term.objects.create(name="Over", starts_on="2020-01-01", ends_on="2020-06-30")
        other_course.teachers.add(teacher)
        other_course.term = over
        other_course.save()
        assert desk.post(address, {"to": other_course.pk, "first_day": today.isoformat()}).status_code == 400
        assert "Move to another course" not in desk.get(f"/students/{student.pk}/").content.decode()
        assert [one.ends_on for one in student.enrolments.all()] == [None]

    @pytest.mark.parametrize("day", ["", "soon", "1999-01-01"])
    def test_move_on_a_day_that_cannot_be_changes_nothing(
        self, desk: Client, student: Student, teacher: User, other_course: Course, day: str
    ) -> None:
        other_course.teachers.add(teacher)
        address = f"/enrolments/{student.enrolments.get().pk}/move/"
        assert desk.post(address, {"to": other_course.pk, "first_day": day}).status_code == 400
        assert [(one.course_id, one.ends_on) for one in student.enrolments.all()] == [
            (student.enrolments.get().course_id, None)
        ]

    def test_names_can_be_changed(self, desk: Client, student: Student) -> None:
        form = {"name": "Ada King", "preferred_name": "Ada", "pronunciation": "AY-da"}
        assert desk.post(f"/students/{student.pk}/edit/", form).status_code == 302
        student.refresh_from_db()
        assert (student.name, student.pronunciation) == ("Ada King", "AY-da")


class TestImport:
    def test_preview_writes_nothing_and_confirming_writes_what_it_showed(self, office: Client, course: Course) -> None:
        address = f"/courses/{course.pk}/roster/"
        preview = office.post(address, {"file": file("school id;name\n1;Ada\n2;Ben\n;\n")})
        assert not Student.objects.exists()
        assert preview.content.decode().count("new student") == 2
        office.post(address, {"rows": preview.context["rows"]})
        assert sorted(Student.objects.values_list("name", flat=True)) == ["Ada", "Ben"]

    def test_changed_rows_are_refused(self, office: Client, course: Course) -> None:
        address = f"/courses/{course.pk}/roster/"
        rows = office.post(address, {"file": file("name\nAda\n")}).context["rows"]
        assert office.post(address, {"rows": f"x{rows}"}).status_code == 400
        assert not Student.objects.exists()

    def test_rows_of_another_course_are_refused(self, office: Client, course: Course, other_course: Course) -> None:
        rows = office.post(f"/courses/{course.pk}/roster/", {"file": file("name\nAda\n")}).context["rows"]
        assert office.post(f"/courses/{other_course.pk}/roster/", {"rows": rows}).status_code == 400
        assert not Student.objects.exists()

    def test_missing_student_stays_unless_ticked(self, office: Client, course: Course, student: Student) -> None:
        address = f"/courses/{course.pk}/roster/"
        preview = office.post(address, {"file": file("name\nBen\n")})
        assert "Ada leaves" in preview.content.decode()
        office.post(address, {"rows": preview.context["rows"]})
        assert student.enrolments.get().ends_on is None
        office.post(address, {"rows": preview.context["rows"], "leave": [student.enrolments.get().pk]})
        assert student.enrolments.get().ends_on is not None

    @pytest.mark.parametrize("text", ["", "\x00\x01\x02", "colour\nred\n"])
    def test_file_that_is_no_roster_is_refused(self, office: Client, course: Course, text: str) -> None:
        response = office.post(f"/courses/{course.pk}/roster/", {"file": file(text)})
        assert response.status_code == 400
        assert not Student.objects.exists()


class TestCourse:
    def test_admin_makes_one_with_its_teacher(self, office: Client, term: Term, teacher: User) -> None:
        form = {
            "name": "Art",
            "code": "A1",
            "term": term.pk,
            "teachers": [teacher.pk],
            "late_after_minutes": 5,
            "late_weight": "0.5",
            "excused_counts": "LEFT_OUT",
            "unmarked_counts": "ABSENT",
        }
        office.post("/courses/new/", form)
        course = Course.objects.get()
        assert list(course.teachers.all()) == [teacher]
        assert course.unmarked_counts == Course.Unmarked.ABSENT
        office.post(f"/courses/{course.pk}/edit/", form | {"name": "Arts"})
        course.refresh_from_db()
        assert course.name == "Arts"

    def test_weight_above_one_is_refused(self, office: Client, term: Term) -> None:
        form = {"name": "Art", "term": term.pk, "late_weight": "1.5"}
        assert office.post("/courses/new/", form).status_code == 400
        assert not Course.objects.exists()


class TestTermsAndPeople:
    def test_term_is_made_and_changed(self, office: Client) -> None:
        office.post("/school/terms/", {"name": "Spring", "starts_on": "2027-01-01", "ends_on": "2027-05-01"})
        term = Term.objects.get()
        form = {"name": "Spring", "starts_on": "2027-01-01", "ends_on": "2026-05-01"}
        assert office.post(f"/school/terms/{term.pk}/", form).status_code == 400
        office.post(f"/school/terms/{term.pk}/", form | {"ends_on": "2027-06-01"})
        term.refresh_from_db()
        assert term.ends_on == dt.date(2027, 6, 1)

    def test_account_is_made_and_can_sign_in(self, office: Client, client: Client, student: Student) -> None:
        Student.objects.update(user=None)
        form = {"username": "ada2", "name": "Ada", "role": "STUDENT", "is_active": "on", "password": PASSWORD}
        office.post("/school/people/", form | {"student": student.pk})
        assert User.objects.get(username="ada2").student == student
        assert client.post("/login/", {"username": "ada2", "password": PASSWORD})["Location"] == "/"

    @pytest.mark.parametrize("password", ["", "short", "password123"])
    def test_weak_password_is_refused(self, office: Client, password: str) -> None:
        form = {"username": "bob", "name": "Bob", "role": "TEACHER", "is_active": "on", "password": password}
        assert office.post("/school/people/", form).status_code == 400
        assert not User.objects.filter(username="bob").exists()

    def test_last_admin_cannot_leave(self, office: Client, admin: User) -> None:
        form = {"username": "admin", "name": "Ann", "role": "TEACHER", "is_active": "on"}
        response = office.post(f"/school/people/{admin.pk}/", form)
        assert response.status_code == 400
        admin.refresh_from_db()
        assert admin.is_admin

    def test_fields_that_the_form_does_not_have_are_ignored(self, office: Client) -> None:
        form = {"username": "eve", "name": "Eve", "role": "TEACHER", "is_active": "on", "password": "a-long-sentence-1"}
        office.post("/school/people/", form | {"is_superuser": "on", "is_staff": "on"})
        eve = User.objects.get(username="eve")
        assert (eve.is_superuser, eve.is_staff) == (False, False)
