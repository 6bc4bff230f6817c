"""What a call to a worker starts: the one photo or selfie whose turn it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from django.conf import settings

from attendance.models import QueuedWork, Selfie, Snapshot
from attendance.services import engine, enrolling, face_model, queue, recognition

_DO: Final[dict[type[QueuedWork], Callable[[queue.Claim], None]]] = {
    Snapshot: recognition.recognise_claimed,
    Selfie: enrolling.enrol_claimed,
}
FIRST_PHOTO: Final = Path(settings.BASE_DIR) / "attendance" / "demo_school" / "photo-1.jpg"
FIRST_PHOTO_PX: Final = 480
"""Its longer side: enough to find and embed the two faces in it."""


def load_models() -> None:
    """Load the models and let them look at a photo, however long that takes, so that the first call need not.

    Raises:
        EngineNotReady: this machine cannot recognise now; whoever calls it is told so too.
    """
    face_model.load_pipeline(first_jpeg=engine.shrink(FIRST_PHOTO.read_bytes(), long_side=FIRST_PHOTO_PX))
    face_model.active_pipeline()


def work_on_next() -> None:
    """Take what is next and do it. Safe to run more often than there is work.

    Raises:
        EngineNotReady: this machine cannot recognise now, and has taken nothing or put it back uncounted.
        ModelsLoading: its models are still being loaded, and it has taken nothing.
    """
    # Asked first: a machine without weights leaves the work to those that have them, and no lease runs meanwhile.
    face_model.active_pipeline()
    claim = queue.claim_next()
    if claim is not None:
        _DO[claim.model](claim)
