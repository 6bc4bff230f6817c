"""What every uploaded picture must pass before anything of it is kept."""

import datetime as dt
import math
from typing import Any, Final

from django.conf import settings
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from attendance.models import UNFINISHED, Selfie, Snapshot, User
from attendance.permissions import may_teach
from attendance.services import engine, files, pace
from attendance.services.engine import Photo
from attendance.services.errors import PhotoTooLarge, QueueTooLong, UploadLimit

_HOUR: Final = dt.timedelta(hours=1)
STUDENTS_LANE: Final = 0
"""The lane of selfies that students send themselves; what staff bring has that of who brings it."""
STUDENTS_SHARE: Final = 0.5
"""How many places students' own selfies have, for each of ``MAX_QUEUED_PHOTOS``."""


def read_upload(*, data: bytes, by: User | None) -> Photo:
    """Check an upload against every limit and read it.

    Args:
        data: the file's content.
        by: whose hourly limit counts; None is a one-time link, which is limited by being used once.

    Raises:
        PhotoTooLarge: more bytes than ``MAX_PHOTO_MB``.
        DiskFull: too little space is left.
        QueueTooLong: as many wait already as ``MAX_QUEUED_PHOTOS`` lets.
        UploadLimit: this person has uploaded ``UPLOADS_PER_HOUR`` photos within the hour.
        BadPhoto: it cannot be read.
        UnsupportedPhoto: a kind of file that is not accepted.
    """
    require_room(len(data), by=by)
    return engine.read_photo(data)


def require_room(size: int, *, by: User | None) -> None:
    """Check every limit that can be told before a byte of the picture is here.

    Args:
        size: how many bytes it has.
        by: whose hourly limit counts, if anybody's.

    Raises:
        PhotoTooLarge, DiskFull, QueueTooLong, UploadLimit: see ``read_upload``.
    """
    if size > settings.MAX_PHOTO_MB * 1_000_000:
        raise PhotoTooLarge(_("A photo may have %(n)d MB at most.") % {"n": settings.MAX_PHOTO_MB})
    files.require_space()
    _require_short_queue(of_student=by is None or not may_teach(by))
    if by is not None:
        _require_within_limit(by)


def _require_short_queue(*, of_student: bool) -> None:
    """Refuse what would wait too long; two uploads at once may both take the last place, which harms nobody.

    What students send, by link or signed in, has places of its own: a day of enrolment never refuses a class photo.
    """
    unfinished = Selfie.objects.filter(state__in=UNFINISHED)
    selfies = unfinished.filter(lane=STUDENTS_LANE).count()
    others = Snapshot.objects.unfinished().count() + unfinished.exclude(lane=STUDENTS_LANE).count()
    places = math.ceil(settings.MAX_QUEUED_PHOTOS * STUDENTS_SHARE) if of_student else settings.MAX_QUEUED_PHOTOS
    if (selfies if of_student else others) >= places:
        seconds = pace.seconds_for(selfies + others)
        minutes = math.ceil(seconds / 60)
        sentence = ngettext(
            "Many photos wait already. Please try again in a minute.",
            "Many photos wait already. Please try again in %(n)d minutes.",
            minutes,
        )
        raise QueueTooLong(sentence % {"n": minutes}, retry_after=seconds)


def _require_within_limit(by: User) -> None:
    """Count by the stored rows and the database's clock, so that every web process knows of every upload."""
    most = settings.UPLOADS_PER_HOUR
    photos = _ages(Snapshot.objects.filter(uploaded_by=by), "uploaded_at", most=most)
    selfies = _ages(Selfie.objects.filter(uploaded_by=by), "created_at", most=most)
    ages = sorted([*photos, *selfies])
    if len(ages) >= most:
        wait = _HOUR - ages[most - 1]
        raise UploadLimit(
            _("You have uploaded %(n)d photos within an hour. Please wait a little.") % {"n": most},
            retry_after=max(1, math.ceil(wait.total_seconds())),
        )


def _ages(uploads: "QuerySet[Any]", at: str, *, most: int) -> list[dt.timedelta]:
    """Give how long ago the last uploads of the past hour came in, the latest first."""
    age = ExpressionWrapper(Now() - F(at), output_field=DurationField())
    latest = uploads.filter(**{f"{at}__gt": Now() - _HOUR}).order_by(f"-{at}")
    return list(latest.annotate(age=age).values_list("age", flat=True)[:most])
