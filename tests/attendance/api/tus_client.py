"""A client of the tus protocol for tests, that can also be wrong on purpose."""

import base64
from typing import Any
from urllib.parse import urlsplit

from attendance.models import ClassSession

PART = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}


def call(client: Any, method: str, address: str, data: bytes = b"", **extra: Any) -> Any:
    """Send bytes as they are; the clients' own annotations want text."""
    return client.generic(method, address, data, **extra)


def base64_of(value: bytes | str) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def begin(client: Any, session: ClassSession, length: int | str, **headers: str) -> Any:
    path = f"/api/v1/sessions/{session.pk}/uploads/"
    return call(client, "POST", path, headers={**TUS, "Upload-Length": str(length), **headers})


def begun(client: Any, session: ClassSession, length: int, metadata: str | None = None) -> str:
    """Begin an upload and give its address."""
    answer = begin(client, session, length, **({} if metadata is None else {"Upload-Metadata": metadata}))
    assert answer.status_code == 201, answer.content
    return str(urlsplit(answer.headers["Location"]).path)


def patch(client: Any, address: str, start: int | str, data: bytes, **headers: str) -> Any:
    sent = {**TUS, "Upload-Offset": str(start), **headers}
    return call(client, "PATCH", address, data, content_type=PART, headers=sent)


def ask(client: Any, address: str, method: str = "HEAD", **headers: str) -> Any:
    return call(client, method, address, headers={**TUS, **headers})
