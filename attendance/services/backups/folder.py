"""How a backup lies on the disk: a folder with a manifest that names every byte of it, under the master key's seal.

::

    DIR/erasures.jsonl                      the list of the forgotten, beside the backups
    DIR/rollcall-20260901T020000Z/          one that `upgrade` made: rollcall-20260901T020000Z-upgrade/
        manifest.json  manifest.seal        counts, hashes, migrations; HMAC-SHA256 under the master key
        tables/attendance_student.jsonl.gz  one JSON array a row, the same from SQLite and PostgreSQL
        files/snapshots/....jpg             as in the private storage; hard links to the backup before
"""

import datetime as dt
import gzip
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from attendance.services import sealing

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.seal"
PARTIAL: Final = ".partial-"
PREFIX: Final = "rollcall-"
OF_UPGRADE: Final = "-upgrade"
"""Ends the name of what `upgrade` made. In the manifest the release before, which has to read it, would stumble."""
_MEMBER: Final = re.compile(r"tables/[a-z0-9_]+\.jsonl\.gz|files/(?:[A-Za-z0-9_-]+/)+[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PURPOSE: Final = "backup-manifest"
_LARGEST_MANIFEST: Final = 2**30
_PIECE: Final = 1 << 20


class BackupRefused(Exception):
    """A backup cannot be made, trusted or restored; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a backup.

    Attributes:
        size: bytes.
        sha256: of its content.
        rows: of a table; None for other files.
    """

    size: int
    sha256: str
    rows: int | None = None


@dataclass(slots=True)
class Manifest:
    """What a backup holds.

    Attributes:
        installation: which school's database.
        made_at: when the snapshot of the database was taken.
        database: vendor, for people only: any backup restores into any database.
        migrations: ``[app, name]`` of all that were applied.
        members: every file by its path in the folder.
        missing: files that rows name and that could not be read.
        forgotten: how many entries under the master key's seal the list of the forgotten had: a restore takes no
            shorter one.
        format: of this layout.
    """

    installation: str
    made_at: dt.datetime
    database: str
    migrations: list[tuple[str, str]]
    members: dict[str, Member] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    forgotten: int = 0
    format: int = FORMAT

    @property
    def counts(self) -> dict[str, int]:
        """Rows by table."""
        tables = {path: one.rows for path, one in self.members.items() if one.rows is not None}
        return {path.removeprefix("tables/").removesuffix(".jsonl.gz"): rows for path, rows in tables.items()}

    @property
    def files(self) -> dict[str, Member]:
        """Files of the private storage by name."""
        return {path[6:]: one for path, one in self.members.items() if path.startswith("files/")}

    @property
    def size(self) -> int:
        """Bytes of all members together."""
        return sum(one.size for one in self.members.values())


def table_path(table: str) -> str:
    """Name the member that holds a table."""
    return f"tables/{table}.jsonl.gz"


def make_private(folder: Path) -> None:
    """Make a folder, with those above it, that only its owner may enter."""
    for place in reversed([folder, *folder.parents]):
        place.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path) -> IO[bytes]:
    """Open a new file for writing that only its owner may read."""
    make_private(path.parent)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def settle(folder: Path) -> None:
    """Have the disk keep the names in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def hashed(path: Path) -> Member:
    """Read a file again and give its size and hash."""
    with path.open("rb") as file:
        return copied(file, None)


def copied(source: Any, target: IO[bytes] | None) -> Member:
    """Read an open file to its end, write it to another if one is given, and give its size and hash."""
    digest, size = hashlib.sha256(), 0
    while piece := source.read(_PIECE):
        digest.update(piece)
        size += len(piece)
        if target is not None:
            target.write(piece)
    return Member(size, digest.hexdigest())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest and its seal, the last files of a backup."""
    text = json.dumps({**asdict(manifest), "made_at": manifest.made_at.isoformat()}, indent=1, sort_keys=True)
    for name, data in ((MANIFEST, text.encode()), (SEAL, sealing.sign(text.encode(), purpose=_PURPOSE).encode())):
        with write_private(folder / name) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """Read what a backup says of itself.

    Raises:
        BackupRefused: it is none, or of a later format, or another master key's, or changed.
    """
    try:
        if (folder / MANIFEST).stat().st_size > _LARGEST_MANIFEST:
            raise BackupRefused(f"The manifest of {folder} is too large to be one.")
        data, seal = (folder / MANIFEST).read_bytes(), (folder / SEAL).read_text()
    except FileNotFoundError:
        raise BackupRefused(f"{folder} is no complete backup: its manifest is missing.") from None
    if not sealing.is_signed(data, seal, purpose=_PURPOSE):
        raise BackupRefused(
            f"The manifest of {folder} does not carry this master key's seal: it was changed, or MASTER_KEY is not the "
            "one it was made under (put that one into MASTER_KEY or OLD_MASTER_KEYS). Nothing was touched."
        )
    said: dict[str, Any] = json.loads(data)
    if said["format"] != FORMAT:
        raise BackupRefused(f"This backup has format {said['format']}; this release reads {FORMAT}.")
    said["made_at"] = dt.datetime.fromisoformat(said["made_at"])
    said["migrations"] = [(app, name) for app, name in said["migrations"]]
    said["members"] = {path: Member(**one) for path, one in said["members"].items()}
    return Manifest(**said)


def verify(folder: Path) -> Manifest:
    """Read a whole backup again and compare it with its manifest.

    Raises:
        BackupRefused: with the first thing that is wrong.
    """
    manifest = read_manifest(folder)
    found = set(_paths(folder)) - {MANIFEST, SEAL}
    for path in sorted(found ^ manifest.members.keys()):
        raise BackupRefused(f"{path} {'is not in the manifest' if path in found else 'is missing'}: {folder}")
    for path, member in manifest.members.items():
        if not _MEMBER.fullmatch(path) or ".." in path:
            raise BackupRefused(f"The manifest names {path!r}, which no backup has.")
        if (folder / path).stat().st_size != member.size or hashed(folder / path).sha256 != member.sha256:
            raise BackupRefused(f"{path} is not what was written: size or SHA-256 differ. Use another backup.")
        if member.rows is not None and sum(1 for _line in _lines(folder / path)) != member.rows + 1:
            raise BackupRefused(f"{path} does not hold the {member.rows} rows that it should.")
    return manifest


def read_table(folder: Path, table: str) -> Iterator[list[Any]]:
    """Give a table's columns and then its rows, as written."""
    return (json.loads(line) for line in _lines(folder / table_path(table)))


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as lines:
        yield from lines


def _paths(folder: Path) -> Iterator[str]:
    """Name every file below, without following a link anywhere.

    Raises:
        BackupRefused: something there is no plain file.
    """
    for place, names, files in os.walk(folder, followlinks=False):
        for name in (*names, *files):
            path = Path(place) / name
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode):
                raise BackupRefused(f"{path} is a link or a device: no backup has such a thing.")
            yield path.relative_to(folder).as_posix()
