"""Photos of open sessions that a former face model looked at are looked at again by the present one.

A face's vector is of the model that made it, so a session that is still open would find nobody anew after a change of
model. A few photos at a time, and none while the queue is busy: a class that waits goes first. What a teacher said
about a face stays with it, and a mark that stands is not taken back.
"""

import logging
from typing import Final

from attendance.models import ClassSession, FaceTemplate, Priority, Snapshot, WorkState
from attendance.services import queue
from attendance.services.school import school_settings

_log = logging.getLogger(__name__)
AT_A_TIME: Final = 20


def queue_stale_photos() -> int:
    """Queue the next few; the newest session's first. Safe to call at any time and from several sweepers.

    Returns:
        how many were queued.
    """
    model_id = school_settings().face_model_id
    room = AT_A_TIME - Snapshot.objects.unfinished().count()
    # Without templates of the school's recipe any recipe may be at work, and a photo would be queued for ever.
    if room <= 0 or not FaceTemplate.objects.filter(model_id=model_id).exists():
        return 0
    done = Snapshot.objects.filter(state=WorkState.DONE, session__state=ClassSession.State.OPEN)
    stale = done.exclude(image="").exclude(model_id__in=["", model_id]).order_by("-session__starts_at", "pk")
    next_few = Snapshot.objects.filter(pk__in=list(stale.values_list("pk", flat=True)[:room]))
    count = queue.again(next_few, priority=Priority.BULK)
    if count:
        _log.info("queued %d photos of open sessions for the present face model", count)
    return count
