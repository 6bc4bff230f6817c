"""Where `make run` runs, written down in its data folder, so that commands beside it find its broker.

Standard library only: the settings ask before anything else is there.
"""

import json
import os
from pathlib import Path
from typing import Final

FILE: Final = "running.json"


def brings_broker() -> bool:
    """Tell whether `make run` brings its own Valkey, which it does unless REDIS_URL or its file names another."""
    return not os.environ.get("REDIS_URL") and not os.environ.get("REDIS_URL_FILE")


def note(folder: Path, *, valkey_port: int) -> None:
    """Write down that this process runs the site with the data in the folder."""
    draft = folder / f"{FILE}.draft"
    draft.write_text(json.dumps({"pid": os.getpid(), "valkey_port": valkey_port}))
    draft.replace(folder / FILE)


def forget(folder: Path) -> None:
    """Remove the note; a run that was killed leaves it, and then nobody believes it."""
    (folder / FILE).unlink(missing_ok=True)


def valkey_port(folder: Path) -> int | None:
    """Give the port of the broker that a run with these data has started; None where none runs."""
    try:
        noted = json.loads((folder / FILE).read_text())
        os.kill(noted["pid"], 0)  # asks whether it lives, and sends nothing
        return int(noted["valkey_port"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
