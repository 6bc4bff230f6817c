"""The ``Idempotency-Key`` of an upload."""

import re
from typing import Final

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from attendance.api.schema import header
from attendance.models import UploadKey, User

_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")

KEY_HEADER: Final = header(
    "Idempotency-Key",
    "Any 1 to 128 visible characters, new for each photo. Sent again with the same photo, the answer is the same and "
    "nothing is stored twice; with another photo it is refused with 409.",
)


def idempotency_key(request: Request) -> str | None:
    """Give the key that the client chose, if any.

    Raises:
        ValidationError: it cannot be a key.
    """
    key: str | None = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise ValidationError({"Idempotency-Key": "The key must have 1 to 128 visible ASCII characters."})
    return key


def seen_before(key: str | None, *, by: User) -> bool:
    """Whether this person's key was answered already: then the answer is the same again, its status included."""
    return key is not None and UploadKey.objects.filter(user=by, key=key).exists()
