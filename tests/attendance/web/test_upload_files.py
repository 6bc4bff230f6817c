"""A large upload on its way in has no name on the disk."""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.test import Client, RequestFactory
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from attendance.models import ClassSession, Snapshot, User

LARGE = bytes(range(256)) * 12_000
SMALL_DISK_BYTES = 1_000_000
FULL = "The disk is nearly full"


def large_photo() -> SimpleUploadedFile:
    return SimpleUploadedFile("class.jpg", LARGE, "image/jpeg")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[IO[bytes]]:
    """Files on their way in lie on a disk that is full; the list holds each."""
    files: list[IO[bytes]] = []

    def on_a_full_disk() -> IO[bytes]:
        files.append(Path("/dev/full").open("w+b"))  # noqa: SIM115  the upload closes it; the kernel says ENOSPC
        return files[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", on_a_full_disk)
    return files


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk for temporary files that is smaller than the upload."""
    place = tmp_path / "small"
    place.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "none", str(place)]
    if mount is None or unmount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user may mount nothing: /dev/full shows the answers, not that the room comes back")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    subprocess.run([unmount, "--lazy", str(place)], check=True)


def test_large_upload_arrives_whole_and_is_never_seen_in_a_folder(
    rf: RequestFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    request = rf.post("/", {"photo": large_photo(), "note": "x"})
    photo = request.FILES["photo"]
    assert isinstance(photo, UploadedFile)
    assert (photo.name, photo.size, photo.content_type) == ("class.jpg", len(LARGE), "image/jpeg")
    assert not hasattr(photo, "temporary_file_path")
    assert list(tmp_path.iterdir()) == []
    assert photo.read() == LARGE
    assert request.POST["note"] == "x"
    request.close()


@pytest.mark.parametrize("enforce", [True, False])
def test_page_says_that_the_disk_is_full_though_the_check_of_the_token_reads_the_body(
    enforce: bool, opened: list[IO[bytes]], teacher: User, class_session: ClassSession
) -> None:
    browser = Client(enforce_csrf_checks=enforce)
    browser.force_login(teacher)
    browser.cookies["csrftoken"] = "a" * 32
    page = browser.post(
        f"/sessions/{class_session.pk}/upload/", {"photos": large_photo(), "csrfmiddlewaretoken": "a" * 32}
    )
    assert page.status_code == 507
    assert page.headers["Content-Type"].startswith("text/html")
    assert FULL in page.content.decode()
    assert [file.closed for file in opened] == [True]
    assert not Snapshot.objects.exists()


def test_script_of_the_page_is_told_in_json(
    opened: list[IO[bytes]], client: Client, teacher: User, class_session: ClassSession
) -> None:
    client.force_login(teacher)
    path, headers = f"/sessions/{class_session.pk}/upload/", {"Accept": "application/json"}
    answer = client.post(path, {"photos": large_photo()}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")


@pytest.mark.parametrize("by", ["token", "cookie"])
def test_program_is_told_by_a_problem(
    by: str, opened: list[IO[bytes]], teacher: User, class_session: ClassSession
) -> None:
    client = APIClient(raise_request_exception=False, enforce_csrf_checks=True)
    if by == "token":
        client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=teacher).key}")
    else:
        client.force_login(teacher)
        client.cookies["csrftoken"] = "a" * 32
        client.credentials(HTTP_X_CSRFTOKEN="a" * 32)
    path = f"/api/v1/sessions/{class_session.pk}/photos/"
    answer = client.post(path, {"photo": large_photo()}, format="multipart")
    assert (answer.status_code, answer.headers["Content-Type"]) == (507, "application/problem+json")
    assert answer.json()["code"] == "disk-full"
    assert all(file.closed for file in opened)
    assert not Snapshot.objects.exists()


def test_nothing_is_left_on_a_small_disk_and_what_fits_comes_in(
    small_disk: Path, client: Client, teacher: User, class_session: ClassSession
) -> None:
    client.force_login(teacher)
    path = f"/sessions/{class_session.pk}/upload/"
    assert client.post(path, {"photos": large_photo()}).status_code == 507
    left = os.statvfs(small_disk)
    assert left.f_bfree == left.f_blocks
    assert list(small_disk.iterdir()) == []
    assert client.post(path, {"photos": SimpleUploadedFile("a.jpg", b"no photo")}).status_code == 400


def test_no_folder_for_temporary_files_is_a_full_disk(
    client: Client, teacher: User, class_session: ClassSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> IO[bytes]:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", nowhere)
    client.force_login(teacher)
    answer = client.post(f"/sessions/{class_session.pk}/upload/", {"photos": large_photo()})
    assert answer.status_code == 507


def test_broken_disk_is_no_full_one(
    client: Client, teacher: User, class_session: ClassSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> IO[bytes]:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(tempfile, "TemporaryFile", broken)
    client.raise_request_exception = False
    client.force_login(teacher)
    answer = client.post(f"/sessions/{class_session.pk}/upload/", {"photos": large_photo()})
    assert answer.status_code == 500
