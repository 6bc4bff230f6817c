"""What every uploaded picture must pass before anything of it is kept."""

import datetime as dt
import math

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import Selfie, Snapshot, User
from attendance.services import engine, files
from attendance.services.engine import Photo
from attendance.services.errors import PhotoTooLarge, UploadLimit

_HOUR = dt.timedelta(hours=1)


def read_upload(*, data: bytes, by: User | None) -> Photo:
    """Check an upload against every limit and read it.

    Args:
        data: the file's content.
        by: whose hourly limit counts; None is a one-time link, which is limited by being used once.

    Raises:
        PhotoTooLarge: more bytes than ``MAX_PHOTO_MB``.
        DiskFull: too little space is left.
        UploadLimit: this person has uploaded ``UPLOADS_PER_HOUR`` photos within the hour.
        BadPhoto: it cannot be read.
        UnsupportedPhoto: a kind of file that is not accepted.
    """
    if len(data) > settings.MAX_PHOTO_MB * 1_000_000:
        raise PhotoTooLarge(_("A photo may have %(n)d MB at most.") % {"n": settings.MAX_PHOTO_MB})
    files.require_space()
    if by is not None:
        _require_within_limit(by)
    return engine.read_photo(data)


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
