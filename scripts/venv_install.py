"""The virtual environment: exactly what a lock names, installed once and again only when the lock changes.

A venv holds its own path, so it cannot be made aside and moved into place. Instead a mark lies in it while pip works;
a start that finds the mark begins from scratch, and a first install that fails leaves nothing.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.sentences import CannotStart, install_failure

LOCKS = {"run": ("run.lock",), "dev": ("dev.lock", "run.lock")}  # dev.lock is made with run.lock as its constraint
STAMP, MARK = "installed.json", "installing"
INSTALL_FREE_MB = 4000
KEPT = {"pip", "setuptools", "wheel"}


def check_free(folder: Path, need_mb: int) -> None:
    """Refuse to begin on a disk that will not hold the end.

    Raises:
        CannotStart: less than so much is free.
    """
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < need_mb:
        raise CannotStart(f"The disk is full: {free_mb} MB are free in {folder}, and {need_mb} MB are needed.")


def sentence_of(error: OSError) -> str:
    """Say what an operating system's error means here."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "The disk is full: free some space, then start again."
    return f"{error.strerror or error}: {error.filename or 'no file named'}."


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _identity(venv: Path) -> dict[str, str]:
    return {"path": str(venv), "python": "{}.{}".format(*sys.version_info[:2])}


def is_current(root: Path, purpose: str) -> bool:
    """Tell whether the venv holds what this purpose needs, as its stamp says."""
    venv = root / ".venv"
    try:
        stamp = json.loads((venv / STAMP).read_text())
    except (OSError, ValueError):
        return False
    same_place = stamp.get("path") == str(venv) and (venv / "bin" / "python").exists()
    locks = stamp.get("locks", {})
    return same_place and all(locks.get(name) == _digest(root / "requirements" / name) for name in LOCKS[purpose])


def ensure(root: Path, purpose: str) -> Path:
    """Give the venv's python, after installing what the lock names and nothing else.

    Raises:
        CannotStart: with the reason; a venv that this call began is gone again.
    """
    venv = root / ".venv"
    python = venv / "bin" / "python"
    if is_current(root, purpose):
        return python
    check_free(root, INSTALL_FREE_MB)
    if (venv / MARK).exists() or not _is_usable(venv):
        shutil.rmtree(venv, ignore_errors=True)
    is_new = not venv.exists()
    try:
        if is_new:
            _make(venv)
        (venv / MARK).touch()
        (venv / STAMP).unlink(missing_ok=True)
        _install(root, python, LOCKS[purpose][0])
    except BaseException:  # Ctrl-C included: half an environment looks whole to the next start
        if is_new:
            shutil.rmtree(venv, ignore_errors=True)
        raise
    locks = {name: _digest(root / "requirements" / name) for name in LOCKS[purpose]}
    (venv / STAMP).write_text(json.dumps({**_identity(venv), "locks": locks}))
    (venv / MARK).unlink()
    return python


def _is_usable(venv: Path) -> bool:
    """Tell whether the venv lies where it was made and still starts the same Python."""
    python, notes = venv / "bin" / "python", venv / "pyvenv.cfg"
    if not python.exists() or not notes.exists():
        return False
    made_by = next((line for line in notes.read_text().splitlines() if line.startswith("command = ")), "")
    if not made_by.endswith(f" {venv}"):
        return False  # its scripts name the folder that it was made in
    question = "import sys; print('{}.{}'.format(*sys.version_info[:2]))"
    answer = subprocess.run([str(python), "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == _identity(venv)["python"]


def _make(venv: Path) -> None:
    base = getattr(sys, "_base_executable", None) or sys.executable  # a venv made by a venv would die with it
    made = subprocess.run([base, "-m", "venv", str(venv)], capture_output=True, text=True, check=False)
    if made.returncode:
        output = made.stdout + made.stderr
        if "ensurepip" in output:
            raise CannotStart("Python came without venv: install it (Debian and Ubuntu: apt install python3-venv).")
        raise CannotStart(install_failure(output))


def _install(root: Path, python: Path, lock: str) -> None:
    path = root / "requirements" / lock
    names = {_plain(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", path.read_text(), re.MULTILINE)}
    print(f"Installing {len(names)} packages from requirements/{lock}: a minute or two, only this once.", flush=True)
    # --no-deps: the lock is complete, and one package's wish for another build of cv2 must not be followed.
    _pip(python, "install", "--no-deps", "--require-hashes", "--progress-bar", "off", "-r", str(path))
    listed = _pip(python, "list", "--format", "json", "--disable-pip-version-check")
    extra = sorted({_plain(row["name"]) for row in json.loads(listed.splitlines()[0])} - names - KEPT)
    if extra:
        _pip(python, "uninstall", "--yes", *extra)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pip(python: Path, *arguments: str) -> str:
    environment = {**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "LC_ALL": "C.UTF-8"}
    # --retries: also the warnings that tell a missing network from a missing build.
    command = [str(python), "-m", "pip", "--retries", "3", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotStart(install_failure(done.stdout + done.stderr))
    return done.stdout
