"""An upload of which only a part ever arrives."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rest_framework.authtoken.models import Token

from attendance.models import ClassSession, User
from tests.stack import Stack


@contextmanager
def half_an_upload(stack: Stack, session: ClassSession, by: User) -> Iterator[None]:
    """Announce six megabytes and send three, more than is kept in memory; the line is cut at the end of the block."""
    key = Token.objects.create(user=by).key
    head = (
        f"POST /api/v1/sessions/{session.pk}/photos/ HTTP/1.1\r\nHost: 127.0.0.1:{stack.web_port}\r\n"
        f"Authorization: Token {key}\r\nContent-Length: 6000000\r\n"
        "Content-Type: multipart/form-data; boundary=cut\r\n\r\n"
        '--cut\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", stack.web_port), timeout=60) as line:
        line.sendall(head.encode() + b"\xff" * 3_000_000)
        yield


def bytes_on_disk(pid: int, folder: Path) -> int:
    """How much a process and its children hold open in a folder, in files with a name or without one."""
    held = 0
    for child in (pid, *_children_of(pid)):
        with suppress(FileNotFoundError):
            for handle in Path(f"/proc/{child}/fd").iterdir():
                with suppress(FileNotFoundError):
                    if str(handle.readlink()).startswith(f"{folder}/"):
                        held += handle.stat().st_size
    return held


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
