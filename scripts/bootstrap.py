"""Makes the environment for all else: `python3 -m scripts.bootstrap run`, or `dev` for tests and checks.

Standard library only, since nothing is installed yet; the package refuses a Python that is too old or too new.
What was done is skipped, so that the second start takes a moment; what was interrupted is done again from scratch.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts import local_keys, venv_install
from scripts.sentences import CannotStart

ROOT = Path(__file__).resolve().parent.parent
FREE_MB_AT_START = 200
# What the tests compare beside the default models.


def check_folder(folder: Path) -> None:
    """Refuse a folder that nothing can be written to, or a disk that is nearly full.

    Raises:
        CannotStart: with what to do about it.
    """
    if not os.access(folder, os.W_OK):
        raise CannotStart(f"Rollcall cannot write to {folder}: give this user the folder, or copy it to one's own.")
    venv_install.check_free(folder, FREE_MB_AT_START)


def fetch_weights(python: Path) -> None:
    """Let the engine fetch what is missing of its weights and check every byte.

    Args:
        python: of the virtual environment.

    Raises:
        CannotStart: they could not be had, or are not the ones that the manifest names.
    """
    done = subprocess.run([str(python), "-m", "faces.weights", "fetch"], cwd=ROOT, check=False)
    if done.returncode:
        raise CannotStart("The face models' weights are not complete (see the line above); nothing was started.")


def main(arguments: list[str]) -> int:
    """Install for `run` or `dev`; give the exit code.

    Raises:
        CannotStart: with one sentence for the person who started it.
    """
    purpose = arguments[0] if arguments else "run"
    if purpose not in {"run", "dev"}:
        raise CannotStart("Say `python3 -m scripts.bootstrap run` or `python3 -m scripts.bootstrap dev`.")
    check_folder(ROOT)
    python = venv_install.ensure(ROOT, purpose)
    fetch_weights(python)
    if purpose == "run":
        local_keys.ensure(ROOT, os.environ)
    return 0


def guarded(arguments: list[str]) -> int:
    """Run main, turning what stops it into one sentence and an exit code."""
    try:
        return main(arguments)
    except CannotStart as stop:
        sys.stderr.write(f"{stop}\n")
    except OSError as error:
        sys.stderr.write(f"{venv_install.sentence_of(error)}\n")
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped; the next start begins where it is safe to.\n")
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(guarded(sys.argv[1:]))
