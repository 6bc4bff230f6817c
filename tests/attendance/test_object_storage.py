"""The settings choose the bucket, in a process as production starts it: without what tests and type checkers add."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SHOW = "from attendance.storage import private_storage as s; import django; django.setup(); print(type(s()).__name__)"


def start(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a process with nothing in its environment but this."""
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "attendance.settings",
            "DEBUG": "true",
            **environment,
        },
        capture_output=True,
        text=True,
    )


def test_without_a_bucket_photos_lie_in_a_folder(tmp_path: Path) -> None:
    done = start(tmp_path)
    assert done.stdout.strip() == "PrivateFolder", done.stderr


def test_a_bucket_and_its_key_are_taken_from_the_environment_and_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the key")
    done = start(tmp_path, S3_BUCKET="photos", S3_ACCESS_KEY_ID="key", S3_SECRET_ACCESS_KEY_FILE=str(secret))
    assert done.stdout.strip() == "PrivateBucket", done.stderr


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"S3_BUCKET": "photos"}, "S3_BUCKET needs S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"),
        ({"S3_ENCRYPTION": "rot13"}, "S3_ENCRYPTION must be"),
        ({"S3_TIMEOUT_SECONDS": "0"}, "S3_TIMEOUT_SECONDS must lie"),
    ],
)
def test_a_value_that_makes_no_sense_stops_the_start(
    tmp_path: Path, environment: dict[str, str], sentence: str
) -> None:
    done = start(tmp_path, **environment)
    assert done.returncode != 0
    assert sentence in done.stderr
