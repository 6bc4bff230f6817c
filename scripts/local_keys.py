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


def ensure(root: Path, environment: Mapping[str, str]) -> Path:
    """Write the keys that neither the environment nor `.env` sets; give the file's path.

    Raises:
        CannotStart: there is data, and the key that opens it is gone.
    """
    given = {**_lines_of(root / ".env"), **environment}
    folder = Path(given.get("DATA_DIR") or root / "var")
    path = folder / FILE
    given |= {name.removesuffix("_FILE"): value for name, value in given.items()}
    if path.exists() or {"SECRET_KEY", "MASTER_KEY"} <= given.keys():
        return path
    if (folder / DATABASE).exists() and "MASTER_KEY" not in given:
        raise CannotStart(
            f"{folder} holds a database, but the key that opens its face data is missing: "
            f"put {path} back, or set MASTER_KEY."
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path, _fresh(given))
    return path


def _fresh(given: Mapping[str, str]) -> str:
    values = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
        "HTTPS": "false",  # this machine's own address has no certificate
    }
    return HEAD + "".join(f"{name}={value}\n" for name, value in values.items() if name not in given)


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
