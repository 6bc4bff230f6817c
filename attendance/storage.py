"""Where photos and selfies lie: outside anything that a web server serves by itself.

Either a folder (``PrivateFolder``) or an S3-compatible store (``attendance.object_storage``); the settings say which.
"""

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from django.core.files.storage import FileSystemStorage, Storage, storages


class StoreDoesNotAnswer(OSError):
    """The store of photos is away, too slow or refuses our key."""


class Listed(Protocol):
    """A storage that can list a folder with the files' ages, a page at a time."""

    def entries(self, folder: str) -> Iterator[tuple[str, dt.datetime]]:
        """Give the name and the time of change of each file right in a folder; nothing for a folder that is missing."""
        ...


class PrivateFolder(FileSystemStorage):
    """A folder of this machine, or one that several machines mount."""

    def entries(self, folder: str) -> Iterator[tuple[str, dt.datetime]]:
        """Give the name and the time of change of each file right in a folder; nothing for a folder that is missing."""
        place = Path(self.path(folder))
        if not place.is_dir():
            return
        with os.scandir(place) as found:
            for entry in found:
                try:
                    changed = entry.stat().st_mtime
                except FileNotFoundError:
                    continue  # removed meanwhile
                if entry.is_file():
                    yield f"{folder}/{entry.name}", dt.datetime.fromtimestamp(changed, tz=dt.UTC)

    def url(self, name: str | None) -> str:
        """Give no address: photos are seen through the view that asks who looks.

        Raises:
            ValueError: always.
        """
        raise ValueError("This file is not accessible via a URL.")


def private_storage() -> Storage:
    """Give the storage named ``private`` in the settings; named as a callable, so that no migration holds a path."""
    return storages["private"]


def private_entries(folder: str) -> Iterator[tuple[str, dt.datetime]]:
    """Give the name and the time of change of each file right in a folder of the private storage.

    Raises:
        StoreDoesNotAnswer: it is an S3-compatible store that is away.
    """
    return cast(Listed, private_storage()).entries(folder)
