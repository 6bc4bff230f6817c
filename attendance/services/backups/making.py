"""Making a backup while the site runs: one moment of the database, and every file that a row of it names.

A file is stored before its row and removed after it, so each file that the snapshot names was there when it was taken.
What retention or a withdrawal removes while the backup is being made is named in the manifest as missing.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from django.db import connection, models
from django.utils import timezone

from attendance.services import erasures, heartbeats
from attendance.services.backups.folder import (
    PARTIAL,
    PREFIX,
    BackupRefused,
    Manifest,
    Member,
    make_private,
    read_manifest,
    settle,
    table_path,
    verify,
    write_manifest,
    write_private,
)
from attendance.services.backups.tables import Model, applied_migrations, dump, models_at, snapshot
from attendance.storage import private_storage

_log = logging.getLogger(__name__)
KIND: Final = "backup"
_PIECE: Final = 1 << 20


def make_backup(place: Path, *, keep: int | None = None) -> Path:
    """Make, verify and name a backup; only a verified one ever has its final name.

    Args:
        place: the folder of all backups; made if it is missing.
        keep: how many of the newest to keep; None keeps all.

    Returns:
        the new backup's folder.

    Raises:
        BackupRefused: another backup is being made there, the disk is full, or a newer release is at work.
    """
    try:
        make_private(place)
    except OSError as error:
        raise BackupRefused(f"No backup was made: {place} cannot be a folder for it ({error.strerror}).") from error
    with _lock(place):
        _drop_leftovers(place)
        name = _free_name(place)
        draft = place / f"{PARTIAL}{name}"
        try:
            manifest = _filled(draft, before=newest(place))
            manifest.forgotten = erasures.write_copy(place / erasures.LIST_NAME)
            write_manifest(draft, manifest)
            _settle_all(draft)
            verify(draft)
            draft.rename(place / name)
            settle(place)
        except BaseException as error:
            shutil.rmtree(draft, ignore_errors=True)
            if isinstance(error, OSError):
                raise BackupRefused(f"No backup was made: {error.strerror or error}.") from error
            if isinstance(error, ValueError | KeyError):
                raise BackupRefused(
                    f"No backup was made: {place / erasures.LIST_NAME} is damaged ({error}). Put it aside and keep it."
                ) from error
            raise
        _beat(manifest)
        _log.info("backup of %d rows and %d files", sum(manifest.counts.values()), len(manifest.files))
        if keep is not None:
            _drop_oldest(place, keep)
        return place / name


def newest(place: Path) -> Path | None:
    """Give the newest backup of a folder."""
    return next(iter(sorted(_backups(place), reverse=True)), None)


def _free_name(place: Path) -> str:
    """Give the name of this second, or of the next one if the last backup was made in this."""
    while (place / (name := f"{PREFIX}{timezone.now():%Y%m%dT%H%M%SZ}")).exists():
        time.sleep(0.1)
    return name


def _filled(draft: Path, *, before: Path | None) -> Manifest:
    """Write tables and files, all of one moment."""
    draft.mkdir(mode=0o700)
    with snapshot():
        migrations = applied_migrations()
        manifest = Manifest(erasures.installation_id(), timezone.now(), connection.vendor, migrations)
        held = models_at(migrations)
        for table, model in held.items():
            manifest.members[table_path(table)] = dump(model, draft)
        names = list(_files_named(held))
    known = _known(before)
    for name in names:
        member = _fetched(name, draft, before=before, known=known.get(name))
        if member is None:
            manifest.missing.append(name)
        else:
            manifest.members[f"files/{name}"] = member
    return manifest


def _files_named(held: dict[str, Model]) -> Iterator[str]:
    for model in held.values():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.FileField):
                names = model._base_manager.exclude(**{field.attname: ""}).order_by("pk")
                yield from names.values_list(field.attname, flat=True).iterator(chunk_size=2000)


def _known(before: Path | None) -> dict[str, Member]:
    """Give the files of the backup before: a stored file never changes, so it need not be fetched again."""
    if before is None:
        return {}
    try:
        return read_manifest(before).files
    except BackupRefused:
        return {}  # of another key, or damaged: this one stands for itself


def _fetched(name: str, draft: Path, *, before: Path | None, known: Member | None) -> Member | None:
    target = draft / "files" / name
    if before is not None and known is not None:
        make_private(target.parent)
        with suppress(OSError):  # such as a disk without hard links
            os.link(before / "files" / name, target, follow_symlinks=False)
            return known
    digest, size = hashlib.sha256(), 0
    try:
        source: Any = private_storage().open(name)
    except FileNotFoundError:
        return None
    with source, write_private(target) as out:
        while piece := source.read(_PIECE):
            out.write(piece)
            digest.update(piece)
            size += len(piece)
        out.flush()
        os.fsync(out.fileno())
    return Member(size, digest.hexdigest())


@contextmanager
def _lock(place: Path) -> Iterator[None]:
    with (place / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(f"Another backup is being made in {place}: wait for it to end.") from None
        yield


def _backups(place: Path) -> list[Path]:
    return [path for path in place.glob(f"{PREFIX}*") if path.is_dir() and not path.is_symlink()]


def _drop_leftovers(place: Path) -> None:
    """Remove what a killed backup left; whoever holds the lock is the only one at work here."""
    for path in place.glob(f"{PARTIAL}{PREFIX}*"):
        shutil.rmtree(path)


def _drop_oldest(place: Path, keep: int) -> None:
    for path in sorted(_backups(place), reverse=True)[max(keep, 1) :]:
        gone = path.with_name(PARTIAL + path.name)  # a half removed one must not look like a backup
        path.rename(gone)
        shutil.rmtree(gone)


def _settle_all(draft: Path) -> None:
    for place, _folders, _files in os.walk(draft):
        settle(Path(place))


def _beat(manifest: Manifest) -> None:
    heartbeats.beat(
        KIND,
        detail={
            "size": manifest.size,
            "verified": True,
            "rows": sum(manifest.counts.values()),
            "files": len(manifest.files),
            "missing": len(manifest.missing),
        },
    )
