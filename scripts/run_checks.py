"""Runs every check that needs no test, and goes on after a failure: `python -m scripts.run_checks [NAME ...]`."""

import base64
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
MANAGE: Final = [sys.executable, "manage.py"]
CHECKS: Final[dict[str, list[str]]] = {
    "lint": [sys.executable, "-m", "ruff", "check", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "types": [sys.executable, "-m", "mypy"],
    "layers": [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
    "deployment": [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
    "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
    "api schema": [*MANAGE, "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull],
    "licences": [sys.executable, "-m", "scripts.licences"],
    "advisories": [sys.executable, "-m", "scripts.advisories"],
}


def production_environment(data_dir: Path) -> dict[str, str]:
    """Give an environment as a school's server has it: no DEBUG, keys of its own, https."""
    ours = {
        "DEBUG",
        "HTTPS",
        "SECRET_KEY",
        "MASTER_KEY",
        "OLD_MASTER_KEYS",
        "DATABASE_URL",
        "DATA_DIR",
        "ALLOWED_HOSTS",
    }
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return {
        **inherited,
        "DEBUG": "false",
        "HTTPS": "true",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": "school.example",
        "DATA_DIR": str(data_dir),
    }


def run(name: str, environment: Mapping[str, str]) -> bool:
    """Run one check; print its output only when it fails, or when it has something to tell."""
    started = time.monotonic()
    done = subprocess.run(CHECKS[name], cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False)
    is_good = done.returncode == 0
    print(f"{'ok    ' if is_good else 'FAILED'} {name} ({time.monotonic() - started:.0f} s)", flush=True)
    output = (done.stdout + done.stderr).strip()
    notes = output if not is_good else "\n".join(line for line in output.splitlines() if line.startswith("Note:"))
    if notes:
        print(notes, flush=True)
    return is_good


def main(names: list[str]) -> int:
    """Run the named checks, or all; give 1 when one failed."""
    with tempfile.TemporaryDirectory(prefix="rollcall-check-") as folder:
        environment = production_environment(Path(folder))
        failed = [name for name in names or list(CHECKS) if not run(name, environment)]
    if failed:
        print(f"Failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
