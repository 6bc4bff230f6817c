"""Which version of a mark an edit was made from: ``If-Match`` or ``version`` in the body."""

import re
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from attendance.api.schema import header

_ETAG: Final = re.compile(r'"(\d{1,9})"')

IF_MATCH_HEADER: Final = header(
    "If-Match", 'The ETag that was seen, such as "3"; "0" for no mark. When it is another by now, the answer is 412.'
)
ETAG_HEADER: Final = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, description="The mark's version, for the next If-Match.", response=[200]
)


def etag(version: int) -> dict[str, str]:
    """Give the header that names a version."""
    return {"ETag": f'"{version}"'}


def version_seen(request: Request, values: dict[str, Any]) -> int | None:
    """Give the version that the caller saw, or None when they do not ask for the check.

    Raises:
        ValidationError: the header is no version, or says another one than the body.
    """
    in_body: int | None = values.get("version")
    in_header = request.headers.get("If-Match")
    if in_header is None:
        return in_body
    match = _ETAG.fullmatch(in_header.strip())
    if match is None:
        raise ValidationError({"If-Match": 'Send one version in quotes, such as "3".'})
    version = int(match[1])
    if in_body not in (None, version):
        raise ValidationError({"version": "If-Match says another version."})
    return version
