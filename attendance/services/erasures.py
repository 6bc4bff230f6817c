"""The list of who and what was forgotten, kept beside the database so that no older backup brings it back.

Each entry is a file of its own, written before the change commits: ids and times, no names. They lie beside the folder
of photos (``DATA_DIR/erasures``), or in the same bucket. A backup copies the list beside itself, never into itself; a
restore applies all of it.
"""

import datetime as dt
import json
import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.utils import timezone

from attendance.services.files import store_away
from attendance.storage import StoreDoesNotAnswer, private_storage

FOLDER: Final = "erasures"
LIST_NAME: Final = "erasures.jsonl"
_INSTALLATION: Final = f"{FOLDER}/installation"


class Forgotten(StrEnum):
    """What was forgotten."""

    ERASED = "erased"
    """A student, for good."""
    WITHDRAWN = "withdrawn"
    """A student's consent, with all that knows the face."""
    BY_HAND = "by-hand"
    """The face of a student who chose to be marked by hand only."""
    FACE = "face"
    """The face of a student whom no course has any more."""
    CONFIRMED = "confirmed"
    """What confirmed faces of a student had added."""
    PICTURE = "picture"
    """Files of selfies, with their templates, or of class photos whose time was over."""
    PHOTO = "photo"
    """Class photos that a teacher deleted, with their faces."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """One entry.

    Attributes:
        uid: the entry's own id.
        installation: of which school's database the ids are.
        at: when.
        kind: what was forgotten.
        students: whose.
        files: names in the private storage.
        keep_name: whether an erased student kept name and account.
    """

    uid: str
    installation: str
    at: dt.datetime
    kind: Forgotten
    students: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    keep_name: bool = False

    def line(self) -> str:
        """Give it as one line of JSON."""
        return json.dumps({**asdict(self), "at": self.at.isoformat()}, sort_keys=True)


def note(kind: Forgotten, *, students: Iterable[int] = (), files: Iterable[str] = (), keep_name: bool = False) -> None:
    """Write down that something is forgotten, on the disk before the caller's transaction commits.

    Should that transaction fail after all, the entry stays: the list may say more than was done, never less.

    Raises:
        StoreAway: the entry cannot be kept now, so nothing may be forgotten either.
    """
    students, files = tuple(students), tuple(name for name in files if name)
    if not students and not files:
        return
    try:
        entry = Erasure(uuid.uuid4().hex, installation_id(), timezone.now(), kind, students, files, keep_name)
        _write(f"{FOLDER}/{entry.at:%Y%m%dT%H%M%S}-{entry.uid}.json", f"{entry.line()}\n")
    except StoreDoesNotAnswer as error:
        raise store_away(error) from error


def installation_id() -> str:
    """Give the id of this school's database, made at first use: pupil 17 of another one is somebody else."""
    storage = _storage()
    if not storage.exists(_INSTALLATION):
        _found_installation(storage)
    with storage.open(_INSTALLATION) as file:
        return bytes(file.read()).decode().strip()


def _found_installation(storage: Storage) -> None:
    """Choose the id, once: of two processes at their first use, the second finds the first one's."""
    if not isinstance(storage, FileSystemStorage):
        _write(_INSTALLATION, uuid.uuid4().hex)
        return
    draft = Path(storage.path(_write(f"{_INSTALLATION}-{uuid.uuid4().hex}", uuid.uuid4().hex)))
    with suppress(FileExistsError):
        os.link(draft, storage.path(_INSTALLATION))
    draft.unlink()


def adopt(installation: str) -> None:
    """Go on under the id of the database that was restored."""
    storage = _storage()
    if storage.exists(_INSTALLATION):
        storage.delete(_INSTALLATION)
    _write(_INSTALLATION, installation)


def kept_here() -> list[Erasure]:
    """Give the entries in this site's own storage, oldest first."""
    storage, found = _storage(), []
    try:
        _folders, names = storage.listdir(FOLDER)
    except FileNotFoundError:
        return []
    for name in names:
        if name.endswith(".json"):
            with storage.open(f"{FOLDER}/{name}") as file:
                text = bytes(file.read()).decode()
            try:
                found.append(_entry(text))
            except json.JSONDecodeError:
                continue  # half written: the change that it names never committed
    return sorted(found, key=lambda entry: (entry.at, entry.uid))


def read_copy(path: Path) -> list[Erasure]:
    """Give the entries of a list that a backup left beside itself, or of a copied folder of entries.

    Raises:
        ValueError: a line is none.
    """
    found = []
    for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
        found += [_entry(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return found


def write_copy(path: Path) -> int:
    """Add what is new here to the list beside the backups; nothing that stands there is dropped.

    Returns:
        how many entries the list has.
    """
    known = {entry.uid: entry for entry in (read_copy(path) if path.exists() else [])}
    known.update({entry.uid: entry for entry in kept_here()})
    fresh = path.with_name(f".partial-{path.name}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.writelines(f"{entry.line()}\n" for entry in sorted(known.values(), key=lambda one: (one.at, one.uid)))
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
    return len(known)


def _entry(line: str) -> Erasure:
    said: dict[str, Any] = json.loads(line)
    return Erasure(
        uid=said["uid"],
        installation=said["installation"],
        at=dt.datetime.fromisoformat(said["at"]),
        kind=Forgotten(said["kind"]),
        students=tuple(said["students"]),
        files=tuple(said["files"]),
        keep_name=said["keep_name"],
    )


def _storage() -> Storage:
    """Give what the entries lie in: not the folder of photos itself, which may be lost or emptied by itself."""
    private = private_storage()
    if not isinstance(private, FileSystemStorage):
        return private
    place = Path(private.location).parent
    return FileSystemStorage(place, file_permissions_mode=0o600, directory_permissions_mode=0o700)


def _write(name: str, text: str) -> str:
    storage = _storage()
    stored = storage.save(name, ContentFile(text.encode()))
    if not isinstance(storage, FileSystemStorage):
        return stored
    for path in (Path(storage.path(stored)), Path(storage.path(stored)).parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return stored
