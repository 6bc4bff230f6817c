"""The file of an SQLite database: readable by the site's own user only."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

NOT_A_FILE: Final = ("file:", ":memory:")
FILE_MODE: Final = 0o600


class PrivateConnection(sqlite3.Connection):
    """A connection that makes a missing database as a file of mode 600, whatever the umask says.

    SQLite gives the same mode to what it writes beside it (-wal, -shm). A file that is there already keeps its mode.

    Source: sqlite.org, os_unix.c, ``findCreateFileMode``.
    """

    def __init__(self, database: str | os.PathLike[str], *args: Any, **options: Any) -> None:
        place = os.fspath(database)
        if not place.startswith(NOT_A_FILE):
            # What else is wrong with the place, SQLite will say in its own words.
            with suppress(OSError):
                os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
        super().__init__(database, *args, **options)


def readable_by_others(database: str) -> list[Path]:
    """Give the files of a database that another user of this machine can reach and read."""
    if database.startswith(NOT_A_FILE) or not Path(database).parent.stat().st_mode & 0o011:
        return []
    present = [path for path in (Path(database + end) for end in ("", "-wal", "-shm")) if path.exists()]
    return [path for path in present if path.stat().st_mode & 0o077]
