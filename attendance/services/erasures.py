"""The list of who and what was forgotten, kept beside the database so that no older backup brings it back.

Each entry is a file of its own, written before the change commits: ids and times, no names, and the master key's seal.
They lie beside the folder of photos (``DATA_DIR/erasures``), or in the same bucket. A backup copies the list beside
itself, never into itself; a restore applies all of it, and refuses what somebody without the key has written.
"""

import datetime as dt
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.utils import timezone

from attendance.models import SchoolSettings
from attendance.services import sealing
from attendance.services.files import store_away
from attendance.storage import StoreDoesNotAnswer, private_storage

FOLDER: Final = "erasures"
LIST_NAME: Final = "erasures.jsonl"
_INSTALLATION: Final = f"{FOLDER}/installation"
_PURPOSE: Final = "erasure"


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


class Seal(StrEnum):
    """Who wrote an entry, as far as its seal tells."""

    OURS = "ours"
    """Somebody with this master key, or one that it replaced."""
    NONE = "none"
    """Nobody knows: a release before the seals, or somebody without the key."""
    FOREIGN = "foreign"
    """Somebody without the key, or the entry was changed since."""


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
        mark: HMAC-SHA256 of all that stands above, under the master key; empty in entries of older releases.
    """

    uid: str
    installation: str
    at: dt.datetime
    kind: Forgotten
    students: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    keep_name: bool = False
    mark: str = field(default="", compare=False)

    @property
    def seal(self) -> Seal:
        """Whose seal it carries."""
        if not self.mark:
            return Seal.NONE
        return Seal.OURS if sealing.is_signed(self._signed(), self.mark, purpose=_PURPOSE) else Seal.FOREIGN

    def sealed(self) -> "Erasure":
        """Give it under today's master key."""
        return replace(self, mark=sealing.sign(self._signed(), purpose=_PURPOSE))

    def line(self) -> str:
        """Give it as one line of JSON."""
        return json.dumps(self._said() | ({"mark": self.mark} if self.mark else {}), sort_keys=True)

    def _signed(self) -> bytes:
        return json.dumps(self._said(), sort_keys=True).encode()

    def _said(self) -> dict[str, Any]:
        said = {**asdict(self), "at": self.at.isoformat()}
        del said["mark"]
        return said


class Sealing(NamedTuple):
    """What became of the entries in this site's storage.

    Attributes:
        sealed: how many got the seal of today's master key.
        left: how many have no seal of ours and got none.
    """

    sealed: int
    left: int


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
        _write(f"{FOLDER}/{entry.at:%Y%m%dT%H%M%S}-{entry.uid}.json", f"{entry.sealed().line()}\n")
    except StoreDoesNotAnswer as error:
        raise store_away(error) from error


def installation_id() -> str:
    """Give the id of this school's database, made at first use: pupil 17 of another one is somebody else.

    It stands in the database, and beside the photos too, where ``doctor`` sees whether the two belong together. A
    database of before takes the one that stands beside its photos.
    """
    known = _id_in_database()
    if known is None:
        known = installation_beside_files()
        SchoolSettings.objects.get_or_create(pk=1)
        # Of two processes at their first use, the second finds the first one's: the database decides.
        SchoolSettings.objects.filter(pk=1, installation="").update(installation=known)
        known = _id_in_database() or known
    elif not _storage().exists(_INSTALLATION):
        _write_id(known)
    return known


def installation_beside_files() -> str:
    """Give the id beside the photos, made at first use: a database before its migration has no place for one."""
    known = _id_beside_files()
    if known is None:
        # Of two processes at their first use, the second finds the first one's.
        _write_id(uuid.uuid4().hex, is_new=True)
        known = _id_beside_files()
    return known or ""


def installation_ids() -> tuple[str | None, str | None]:
    """Give the id in the database and the one beside the photos; None where there is none."""
    return _id_in_database(), _id_beside_files()


def adopt(installation: str) -> None:
    """Let the database go on under the id of the one that was restored; see ``adopt_beside_files``."""
    SchoolSettings.objects.get_or_create(pk=1)
    SchoolSettings.objects.filter(pk=1).update(installation=installation)


def adopt_beside_files(installation: str) -> None:
    """Put the id of the database that was restored beside the photos, whatever stands there."""
    _write_id(installation)


def kept_here() -> list[Erasure]:
    """Give the entries in this site's own storage, oldest first.

    Raises:
        ValueError: a file there is no entry.
    """
    return sorted((entry for _name, entry in _kept()), key=_order)


def seal_kept(*, holds: Callable[[Erasure], bool] | None = None) -> Sealing:
    """Put the seal of today's master key on the entries in this site's own storage; safe to run at any time and twice.

    Args:
        holds: whether an entry without a seal, of an older release, asks for nothing that is not so already; None
            seals none of those.
    """
    sealed = left = 0
    for name, entry in _kept():
        seal = entry.seal
        if seal is not Seal.OURS and not (seal is Seal.NONE and holds is not None and holds(entry)):
            left += 1
        elif (fresh := entry.sealed()).mark != entry.mark:
            _replace_entry(name, fresh)
            sealed += 1
    return Sealing(sealed, left)


def read_copy(path: Path) -> list[Erasure]:
    """Give the entries of a list that a backup left beside itself, or of a copied folder of entries.

    Raises:
        ValueError: a line is none.
    """
    found = []
    for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
        found += [_entry(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return found


def merged(entries: Iterable[Erasure]) -> list[Erasure]:
    """Give each entry once, the one under our seal where several bear its id, else the last; oldest first."""
    found: dict[str, Erasure] = {}
    for entry in entries:
        if entry.uid not in found or found[entry.uid].seal is not Seal.OURS or entry.seal is Seal.OURS:
            found[entry.uid] = entry
    return sorted(found.values(), key=_order)


def write_copy(path: Path) -> list[Erasure]:
    """Add what is new here to the list beside the backups; nothing that stands there is dropped.

    What carries a seal of ours gets that of today's master key; what carries none is copied as it is, for a restore to
    judge.

    Returns:
        the list as it stands there now.

    Raises:
        ValueError: an entry, here or there, cannot be read.
    """
    known = merged([*(read_copy(path) if path.exists() else []), *kept_here()])
    known = [entry.sealed() if entry.seal is Seal.OURS else entry for entry in known]
    _replace_file(path, "".join(f"{entry.line()}\n" for entry in known))
    return known


def _order(entry: Erasure) -> tuple[dt.datetime, str]:
    return entry.at, entry.uid


def _kept() -> Iterator[tuple[str, Erasure]]:
    storage = _storage()
    try:
        _folders, names = storage.listdir(FOLDER)
    except FileNotFoundError:
        return
    for name in sorted(names):
        if name.endswith(".json"):
            with storage.open(f"{FOLDER}/{name}") as file:
                text = bytes(file.read()).decode()
            try:
                entry = _entry(text)
            except json.JSONDecodeError:
                continue  # half written: the change that it names never committed
            yield f"{FOLDER}/{name}", entry


def _id_in_database() -> str | None:
    return SchoolSettings.objects.filter(pk=1).values_list("installation", flat=True).first() or None


def _id_beside_files() -> str | None:
    try:
        with _storage().open(_INSTALLATION) as file:
            return bytes(file.read()).decode().strip() or None
    except FileNotFoundError:
        return None


def _entry(line: str) -> Erasure:
    said: dict[str, Any] = json.loads(line)
    try:
        entry = Erasure(
            uid=str(said["uid"]),
            installation=str(said["installation"]),
            at=dt.datetime.fromisoformat(said["at"]),
            kind=Forgotten(said["kind"]),
            students=tuple(int(pk) for pk in said["students"]),
            files=tuple(str(name) for name in said["files"]),
            keep_name=bool(said["keep_name"]),
            mark=str(said.get("mark", "")),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"this is no entry of the list of the forgotten: {line[:80]}") from error
    if entry.at.tzinfo is None:
        raise ValueError(f"this entry of the list of the forgotten has no time zone: {line[:80]}")
    return entry


def _storage() -> Storage:
    """Give what the entries lie in: not the folder of photos itself, which may be lost or emptied by itself."""
    private = private_storage()
    if not isinstance(private, FileSystemStorage):
        return private
    place = Path(private.location).parent
    return FileSystemStorage(place, file_permissions_mode=0o600, directory_permissions_mode=0o700)


def _write(name: str, text: str) -> None:
    storage = _storage()
    stored = storage.save(name, ContentFile(text.encode()))
    if isinstance(storage, FileSystemStorage):
        _settle(Path(storage.path(stored)))
        _settle(Path(storage.path(stored)).parent)


def _write_id(installation: str, *, is_new: bool = False) -> None:
    """Write the installation's id beside the photos; if it must be new, one that is there stays."""
    storage = _storage()
    if isinstance(storage, FileSystemStorage):
        path = Path(storage.path(_INSTALLATION))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace_file(path, installation, is_new=is_new)
        return
    storage.delete(_INSTALLATION)
    storage.save(_INSTALLATION, ContentFile(installation.encode()))


def _replace_entry(name: str, entry: Erasure) -> None:
    """Write an entry anew; at no moment is it not there."""
    storage, text = _storage(), f"{entry.line()}\n"
    if isinstance(storage, FileSystemStorage):
        _replace_file(Path(storage.path(name)), text)
        return
    storage.save(name, ContentFile(text.encode()))  # under another name, as this one is taken
    storage.delete(name)


def _replace_file(path: Path, text: str, *, is_new: bool = False) -> None:
    fresh = path.with_name(f".partial-{path.name}-{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        if is_new:
            with suppress(FileExistsError):
                os.link(fresh, path)
        else:
            fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    _settle(path.parent)


def _settle(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
