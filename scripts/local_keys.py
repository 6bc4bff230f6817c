"""The keys of a site that `make run` starts: made once, kept in the data folder, readable by its owner only.

``attendance.settings`` reads the file after the environment and `.env`, both of which win over it. An installation
for a school sets SECRET_KEY and MASTER_KEY itself, and then nothing is written here.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from scripts.sentences import CannotStart

FILE = "local.env"
DATABASE = "rollcall.sqlite3"
HEAD = """\
# Made by the first `make run`, for this machine only. Without MASTER_KEY nobody can open the selfies and face templates
# that lie beside this file: keep a copy, and keep it apart from the backups of this folder.
"""


HEAD_WITHOUT_KEY = """\
# Made by the first `make run`, for this machine only. MASTER_KEY was given to that start and is not in here: every
# later one needs the same, or nobody can open the selfies and face templates that lie beside this file.
"""


def ensure(root: Path, environment: Mapping[str, str]) -> Path:
    """Write the keys that neither the environment nor `.env` sets; give the file's path.

    A MASTER_KEY that is given stays out of the file, as whoever gives it may want it to; every start needs it then.

    Raises:
        CannotStart: there is data, and the key that opens it is neither given nor in the file.
    """
    given = {**_lines_of(root / ".env"), **environment}
    folder = Path(given.get("DATA_DIR") or root / "var")
    path = folder / FILE
    given |= {name.removesuffix("_FILE"): value for name, value in given.items()}
    kept = _lines_of(path)
    if {"SECRET_KEY", "MASTER_KEY"} <= {name for name, value in {**kept, **given}.items() if value}:
        return path
    if not (given.get("MASTER_KEY") or kept.get("MASTER_KEY")):
        _require_no_data(folder, path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path, _text(kept, given))
    return path


def _require_no_data(folder: Path, path: Path) -> None:
    """Refuse to make a new key beside data that another one sealed."""
    if path.exists():
        raise CannotStart(
            f"MASTER_KEY was given to the first start, so {path} does not hold it: give the same one to this start "
            "too, or write it there. With another one no selfie and no face template opens."
        )
    if (folder / DATABASE).exists():
        raise CannotStart(
            f"{folder} holds a database, but the key that opens its face data is missing: "
            f"put {path} back, or set MASTER_KEY."
        )


def _text(kept: Mapping[str, str], given: Mapping[str, str]) -> str:
    made = {"SECRET_KEY": secrets.token_urlsafe(50)}
    if not kept:
        made |= {
            "MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
            "HTTPS": "false",  # this machine's own address has no certificate
        }
    values = {**{name: value for name, value in made.items() if not given.get(name)}, **kept}
    head = HEAD if values.get("MASTER_KEY") else HEAD_WITHOUT_KEY
    return head + "".join(f"{name}={value}\n" for name, value in values.items())


def _write(path: Path, text: str) -> None:
    """Write it whole or not at all, never readable by others in between."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _lines_of(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip().removeprefix("export "): value.strip().strip("\"'") for name, value in pairs}
