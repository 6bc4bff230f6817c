"""Lists cost the same number of queries with one row and with three."""

from collections.abc import Callable
from typing import Final

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from attendance.models import Course, Status, User
from attendance.services import gallery, recognition, records, snapshots
from tests.attendance.conftest import World
from tests.conftest import MakeStudent
from tests.fakes import class_photo, selfie_of

PAGES: Final = [
    "/",
    "/courses/",
    "/courses/{course}/",
    "/courses/{course}/report/",
    "/courses/{course}/unknown-faces/",
    "/sessions/{session}/",
    "/sessions/{session}/photos/",
    "/sessions/{session}/review/",
    "/sessions/{session}/register/",
    "/faces/{face}/",
    "/selfies/held/",
    "/school/audit/",
    "/school/people/",
    "/school/terms/",
    "/school/queue/",
    "/school/report/",
]


@pytest.fixture
def grow(world: World, make_student: MakeStudent, admin: User) -> Callable[[str], None]:
    """Put one more row into every list."""

    def more(name: str) -> None:
        student = make_student(name)
        gallery.give_consent(student=student, by=admin)
        selfie = gallery.add_selfie(student=student, data=selfie_of(name), by=admin)
        gallery.process_selfie(selfie.pk)
        added = snapshots.add_snapshot(session=world.session, data=class_photo(name, "ada"), by=admin)
        recognition.recognise(added.snapshot.pk)
        records.set_status(session=world.session, student=student, status=Status.LATE, by=admin)
        Course.objects.create(name=f"Course of {name}", term=world.course.term)
        User.objects.create_user(username=name, name=name)

    return more


@pytest.mark.parametrize("path", PAGES)
def test_page_asks_the_database_as_often_for_three_rows_as_for_one(
    path: str, office: Client, world: World, grow: Callable[[str], None]
) -> None:
    address = path.format(course=world.course.pk, session=world.session.pk, face=world.face.pk)
    grow("ben")
    few = _queries(office, address)
    for name in ("cem", "dee", "eli"):
        grow(name)
    assert _queries(office, address) == few


def _queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)
