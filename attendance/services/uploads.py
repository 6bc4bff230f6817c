"""What every uploaded picture must pass before anything of it is kept."""

import datetime as dt
import math
from typing import Final

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import UNFINISHED, Selfie, Snapshot, User
from attendance.services import engine, files
from attendance.services.engine import Photo
from attendance.services.errors import PhotoTooLarge, QueueTooLong, UploadLimit

_HOUR: Final = dt.timedelta(hours=1)
QUEUE_RETRY_SECONDS: Final = 60


def read_upload(*, data: bytes, by: User | None) -> Photo:
    """Check an upload against every limit and read it.

    Args:
        data: the file's content.
        by: whose hourly limit counts; None is a one-time link, which is limited by being used once.

    Raises:
        PhotoTooLarge: more bytes than ``MAX_PHOTO_MB``.
        DiskFull: too little space is left.
        QueueTooLong: ``MAX_QUEUED_PHOTOS`` photos and selfies wait already.
        UploadLimit: this person has uploaded ``UPLOADS_PER_HOUR`` photos within the hour.
        BadPhoto: it cannot be read.
        UnsupportedPhoto: a kind of file that is not accepted.
    """
    if len(data) > settings.MAX_PHOTO_MB * 1_000_000:
        raise PhotoTooLarge(_("A photo may have %(n)d MB at most.") % {"n": settings.MAX_PHOTO_MB})
    files.require_space()
    _require_short_queue()
    if by is not None:
        _require_within_limit(by)
    return engine.read_photo(data)


def _require_short_queue() -> None:
    """Refuse what would wait too long; two uploads at once may both take the last place, which harms nobody."""
    waiting = Snapshot.objects.unfinished().count() + Selfie.objects.filter(state__in=UNFINISHED).count()
    if waiting >= settings.MAX_QUEUED_PHOTOS:
        raise QueueTooLong(
            _("Many photos wait already. Please try again in a minute."), retry_after=QUEUE_RETRY_SECONDS
        )


def _require_within_limit(by: User) -> None:
    """Count by the stored rows, so that every web process knows of every upload."""
    since, most = timezone.now() - _HOUR, settings.UPLOADS_PER_HOUR
    snapshots = Snapshot.objects.filter(uploaded_by=by, uploaded_at__gt=since).values_list("uploaded_at", flat=True)
    selfies = Selfie.objects.filter(uploaded_by=by, created_at__gt=since).values_list("created_at", flat=True)
    latest = sorted([*snapshots.order_by("-uploaded_at")[:most], *selfies.order_by("-created_at")[:most]], reverse=True)
    if len(latest) >= most:
        wait = latest[most - 1] + _HOUR - timezone.now()
        raise UploadLimit(
            _("You have uploaded %(n)d photos within an hour. Please wait a little.") % {"n": most},
            retry_after=max(1, math.ceil(wait.total_seconds())),
        )
