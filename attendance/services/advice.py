"""What to do about a photo whose faces are too small or blurred: one sentence, and none when all is well.

On the composed class photos (``docs/recognition.md``) 86 % of the present whose faces are under 25 px are marked, 90 %
from 25 to 35 px, 94 % up to 40 px and 99 % above.
"""

import statistics
from collections.abc import Iterable
from typing import Final

from django.utils.translation import gettext as _

from attendance.models import AttendanceRecord, ClassSession, DetectedFace, Enrolment, Snapshot
from attendance.services.gallery.templates import searchable
from attendance.services.school import school_settings

SMALL_PX: Final = 35.0
"""Width of a face's box below which recognition falls."""
SMALL_SHARE: Final = 0.1
SMALL_COUNT: Final = 2
"""A row has two faces at least and a tenth of the class; a single small one is somebody who passes behind."""
BLURRED: Final = 0.005
"""Median sharpness (``faces.quality``) below which a photo counts as blurred. Sharp class photos lie at 0.03; blurred
until they fall to 0.006 and 0.004 they lose 2 of 25 and 4 of 24 marks, at 0.003 they lose half of them."""


def photo_advice(faces: Iterable[DetectedFace]) -> str | None:
    """Say what would make the next photo of this class better, None where nothing would.

    Args:
        faces: all of one photo; those that a teacher called no face do not count.
    """
    real = [face for face in faces if face.decision != DetectedFace.Decision.NOT_A_FACE]
    small = [face.width for face in real if face.width < SMALL_PX]
    if len(small) >= max(SMALL_COUNT, SMALL_SHARE * len(real)):
        px = round(statistics.median(small))
        if len(small) == len(real):
            return _("The faces are %(px)d px wide: step closer or take two photos.") % {"px": px}
        return _("The back row's faces are %(px)d px wide: step closer or take two photos.") % {"px": px}
    sharpness = [face.quality["sharpness"] for face in real if face.quality and face.width >= SMALL_PX]
    if sharpness and statistics.median(sharpness) < BLURRED:
        return _("The faces are blurred: hold the camera still, wipe its lens and take another photo.")
    return None


def session_advice(session: ClassSession, photos: Iterable[tuple[Snapshot, Iterable[DetectedFace]]]) -> str | None:
    """Say what would make the next photo of a session better, as long as it matters.

    It does while the session is open, and somebody whom a photo could find has no mark. The last photo speaks: whoever
    has stepped closer meanwhile needs no advice about the one before.

    Args:
        session: whose.
        photos: those that are done, with their faces, the last one last.
    """
    if session.is_final:
        return None
    last = next(reversed(list(photos)), None)
    advice = None if last is None else photo_advice(last[1])
    return advice if advice is not None and _somebody_is_missing(session) else None


def _somebody_is_missing(session: ClassSession) -> bool:
    findable = searchable().filter(model_id=school_settings().face_model_id).values("student")
    marked = AttendanceRecord.objects.filter(session=session).values("student")
    roster = Enrolment.objects.on(session.held_on).filter(course=session.course_id, student__in=findable)
    return roster.exclude(student__in=marked).exists()
