"""Large uploads on their way in lie in files without a name: a server that is killed takes them with it."""

import errno
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from attendance.services import files
from attendance.services.errors import DiskFull

_log = logging.getLogger(__name__)
_NO_ROOM: Final = files.NO_SPACE | {errno.ENOENT}
"""The last: no folder for temporary files takes one, which `tempfile` finds out by writing a few bytes."""


class NoRoomOnTheWay(DiskFull, BadRequest):
    """The disk for temporary files is full: nothing was stored.

    It is a ``BadRequest`` too because the body may be read by a middleware, whose exceptions reach no view: Django then
    hands it to ``handler400``.
    """


class NamelessFileUploadHandler(FileUploadHandler):
    """Keeps an upload on the disk as Django's own handler does, but nobody has to remove it afterwards.

    Raises:
        NoRoomOnTheWay: from every method that writes.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        with self._room():
            # Closed by the request's end, by `upload_interrupted`, or where there is no room.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write what has come."""
        with self._room():
            self._file.write(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[bytes]":
        """Give the whole file."""
        with self._room():
            self._file.seek(0)  # writes what was still in memory
        return UploadedFile(
            file=self._file,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )

    def upload_interrupted(self) -> None:
        """Let go of what has come."""
        if hasattr(self, "_file"):
            with suppress(OSError):  # no room for what was still in memory; it is closed all the same
                self._file.close()

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Give the room back at once where it was not enough: the request may live on for a while."""
        try:
            yield
        except OSError as error:
            self.upload_interrupted()
            if error.errno not in _NO_ROOM:
                raise
            _log.error("no room for an upload on its way in: the disk for temporary files is full")
            raise NoRoomOnTheWay(str(files.disk_full())) from error
