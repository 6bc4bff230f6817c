"""A clock that is wrong by ``CLOCK_SHIFT_SECONDS``: Python imports this module by itself where it is on the path.

Moved are ``time.time`` and Django's ``timezone.now``, which everything here asks for the time. The database is another
process, or asks the system itself, and keeps the right time.
"""

import datetime as dt
import os
import time
from typing import Final

from django.utils import timezone

_SHIFT_SECONDS: Final = float(os.environ.get("CLOCK_SHIFT_SECONDS", "0"))
_right_time, _right_now = time.time, timezone.now


class _Time:
    """No function: that would become a method where a class keeps it, as throttles do."""

    def __call__(self) -> float:
        return _right_time() + _SHIFT_SECONDS


def _now() -> dt.datetime:
    return _right_now() + dt.timedelta(seconds=_SHIFT_SECONDS)


time.time = _Time()
timezone.now = _now
