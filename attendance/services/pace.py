"""How fast the workers get on, as measured, and so how long a queue will take."""

import datetime as dt
import math
from typing import Final

from django.db.models import Avg
from django.db.models.functions import Now

from attendance.models import Snapshot, WorkState
from attendance.services import health, heartbeats

LATELY: Final = dt.timedelta(hours=1)
GUESS_SECONDS: Final = 2.0
"""A class photo on four cores, until one was measured."""
SHORTEST_SECONDS: Final = 15
LONGEST_SECONDS: Final = 900


def seconds_a_photo() -> float:
    """Give the mean time that a class photo took within the last hour."""
    lately = Snapshot.objects.filter(state=WorkState.DONE, finished_at__gte=Now() - LATELY)
    milliseconds = lately.aggregate(mean=Avg("processing_ms"))["mean"]
    return GUESS_SECONDS if milliseconds is None else float(milliseconds) / 1000


def seconds_for(waiting: int) -> int:
    """Give when to ask again after so many photos were found waiting, between 15 seconds and 15 minutes.

    With no worker alive it is the time that one would take: somebody will start it.
    """
    workers = max(1, heartbeats.alive(heartbeats.WORKER, within_seconds=health.ALIVE_SECONDS).count())
    return min(LONGEST_SECONDS, max(SHORTEST_SECONDS, math.ceil(waiting * seconds_a_photo() / workers)))
