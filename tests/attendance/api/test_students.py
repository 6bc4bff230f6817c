"""Students, selfies and enrolment links over the API."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from attendance.models import Course, PolicyText, Selfie, Student, Term, User
from attendance.services import gallery
from tests.attendance.conftest import World
from tests.conftest import MakeStudent
from tests.fakes import class_photo, selfie_of


def send(client: APIClient, student: Student, data: bytes) -> Any:
    body = {"photo": SimpleUploadedFile("me.jpg", data)}
    return client.post(f"/api/v1/students/{student.pk}/selfies/", body, format="multipart")


@pytest.fixture
def consenting(student: Student, policy: PolicyText, teacher: User) -> Student:
    gallery.give_consent(student=student, by=teacher)
    return student


def test_student_tells_what_became_of_the_selfies(api: APIClient, world: World) -> None:
    answer = api.get(f"/api/v1/students/{world.student.pk}/").json()
    assert (answer["name"], answer["by_hand_only"]) == ("Ada", False)
    assert [(selfie["id"], selfie["verdict"]) for selfie in answer["selfies"]] == [(world.selfie.pk, "ACCEPTED")]


def test_selfie_is_stored_and_can_be_watched(api: APIClient, consenting: Student) -> None:
    answer = send(api, consenting, selfie_of("ada"))
    assert answer.status_code == 202
    assert api.get(answer.headers["Location"]).json()["state"] == "QUEUED"
    gallery.process_selfie(answer.json()["id"])
    done = api.get(answer.headers["Location"]).json()
    assert (done["state"], done["verdict"], done["failure"]) == ("DONE", "ACCEPTED", None)


def test_same_selfie_twice_is_one_selfie(api: APIClient, consenting: Student) -> None:
    first, second = send(api, consenting, selfie_of("ada")), send(api, consenting, selfie_of("ada"))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.headers["Location"] == second.headers["Location"]
    assert Selfie.objects.count() == 1


def test_selfie_of_two_fails_with_the_way_to_retake_it(api: APIClient, consenting: Student) -> None:
    answer = send(api, consenting, class_photo("ada", "ben"))
    gallery.process_selfie(answer.json()["id"])
    failure = api.get(answer.headers["Location"]).json()["failure"]
    assert failure["code"]
    assert "alone" in failure["reason"]


def test_no_selfie_without_a_yes(api: APIClient, student: Student, policy: PolicyText) -> None:
    answer = send(api, student, selfie_of("ada"))
    assert (answer.status_code, answer.json()["code"]) == (409, "no-consent")
    assert not Selfie.objects.exists()


def test_no_selfie_before_a_policy_is_published(api: APIClient, student: Student) -> None:
    answer = send(api, student, selfie_of("ada"))
    assert (answer.status_code, answer.json()["code"]) == (409, "face-features-off")


def test_no_selfie_of_who_is_marked_by_hand(api: APIClient, consenting: Student, teacher: User) -> None:
    gallery.set_by_hand_only(student=consenting, on=True, by=teacher)
    answer = send(api, consenting, selfie_of("ada"))
    assert (answer.status_code, answer.json()["code"]) == (409, "by-hand-only")


def test_same_picture_for_two_students_is_refused_without_naming_the_other(
    api: APIClient, world: World, make_student: MakeStudent, teacher: User
) -> None:
    ben = make_student("ben")
    gallery.give_consent(student=ben, by=teacher)
    answer = send(api, ben, selfie_of("ada"))
    assert (answer.status_code, answer.json()["code"]) == (409, "selfie-twin")
    assert "Ada" not in answer.content.decode()


def test_text_is_no_selfie(api: APIClient, consenting: Student) -> None:
    assert send(api, consenting, b"text").status_code == 400


def test_enrolment_link_leads_to_the_page_once(api: APIClient, student: Student, policy: PolicyText) -> None:
    answer = api.post(f"/api/v1/students/{student.pk}/enrolment-link/")
    assert answer.status_code == 201
    token = answer.json()["address"].rstrip("/").rpartition("/")[2]
    assert gallery.find_enrolment_link(token).student == student


def test_no_enrolment_link_before_a_policy_is_published(api: APIClient, student: Student) -> None:
    answer = api.post(f"/api/v1/students/{student.pk}/enrolment-link/")
    assert (answer.status_code, answer.json()["code"]) == (409, "face-features-off")


def test_student_joins_a_roster(api: APIClient, course: Course, term: Term) -> None:
    body = {"name": "Muhammad ibn Musa", "from_day": term.starts_on.isoformat(), "school_id": "S7"}
    answer = api.post(f"/api/v1/courses/{course.pk}/roster/", body)
    assert (answer.status_code, answer.json()["name"], answer.json()["school_id"]) == (201, "Muhammad ibn Musa", "S7")
    assert course.enrolments.get(student=answer.json()["id"]).starts_on == term.starts_on


def test_taken_school_id_is_refused(api: APIClient, course: Course, term: Term) -> None:
    body = {"name": "Ada", "from_day": term.starts_on.isoformat(), "school_id": "S7"}
    assert api.post(f"/api/v1/courses/{course.pk}/roster/", body).status_code == 201
    assert api.post(f"/api/v1/courses/{course.pk}/roster/", {**body, "name": "Ben"}).status_code == 400
    assert Student.objects.filter(school_id="S7").count() == 1


def test_consent_is_given_and_withdrawn(api: APIClient, student: Student, policy: PolicyText) -> None:
    address = f"/api/v1/students/{student.pk}/consent/"
    assert api.put(address, {"agreed": True}).status_code == 204
    send(api, student, selfie_of("ada"))
    assert api.put(address, {"agreed": False}).status_code == 204
    assert not student.selfies.exists()
    assert not student.consents.filter(withdrawn_at=None).exists()


def test_consent_is_a_word_and_no_text(api: APIClient, student: Student, policy: PolicyText) -> None:
    assert api.put(f"/api/v1/students/{student.pk}/consent/", {"agreed": "false"}).status_code == 400
    assert not student.consents.exists()
