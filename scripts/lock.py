"""Writes requirements/*.lock anew from requirements/*.in: `python -m scripts.lock [--upgrade]`.

Every package with the hashes of its files and no address, so that any package index can serve it. Versions stay as they
are unless an .in file forces a change or --upgrade asks for newer ones.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent.parent / "requirements"
OPTIONS: Final = [
    "--quiet",
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--override",
    "overrides.txt",
]


def main(arguments: list[str]) -> int:
    """Lock what the site needs; then what a GPU, and what the tests need on top of the very same versions."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    above = [["-c", "run.lock", f"{name}.in", "-o", f"{name}.lock"] for name in ("gpu", "dev")]
    for extra in (["run.in", "-o", "run.lock"], *above):
        done = subprocess.run([uv, "pip", "compile", *OPTIONS, *arguments, *extra], cwd=FOLDER, check=False)
        if done.returncode:
            print("Not locked; the old lock is unchanged.", file=sys.stderr)
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
