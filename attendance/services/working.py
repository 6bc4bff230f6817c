"""What a call to a worker starts: the one photo or selfie whose turn it is."""

from collections.abc import Callable
from typing import Final

from attendance.models import QueuedWork, Selfie, Snapshot
from attendance.services import enrolling, face_model, queue, recognition

_DO: Final[dict[type[QueuedWork], Callable[[queue.Claim], None]]] = {
    Snapshot: recognition.recognise_claimed,
    Selfie: enrolling.enrol_claimed,
}


def work_on_next() -> None:
    """Take what is next and do it. Safe to run more often than there is work.

    Raises:
        EngineNotReady: this machine cannot recognise now, and has taken nothing or put it back uncounted.
    """
    face_model.active_pipeline()  # asked first: a machine without weights leaves the work to those that have them
    claim = queue.claim_next()
    if claim is not None:
        _DO[claim.model](claim)
