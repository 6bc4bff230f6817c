"""The page on which an admin sees what another face model would change, and switches."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from attendance.models import AuditEvent, FaceCalibration, FaceModelChange, MarkDifference, SchoolSettings, User
from attendance.services import model_change
from tests.attendance.conftest import World
from tests.conftest import MakeStudent


def calibrate(model_id: str, threshold: float) -> None:
    FaceCalibration.objects.create(
        model_id=model_id,
        threshold_cosine=threshold,
        kind=FaceCalibration.Kind.SEARCHES,
        gallery_size=40,
        rate=0.0005,
        rate_upper=0.00002,
        impostors=250_000,
        accepted_impostors=3,
        genuine=10,
        rejected_genuine=0,
        origin=FaceCalibration.Origin.PAIRS,
    )


@pytest.fixture
def waiting(world: World) -> FaceModelChange:
    """A change that is ready, to a model that would no longer mark Ada."""
    calibrate("fake-facenet-1", 0.999)
    MarkDifference.objects.all().delete()
    change = model_change.set_face_model(name="facenet", by=None, when_done=False)
    model_change.change_model(change.pk)
    change.refresh_from_db()
    return change


def test_says_which_model_works_and_from_where_its_threshold_is(
    office: Client, world: World, settings: Settings
) -> None:
    text = office.get("/school/model/").content.decode()
    assert "fake-sface-dlib-1" in text
    assert "not calibrated" in text
    calibrate("fake-sface-dlib-1", 0.4321)
    text = office.get("/school/model/").content.decode()
    assert "similarity of 0.432" in text
    assert "250000 comparisons" in text
    assert "1 wrong match in 2,000 searches of a roster of 40" in text
    assert "at most 1 in 50,000 comparisons" in text
    settings.MATCH_THRESHOLD_COSINE = 0.4
    assert "as set by whoever runs this site" in office.get("/school/model/").content.decode()


def test_says_what_a_face_must_reach_what_error_is_accepted_and_whom_it_knows(
    office: Client, world: World, settings: Settings
) -> None:
    settings.FALSE_MARK_RATE = 0.002
    text = " ".join(office.get("/school/model/").content.decode().split())
    assert f"{world.face.threshold_cosine:.2f} in the last photo (Physics, " in text
    assert "2 faces)" in text
    assert "1 student: 1 selfie, 0 confirmed faces" in text
    assert "1 wrong mark in 500 absent students and photos" in text


def test_school_without_faces_says_when_there_will_be_numbers(office: Client, db: None) -> None:
    text = office.get("/school/model/").content.decode()
    assert "known with the first photo" in text
    assert "0 students: 0 selfies, 0 confirmed faces" in text


def test_lists_the_marks_that_would_differ_and_switches(office: Client, waiting: FaceModelChange, admin: User) -> None:
    MarkDifference.objects.get_or_create(
        change=waiting,
        session=waiting.photos.get().snapshot.session,
        student_id=next(iter(waiting.photos.get().snapshot.session.records.values_list("student", flat=True))),
        defaults={"old_outcome": "MARKED", "new_outcome": "UNKNOWN", "standing": "PRESENT", "source": "RECOGNISED"},
    )
    text = office.get("/school/model/").content.decode()
    assert "1 mark would differ" in text
    assert "Ada" in text
    assert "present, recognised" in text
    assert "not recognised" in text
    assert "Switch to facenet" in text
    assert f'name="change" value="{waiting.pk}"' in text
    # Another change than the page showed is not switched to.
    assert office.post("/school/model/switch/", {"change": waiting.pk + 1}).status_code == 404
    response = office.post("/school/model/switch/", {"change": waiting.pk}, follow=True)
    assert "switch to facenet now" in response.content.decode()
    assert AuditEvent.objects.get(action="face_model.switch_asked").actor_id == admin.pk
    model_change.change_model(waiting.pk)
    assert SchoolSettings.objects.get().face_model == "facenet"
    text = office.get("/school/model/").content.decode()
    assert "by admin" in text
    assert "Deleted then: 1 templates and 2 faces" in text
    assert "Switch to facenet" not in text
    assert "1 mark differed" in text


def test_nothing_to_switch_is_said(office: Client, world: World) -> None:
    assert office.post("/school/model/switch/").status_code == 404
    change = model_change.set_face_model(name="facenet", by=None)
    assert "workers are at it" in office.get("/school/model/").content.decode()
    assert office.post("/school/model/switch/", {"change": change.pk}).status_code == 409


def test_takes_as_many_queries_for_many_differences(
    office: Client,
    waiting: FaceModelChange,
    make_student: MakeStudent,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    session = waiting.photos.get().snapshot.session
    for names in (["ben"], ["cem", "dee", "eli"]):
        for name in names:
            MarkDifference.objects.create(
                change=waiting,
                session=session,
                student=make_student(name),
                old_outcome="MARKED",
                new_outcome="UNKNOWN",
            )
        with django_assert_num_queries(10):
            office.get("/school/model/")
