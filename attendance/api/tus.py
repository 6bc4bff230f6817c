"""The headers and bodies of the tus protocol 1.0.0: core, creation, checksum, expiration and termination.

Written out here because the Django packages for tus keep parts in a folder of one machine, know no owners and are no
longer maintained; the protocol itself is a handful of headers. The browser's side is tus-js-client.
"""

import base64
import binascii
import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.request import Request

from attendance.services.errors import ChecksumMismatch

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,checksum,termination,expiration"
CHECKSUMS: Final = ("sha1", "sha256")
PART_TYPE: Final = "application/offset+octet-stream"
LONGEST_METADATA: Final = 1000
PART_SECONDS: Final = 300
"""How long one part may take; what has come by then is kept. A phone that sends 1 kB a second still gets on."""
_READ_BYTES: Final = 16 * 1024
_NUMBER: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_PAIR: Final = re.compile(r"([!-+\--~]+)(?: ([A-Za-z0-9+/]*={0,2}))?", re.ASCII)


class OtherVersion(exceptions.APIException):
    """The client speaks another version, or no tus at all."""

    status_code = 412
    default_code = "tus-version"
    default_detail = f"Send the header Tus-Resumable: {VERSION}."


class LengthRequired(exceptions.APIException):
    """A part without a stated length."""

    status_code = 411
    default_code = "length-required"
    default_detail = "Send the header Content-Length."


class TooSlow(exceptions.APIException):
    """A part that took too long; what came of it is kept."""

    status_code = 408
    default_code = "part-too-slow"
    default_detail = (
        "This part took too long. What has arrived is kept: ask for the offset and go on with a smaller part."
    )


class WrongType(exceptions.UnsupportedMediaType):
    """A part of another type than the protocol's."""

    def __init__(self) -> None:
        super().__init__("", detail=f"Send the part as {PART_TYPE}.")


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a part.

    Attributes:
        data: those that came.
        is_whole: whether they are all that were announced.
        was_slow: whether it was the time that ran out.
    """

    data: bytes
    is_whole: bool
    was_slow: bool


def require_version(request: Request) -> None:
    """Refuse another version of the protocol.

    Raises:
        OtherVersion: it is not ours.
    """
    if request.headers.get("Tus-Resumable") != VERSION:
        raise OtherVersion


def number_in(request: Request, name: str) -> int:
    """Give a header that must be a whole number, 0 or more.

    Raises:
        ParseError: it is missing or no such number.
    """
    value = request.headers.get(name, "")
    if not _NUMBER.fullmatch(value):
        raise exceptions.ParseError(f"The header {name} must be a whole number, 0 or more.")
    return int(value)


def metadata_in(request: Request) -> dict[str, bytes]:
    """Give what ``Upload-Metadata`` says: keys, and values out of base64.

    Raises:
        ParseError: it is too long or not made as the protocol says.
    """
    header = request.headers.get("Upload-Metadata", "")
    pairs: dict[str, bytes] = {}
    if len(header) > LONGEST_METADATA:
        raise exceptions.ParseError(f"Upload-Metadata may have {LONGEST_METADATA} characters at most.")
    for pair in header.split(",") if header else ():
        match = _PAIR.fullmatch(pair.strip(" "))
        if match is None or match[1] in pairs:
            raise exceptions.ParseError("Upload-Metadata must be pairs of a key and a value in base64.")
        pairs[match[1]] = _from_base64(match[2] or "", of="Upload-Metadata")
    return pairs


def checksum_in(request: Request) -> tuple[str, bytes] | None:
    """Give the algorithm and the digest of ``Upload-Checksum``; None where there is no such header.

    Raises:
        ParseError: an algorithm that is not offered, or no digest.
    """
    header = request.headers.get("Upload-Checksum")
    if header is None:
        return None
    algorithm, _space, digest = header.partition(" ")
    if algorithm not in CHECKSUMS:
        raise exceptions.ParseError(f"Upload-Checksum must be one of: {', '.join(CHECKSUMS)}.")
    return algorithm, _from_base64(digest, of="Upload-Checksum")


def require_checksum(body: Body, checksum: tuple[str, bytes] | None) -> Body:
    """Hold a part against its checksum; a part that broke off cannot be held against it, so none of it counts.

    Raises:
        ChecksumMismatch: all came, but not what was sent.
    """
    if checksum is None:
        return body
    if not body.is_whole:
        return Body(data=b"", is_whole=False, was_slow=body.was_slow)
    algorithm, expected = checksum
    # SHA-1 because the protocol demands it of every server: it finds damage here and guards nothing.
    found = hashlib.new(algorithm, body.data, usedforsecurity=False).digest()
    if not hmac.compare_digest(found, expected):
        raise ChecksumMismatch("The part was damaged on its way: its checksum differs. Send it again.")
    return body


def announced_bytes(request: Request) -> int:
    """Give the length that the client states for the part.

    Raises:
        WrongType: it is not sent as a part.
        LengthRequired: there is no length, as with a chunked body.
    """
    if (request.content_type or "").partition(";")[0].strip().lower() != PART_TYPE:
        raise WrongType
    if not request.META.get("CONTENT_LENGTH"):
        raise LengthRequired
    return int(request.META["CONTENT_LENGTH"])


def read_body(request: HttpRequest, *, announced: int) -> Body:
    """Read a part as far as it comes; a connection that breaks ends it like a last byte."""
    data, deadline = bytearray(), time.monotonic() + PART_SECONDS
    while len(data) < announced and time.monotonic() < deadline:
        try:
            some = request.read(min(_READ_BYTES, announced - len(data)))
        except OSError:
            break
        if not some:
            break
        data += some
    whole = len(data) == announced
    return Body(data=bytes(data), is_whole=whole, was_slow=not whole and time.monotonic() >= deadline)


def _from_base64(value: str, *, of: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise exceptions.ParseError(f"{of} is not in base64.") from error
