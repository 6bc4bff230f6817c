"""Pictures that people send: read, encoded anew, shrunk and cut. Loads no neural network."""

import datetime as dt
import hashlib
import io
import threading
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils import timezone
from PIL import Image

from attendance.services.engine.refusals import as_refusals
from faces import images
from faces.types import Box

JPEG_QUALITY: Final = 92


_CROP_MARGIN: Final = 1.3


# A picture of 80 megapixels fills most of a gigabyte while it is read, and is a few kilobytes to send: eight at once,
# one for each thread, would end the web process.
_reading: Final = threading.Lock()


_EARLIEST: Final = dt.datetime(1995, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture that was read and is safe to keep.

    Attributes:
        jpeg: encoded anew, upright, without EXIF.
        sha256: of the bytes that came in.
        width: pixels, upright.
        height: pixels, upright.
        taken_at: what the camera says, aware; None where it says nothing that can be meant.
    """

    jpeg: bytes
    sha256: str
    width: int
    height: int
    taken_at: dt.datetime | None


def sha256_of(data: bytes) -> str:
    """Name bytes by their content."""
    return hashlib.sha256(data).hexdigest()


def read_photo(data: bytes) -> Photo:
    """Read an uploaded picture and encode it anew.

    Raises:
        BadPhoto: it cannot be read, or declares more pixels than the limit.
        UnsupportedPhoto: a kind of file that is not accepted.
    """
    with as_refusals(), _reading:
        encoded = images.encode_anew(data, max_pixels=settings.MAX_PHOTO_MEGAPIXELS * 1_000_000, quality=JPEG_QUALITY)
        taken_at = _believable(images.taken_at(data))
    return Photo(
        jpeg=encoded.jpeg, sha256=sha256_of(data), width=encoded.width, height=encoded.height, taken_at=taken_at
    )


def shrink(jpeg: bytes, *, long_side: int) -> bytes:
    """Give a stored picture no larger than this on its longer side."""
    picture = Image.open(io.BytesIO(jpeg))
    picture.thumbnail((long_side, long_side))
    return _jpeg(picture)


def crop(jpeg: bytes, *, box: Box, size_px: int = 160) -> bytes:
    """Cut a face out of a stored picture, square and with some margin."""
    edge = max(box.width, box.height) * _CROP_MARGIN
    left, top = box.x + (box.width - edge) / 2, box.y + (box.height - edge) / 2
    picture = Image.open(io.BytesIO(jpeg)).crop((round(left), round(top), round(left + edge), round(top + edge)))
    return _jpeg(picture.resize((size_px, size_px), Image.Resampling.LANCZOS))


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _believable(taken_at: dt.datetime | None) -> dt.datetime | None:
    """Give an aware time, read by the school's clock where the camera names no zone; None where it cannot be meant."""
    if taken_at is None:
        return None
    if timezone.is_naive(taken_at):
        taken_at = timezone.make_aware(taken_at)
    return taken_at if _EARLIEST < taken_at < timezone.now() + dt.timedelta(days=1) else None
