"""A large upload on its way in has no name on the disk."""

import tempfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.test import RequestFactory

LARGE = bytes(range(256)) * 12_000


def test_large_upload_arrives_whole_and_is_never_seen_in_a_folder(
    rf: RequestFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    request = rf.post("/", {"photo": SimpleUploadedFile("class.jpg", LARGE, "image/jpeg"), "note": "x"})
    photo = request.FILES["photo"]
    assert isinstance(photo, UploadedFile)
    assert (photo.name, photo.size, photo.content_type) == ("class.jpg", len(LARGE), "image/jpeg")
    assert not hasattr(photo, "temporary_file_path")
    assert list(tmp_path.iterdir()) == []
    assert photo.read() == LARGE
    assert request.POST["note"] == "x"
    request.close()
