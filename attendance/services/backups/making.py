"""Making a backup while the site runs: one moment of the database, and every file that a row of it names.

A file is stored before its row and removed after it, so each file that the snapshot names was there when it was taken.
What retention or a withdrawal removes while the backup is being made is named in the manifest as missing.
"""

import datetime as dt
import fcntl
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
from attendance.services.backups import mending
from attendance.services.backups.folder import (
    OF_UPGRADE,
    PARTIAL,
    PREFIX,
    BackupRefused,
    Manifest,
    Member,
    copied,
    make_private,
    read_manifest,
    settle,
    table_path,
    verify,
    write_manifest,
    write_private,
)
from attendance.services.backups.tables import Model, applied_migrations, dump, is_current, models_at, snapshot
from attendance.services.erasures import Seal
from attendance.storage import private_storage

_ID_IN_DATABASE: Final = ("attendance", "0011_installation_id")
_log = logging.getLogger(__name__)
_STAMP: Final = "%Y%m%dT%H%M%SZ"


def make_backup(place: Path, *, keep: int | None = None, of_upgrade: bool = False) -> Path:
    """Make, verify and name a backup; only a verified one ever has its final name.

    Args:
        place: the folder of all backups; made if it is missing.
        keep: how many of the newest to keep; None keeps all.
        of_upgrade: whether it is an upgrade's, which ``drop_old_upgrades`` removes some day.

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
        name = _free_name(place, ending=OF_UPGRADE if of_upgrade else "")
        draft = place / f"{PARTIAL}{name}"
        try:
            manifest = _filled(draft, before=newest(place))
            listed = erasures.write_copy(place / erasures.LIST_NAME)
            manifest.forgotten = sum(entry.seal is Seal.OURS for entry in listed)
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
                    f"No backup was made: a list of the forgotten is damaged ({error}). It is {place}/"
                    f"{erasures.LIST_NAME} or a file of this site's folder {erasures.FOLDER}: put it aside and keep it."
                ) from error
            raise
        unsealed = len(listed) - manifest.forgotten
        heartbeats.beat(heartbeats.BACKUP, detail={**summary(place / name, manifest), "unsealed": unsealed})
        _log.info("backup of %d rows and %d files", sum(manifest.counts.values()), len(manifest.files))
        if keep is not None:
            _drop_oldest(_backups(place), keep)
        return place / name


def drop_old_upgrades(place: Path, *, keep: int) -> int:
    """Remove the oldest backups that upgrades made; the newest of them stays, and so does every other backup.

    Args:
        place: the folder of all backups.
        keep: how many to keep, at least 1.

    Returns:
        how many are gone.

    Raises:
        BackupRefused: a backup is being made there; the next upgrade removes them.
    """
    with _lock(place):
        return _drop_oldest([path for path in _backups(place) if path.name.endswith(OF_UPGRADE)], keep)


def made_in(place: Path) -> list[tuple[Path, dt.datetime]]:
    """Give the backups of a folder and when each was made, as their names say, oldest first; none where it is shut."""
    found = []
    with suppress(OSError):
        for path in sorted(_backups(place)):
            stamp = path.name.removeprefix(PREFIX).removesuffix(OF_UPGRADE)
            with suppress(ValueError):  # something else of that name
                found.append((path, dt.datetime.strptime(stamp, _STAMP).replace(tzinfo=dt.UTC)))
    return found


def newest(place: Path) -> Path | None:
    """Give the newest backup of a folder."""
    return next(iter(sorted(_backups(place), reverse=True)), None)


def _free_name(place: Path, *, ending: str) -> str:
    """Give the name of this second, or of the next one if the last backup was made in this."""
    while any(place.glob(f"{(name := PREFIX + timezone.now().strftime(_STAMP))}*")):
        time.sleep(0.1)
    return name + ending


def _filled(draft: Path, *, before: Path | None) -> Manifest:
    """Write tables and files, all of one moment."""
    draft.mkdir(mode=0o700)
    installation = _installation()
    with snapshot():
        migrations = applied_migrations()
        manifest = Manifest(installation, timezone.now(), connection.vendor, migrations)
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


def _installation() -> str:
    """Give the database's id, and seal what an older release, at work beside this one, has forgotten meanwhile."""
    applied = applied_migrations()
    if not is_current(applied):
        # What the next migrations add is not there yet; the id is, from the migration on that made its column.
        known = erasures.installation_ids()[0] if _ID_IN_DATABASE in applied else None
        return known or erasures.installation_beside_files()
    erasures.seal_kept(holds=mending.holds)
    return erasures.installation_id()


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
    try:
        source: Any = private_storage().open(name)
    except FileNotFoundError:
        return None
    with source, write_private(target) as out:
        member = copied(source, out)
        out.flush()
        os.fsync(out.fileno())
    return member


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


def _drop_oldest(found: list[Path], keep: int) -> int:
    old = sorted(found, reverse=True)[max(keep, 1) :]
    for path in old:
        gone = path.with_name(PARTIAL + path.name)  # a half removed one must not look like a backup
        path.rename(gone)
        shutil.rmtree(gone)
    return len(old)


def _settle_all(draft: Path) -> None:
    for place, _folders, _files in os.walk(draft):
        settle(Path(place))


def summary(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """Give what the sign of life of a verified backup tells of it."""
    return {
        "place": str(folder.parent),
        "size": manifest.size,
        "verified": True,
        "rows": sum(manifest.counts.values()),
        "files": len(manifest.files),
        "missing": len(manifest.missing),
    }
