"""Files in the private storage: written whole or not at all, under generated names, never orphaned by a failed row."""

import datetime as dt
import errno
import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import Selfie, Snapshot, User
from attendance.services.errors import DiskFull
from attendance.storage import private_storage

_log = logging.getLogger(__name__)
SNAPSHOTS: Final = "snapshots"
SELFIES: Final = "selfies"
ORPHAN_AGE: Final = dt.timedelta(hours=1)
"""A younger file may belong to a row whose transaction is still open."""
WRONG_DATABASE: Final = (
    "The store of photos is full, but the database is empty. DATABASE_URL or DATA_DIR points to the wrong place, or a "
    "backup has to be restored first."
)
FEW_ORPHANS: Final = 20
"""What crashes can leave behind; if every file is an orphan and they are more, it is the database that is wrong."""
_NO_SPACE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def require_space() -> None:
    """Refuse an upload while the disk is nearly full.

    Raises:
        DiskFull: less than ``MIN_FREE_DISK_MB`` is left.
    """
    storage = private_storage()
    if not isinstance(storage, FileSystemStorage):
        return  # an object store has no end that could be asked for
    place = Path(storage.location)
    while not place.exists():
        place = place.parent
    if shutil.disk_usage(place).free < settings.MIN_FREE_DISK_MB * 1_000_000:
        raise _disk_full()


@contextmanager
def stored(folder: str, data: bytes, *, suffix: str) -> Iterator[str]:
    """Store a file for the row that the block makes, and remove it again when the block fails.

    Args:
        folder: ``SNAPSHOTS`` or ``SELFIES``.
        data: the whole content.
        suffix: such as ``.jpg``.

    Yields:
        the generated name to keep in the row.

    Raises:
        DiskFull: the disk ran full while writing; nothing is left of the file.
    """
    name = _write(f"{folder}/{uuid.uuid4().hex}{suffix}", data)
    try:
        yield name
    except BaseException:
        remove(name)
        raise


def read(name: str | None) -> bytes:
    """Read a whole file.

    Raises:
        FileNotFoundError: it is not there, or the row has no file any more.
    """
    if not name:
        raise FileNotFoundError(name)
    with private_storage().open(name) as file:
        return bytes(file.read())


def remove(name: str | None) -> None:
    """Remove a file; one that is gone already is no error. Call it after the row's transaction."""
    if name:
        private_storage().delete(name)


def rows_are_missing() -> bool:
    """Whether files are there but not one row or person that they could belong to: another, or no, database."""
    if User._meta.db_table not in connection.introspection.table_names():
        return any(_names_in(folder) for folder in (SNAPSHOTS, SELFIES))
    if User.objects.exists() or Snapshot.objects.exists() or Selfie.objects.exists():
        return False
    return any(_names_in(folder) for folder in (SNAPSHOTS, SELFIES))


def collect_orphans() -> int:
    """Remove files that no row names and that are older than an hour, unless nearly the whole store would go.

    Returns:
        how many were removed.
    """
    storage, removed = private_storage(), 0
    for folder, model in ((SNAPSHOTS, Snapshot), (SELFIES, Selfie)):
        names = [name for name in _names_in(folder) if _is_old(name)]
        known = set(model._default_manager.filter(image__in=names).values_list("image", flat=True)) if names else set()
        if rows_are_missing() or (not known and len(names) > FEW_ORPHANS):
            _log.error("%d files in %s and no row for any: is this the right database? They stay", len(names), folder)
            continue
        for name in names:
            if name not in known:
                storage.delete(name)
                removed += 1
    if removed:
        _log.info("removed %d orphan files", removed)
    return removed


def _write(name: str, data: bytes) -> str:
    storage = private_storage()
    try:
        return storage.save(name, ContentFile(data))
    except OSError as error:
        storage.delete(name)
        if error.errno in _NO_SPACE:
            raise _disk_full() from error
        raise


def _disk_full() -> DiskFull:
    return DiskFull(_("The disk is nearly full: nothing was stored. Please tell whoever runs this site."))


def _names_in(folder: str) -> list[str]:
    try:
        _folders, names = private_storage().listdir(folder)
    except FileNotFoundError:
        return []
    return [f"{folder}/{name}" for name in names]


def _is_old(name: str) -> bool:
    try:
        return private_storage().get_modified_time(name) < timezone.now() - ORPHAN_AGE
    except FileNotFoundError:
        return False
