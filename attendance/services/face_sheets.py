"""All faces of a photo on one sheet: a page with 40 faces costs one request and one decoding of the photo, not 40."""

import io
from typing import Final

from django.utils.translation import gettext as _
from PIL import Image

from attendance.models import DetectedFace, Snapshot, User
from attendance.services import snapshots
from attendance.services.errors import not_found

FACE_PX: Final = 96
COLUMNS: Final = 8
_MARGIN: Final = 1.4


def face_sheet(*, snapshot: Snapshot, by: User) -> bytes:
    """Draw a photo's faces in their stored order, ``COLUMNS`` a row, each ``FACE_PX`` square; the look is written down.

    Raises:
        NotFound: the photo's file was deleted since, or nobody was found in it.
    """
    faces = list(snapshot.faces.all())
    if not faces:
        raise not_found(_("photo"))
    jpeg = snapshots.photo_bytes(snapshot=snapshot, by=by)
    rows = -(-len(faces) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * FACE_PX, rows * FACE_PX))
    with Image.open(io.BytesIO(jpeg)) as picture:
        for place, face in enumerate(faces):
            sheet.paste(_cut(picture, face), (place % COLUMNS * FACE_PX, place // COLUMNS * FACE_PX))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=85)
    return out.getvalue()


def _cut(picture: Image.Image, face: DetectedFace) -> Image.Image:
    edge = max(face.width, face.height) * _MARGIN
    left, top = face.x + (face.width - edge) / 2, face.y + (face.height - edge) / 2
    square = picture.crop((round(left), round(top), round(left + edge), round(top + edge)))
    return square.resize((FACE_PX, FACE_PX), Image.Resampling.LANCZOS)
