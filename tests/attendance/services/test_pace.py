"""How long a queue takes, as measured."""

import datetime as dt

import pytest
from django.utils import timezone

from attendance.models import ClassSession, Heartbeat, Snapshot
from attendance.services import pace
from tests.attendance.services.builders import photo_of

pytestmark = pytest.mark.django_db


def measured(session: ClassSession, milliseconds: int, *, hours_ago: float = 0) -> None:
    Snapshot.objects.filter(pk=photo_of(session).pk).update(
        processing_ms=milliseconds, finished_at=timezone.now() - dt.timedelta(hours=hours_ago)
    )


def workers(count: int, *, seconds_ago: float = 0) -> None:
    for number in range(count):
        at = timezone.now() - dt.timedelta(seconds=seconds_ago)
        Heartbeat.objects.create(name=f"w{number}{seconds_ago}", kind="worker", at=at)


def test_a_queue_takes_its_photos_times_their_mean_by_the_workers(class_session: ClassSession) -> None:
    measured(class_session, 2000)
    measured(class_session, 4000)
    assert pace.seconds_for(100) == 300
    workers(1)
    assert pace.seconds_for(100) == 300
    workers(3, seconds_ago=10)
    assert pace.seconds_for(100) == 75


def test_what_is_long_ago_tells_nothing_of_today(class_session: ClassSession) -> None:
    measured(class_session, 60_000, hours_ago=2)
    workers(9, seconds_ago=3600)
    assert pace.seconds_for(100) == 100 * pace.GUESS_SECONDS


def test_nobody_is_sent_away_for_a_moment_or_for_ever(class_session: ClassSession) -> None:
    assert pace.seconds_for(1) == pace.SHORTEST_SECONDS
    measured(class_session, 30_000)
    assert pace.seconds_for(10_000) == pace.LONGEST_SECONDS
