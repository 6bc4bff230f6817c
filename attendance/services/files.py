"""Files in the private storage: written whole or not at all, under generated names, never orphaned by a failed row."""

import datetime as dt
import errno
import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import Selfie, Snapshot, User
from attendance.services import disk
from attendance.services.errors import DiskFull, StoreAway
from attendance.storage import StoreDoesNotAnswer, private_entries, private_storage

_log = logging.getLogger(__name__)
SNAPSHOTS: Final = "snapshots"
SELFIES: Final = "selfies"
PARTS: Final = "parts"
"""Of photos that are still on their way in; ``services.partial_uploads`` collects its own orphans."""
ORPHAN_AGE: Final = dt.timedelta(hours=1)
"""A younger file may belong to a row whose transaction is still open."""
WRONG_DATABASE: Final = (
    "The store of photos is full, but the database is empty. DATABASE_URL or DATA_DIR points to the wrong place, or a "
    "backup has to be restored first."
)
FEW_ORPHANS: Final = 20
"""What crashes can leave behind; if every file is an orphan and they are more, it is the database that is wrong."""
STORE_RETRY_SECONDS: Final = 30
_BATCH: Final = 1000
NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def require_space() -> None:
    """Refuse an upload while the disk is nearly full.

    Raises:
        DiskFull: less than ``MIN_FREE_DISK_MB`` is left.
    """
    place = disk.photos_place()
    if place is not None and disk.is_full(place):
        raise disk_full()


@contextmanager
def stored(folder: str, data: bytes, *, suffix: str) -> Iterator[str]:
    """Store a file for the row that the block makes, and remove it again when the block fails.

    Args:
        folder: ``SNAPSHOTS``, ``SELFIES`` or ``PARTS``.
        data: the whole content.
        suffix: such as ``.jpg``.

    Yields:
        the generated name to keep in the row.

    Raises:
        DiskFull: the disk ran full while writing; nothing is left of the file.
        StoreAway: the S3-compatible store does not answer.
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
        StoreAway: the S3-compatible store does not answer; a worker leaves its work queued.
    """
    if not name:
        raise FileNotFoundError(name)
    try:
        with private_storage().open(name) as file:
            return bytes(file.read())
    except StoreDoesNotAnswer as error:
        raise store_away(error) from error


def remove(name: str | None) -> bool:
    """Remove a file; one that is gone already is no error. Call it after the row's transaction.

    Returns:
        False where the store does not answer: the file stays as an orphan, and ``collect_orphans`` removes it later.
    """
    if not name:
        return True
    try:
        private_storage().delete(name)
    except StoreDoesNotAnswer as error:
        _log.warning("a file stays for the collector of orphans: %s", error)
        return False
    return True


def remove_all(names: Iterable[str]) -> None:
    """Remove files, up to the first that the store does not take: each of the others would wait as long again."""
    for name in names:
        if not remove(name):
            return


def rows_are_missing() -> bool:
    """Whether files are there but not one row or person that they could belong to: another, or no, database.

    A store that does not answer now is no proof of it: the health page tells about that.
    """
    is_migrated = User._meta.db_table in connection.introspection.table_names()
    if is_migrated and (User.objects.exists() or Snapshot.objects.exists() or Selfie.objects.exists()):
        return False
    try:
        return any(True for folder in (SNAPSHOTS, SELFIES) for _entry in private_entries(folder))
    except StoreDoesNotAnswer as error:
        _log.warning("cannot tell whether there are files: %s", error)
        return False


def collect_orphans() -> int:
    """Remove files that no row names and that are older than an hour, unless nearly the whole store would go.

    Returns:
        how many were removed.
    """
    removed = 0
    for folder, model in ((SNAPSHOTS, Snapshot), (SELFIES, Selfie)):
        try:
            orphans, has_known = _orphans(folder, model)
        except StoreDoesNotAnswer as error:
            _log.warning("orphans are collected another time: %s", error)
            break
        if rows_are_missing() or (not has_known and len(orphans) > FEW_ORPHANS):
            _log.error("%d files in %s and no row for any: is this the right database? They stay", len(orphans), folder)
            continue
        for name in orphans:
            remove(name)
        removed += len(orphans)
    if removed:
        _log.info("removed %d orphan files", removed)
    return removed


def old_names(folder: str) -> list[str]:
    """Give the names of a folder's files that are too old to belong to a row that is just being written."""
    return list(_old_names(folder))


def _orphans(folder: str, model: type[Snapshot] | type[Selfie]) -> tuple[list[str], bool]:
    """Give the old files that no row names, and whether any has a row; a store of millions is read piece by piece."""
    orphans: list[str] = []
    has_known, names = False, _old_names(folder)
    while batch := list(islice(names, _BATCH)):
        known = set(model._default_manager.filter(image__in=batch).values_list("image", flat=True))
        has_known = has_known or bool(known)
        orphans += [name for name in batch if name not in known]
    return orphans, has_known


def _old_names(folder: str) -> Iterator[str]:
    limit = timezone.now() - ORPHAN_AGE
    return (name for name, changed_at in private_entries(folder) if changed_at < limit)


def _write(name: str, data: bytes) -> str:
    storage = private_storage()
    try:
        return storage.save(name, ContentFile(data))
    except StoreDoesNotAnswer as error:
        # Asking it to remove what it may have taken would make the person wait as long again: the collector will.
        raise store_away(error) from error
    except OSError as error:
        storage.delete(name)
        if error.errno in NO_SPACE:
            raise disk_full() from error
        raise


def disk_full() -> DiskFull:
    """Give the one sentence about a disk that takes nothing more."""
    return DiskFull(_("The disk is nearly full: nothing was stored. Please tell whoever runs this site."))


def store_away(error: StoreDoesNotAnswer) -> StoreAway:
    """Turn the storage's word into the refusal that pages, API and workers know."""
    _log.error("%s", error)
    return StoreAway(
        _("The store of photos does not answer. Please try again in a minute."), retry_after=STORE_RETRY_SECONDS
    )
