"""Browsers of the cast, and a course with one of everything."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.core.cache import cache
from django.test import Client

from attendance.models import ClassSession, Course, DetectedFace, PolicyText, Selfie, Snapshot, Student, User
from attendance.services import gallery, recognition, snapshots
from tests.fakes import class_photo, selfie_of

Browser = Callable[[User], Client]


@pytest.fixture(autouse=True)
def fresh_counters() -> None:
    """Limits count in the cache: each test starts from zero."""
    cache.clear()


@pytest.fixture
def browser(db: None) -> Browser:
    """A browser in which this person has signed in."""

    def make(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def desk(browser: Browser, teacher: User) -> Client:
    """Tess's browser."""
    return browser(teacher)


@pytest.fixture
def office(browser: Browser, admin: User) -> Client:
    """Ann's browser."""
    return browser(admin)


@pytest.fixture
def enrolled(student: Student, policy: PolicyText, teacher: User) -> Selfie:
    """Ada's selfie, looked at and accepted."""
    gallery.give_consent(student=student, by=teacher)
    selfie = gallery.add_selfie(student=student, data=selfie_of("ada"), by=teacher)
    gallery.process_selfie(selfie.pk)
    selfie.refresh_from_db()
    return selfie


@pytest.fixture
def photo(enrolled: Selfie, class_session: ClassSession, teacher: User) -> Snapshot:
    """A photo of Ada and of a stranger, looked at."""
    added = snapshots.add_snapshot(session=class_session, data=class_photo("ada", "zoe"), by=teacher)
    recognition.recognise(added.snapshot.pk)
    added.snapshot.refresh_from_db()
    return added.snapshot


@dataclass(frozen=True)
class World:
    """One of everything that Tess may see and Otto may not."""

    course: Course
    session: ClassSession
    photo: Snapshot
    face: DetectedFace
    student: Student
    selfie: Selfie


@pytest.fixture
def world(course: Course, class_session: ClassSession, photo: Snapshot, student: Student, enrolled: Selfie) -> World:
    face = DetectedFace.objects.get(snapshot=photo, student=student)
    return World(course, class_session, photo, face, student, enrolled)
