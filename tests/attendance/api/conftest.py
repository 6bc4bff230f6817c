"""Clients that hold tokens, and more rows for their lists."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.core.cache import cache
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from attendance.models import (
    ClassSession,
    Course,
    DetectedFace,
    Student,
    User,
)
from attendance.services import gallery, records, snapshots
from tests.attendance.conftest import World
from tests.conftest import MakeStudent
from tests.fakes import class_photo, selfie_of

ClientOf = Callable[[User], APIClient]


@pytest.fixture(autouse=True)
def fresh_counters() -> None:
    """Throttles count in the cache: each test starts from zero."""
    cache.clear()


@pytest.fixture
def client_of(db: None) -> ClientOf:
    """A client that sends this person's token; it shows a 500 as the answer that a caller would get."""

    def make(user: User) -> APIClient:
        token, _ = Token.objects.get_or_create(user=user)
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
        return client

    return make


@pytest.fixture
def nobody(db: None) -> APIClient:
    """A client without a token."""
    return APIClient(raise_request_exception=False)


@pytest.fixture
def api(client_of: ClientOf, teacher: User) -> APIClient:
    """Tess's own client."""
    return client_of(teacher)


@pytest.fixture
def grow(world: World, teacher: User, make_student: MakeStudent) -> Callable[[int], None]:
    """Put more rows into every list that speaks of this world."""

    def more(count: int) -> None:
        for number in range(1, count + 1):
            Course.objects.create(name=f"Course {number}", term=world.course.term).teachers.add(teacher)
            newcomer = make_student(f"newcomer {number}")
            _more_meetings(world, teacher, number)
            snapshots.add_snapshot(session=world.session, data=class_photo("cem", seed=number), by=teacher)
            _more_faces(world, newcomer, number)
            status = ("LATE", "EXCUSED")[number % 2]
            records.set_status(session=world.session, student=world.student, status=status, by=teacher)
            gallery.add_selfie(student=world.student, data=selfie_of("ada", seed=number), by=teacher)

    return more


def _more_meetings(world: World, teacher: User, days_ago: int) -> None:
    starts_at = world.session.starts_at - dt.timedelta(days=days_ago)
    meeting = ClassSession.objects.create(
        course=world.course,
        starts_at=starts_at,
        ends_at=starts_at + dt.timedelta(hours=1),
        held_on=world.session.held_on - dt.timedelta(days=days_ago),
    )
    records.set_status(session=meeting, student=world.student, status="PRESENT", by=teacher)


def _more_faces(world: World, candidate: Student, number: int) -> None:
    DetectedFace.objects.create(
        snapshot=world.photo,
        x=400.0 * number,
        y=0,
        width=40,
        height=40,
        landmarks=[],
        score=0.9,
        model_id=world.face.model_id,
        threshold_cosine=0.5,
        candidates=[[candidate.pk, 0.1]],
    )
