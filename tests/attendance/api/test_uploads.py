"""Photos in parts: the tus protocol, header by header, and everybody who must not take part in it."""

import hashlib
import io
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.core.handlers.wsgi import LimitedStream
from django.utils import timezone
from django.utils.http import parse_http_date
from rest_framework.test import APIClient

from attendance.models import ClassSession, PartialUpload, Snapshot, UploadPart
from attendance.services import partial_uploads, snapshots, uploads
from tests.attendance.api.tus_client import PART, TUS, ask, base64_of, begin, begun, call, patch
from tests.fakes import class_photo


def test_photo_in_three_parts_is_the_photo(api: APIClient, class_session: ClassSession, jpeg: bytes) -> None:
    metadata = f"filename {base64_of('класс.jpg')},sha256 {base64_of(hashlib.sha256(jpeg).hexdigest())}"
    address = begun(api, class_session, len(jpeg), metadata)
    third = len(jpeg) // 3
    for start, end in ((0, third), (third, 2 * third), (2 * third, len(jpeg))):
        assert ask(api, address).headers["Upload-Offset"] == str(start)
        answer = patch(api, address, start, jpeg[start:end])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(end))
    photo = Snapshot.objects.get()
    assert photo.sha256 == hashlib.sha256(jpeg).hexdigest()
    assert answer.headers["Rollcall-Photo"] == str(photo.public_id)
    assert answer.headers["Rollcall-Photo-New"] == "true"
    assert not UploadPart.objects.exists()


def test_answers_say_what_the_protocol_wants(api: APIClient, class_session: ClassSession) -> None:
    metadata = f"filename {base64_of('a b.jpg')},empty"
    created = begin(api, class_session, 100, **{"Upload-Metadata": metadata})
    address = urlsplit(created.headers["Location"]).path
    head = ask(api, address)
    assert head.status_code == 204
    assert head.headers["Cache-Control"] == "no-store"
    for answer in (created, head):
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert answer.headers["Upload-Metadata"] == metadata
        assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == ("0", "100")
        ends = parse_http_date(answer.headers["Upload-Expires"]) - timezone.now().timestamp()
        assert 23 * 3600 < ends <= 24 * 3600


def test_options_tell_what_is_offered(api: APIClient, class_session: ClassSession, settings: LazySettings) -> None:
    for address in (f"/api/v1/sessions/{class_session.pk}/uploads/", begun(api, class_session, 1)):
        answer = api.options(address)
        assert answer.status_code == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert set(answer.headers["Tus-Extension"].split(",")) == {
            "creation",
            "checksum",
            "termination",
            "expiration",
        }
        assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
        assert answer.headers["Tus-Max-Size"] == str(settings.MAX_PHOTO_MB * 1_000_000)


@pytest.mark.parametrize("version", ["", "0.2.2", "1.0.1"])
def test_other_versions_are_told_ours(api: APIClient, class_session: ClassSession, version: str) -> None:
    address = begun(api, class_session, 10)
    answers = [
        begin(api, class_session, 10, **{"Tus-Resumable": version}),
        ask(api, address, "HEAD", **{"Tus-Resumable": version}),
        ask(api, address, "DELETE", **{"Tus-Resumable": version}),
        patch(api, address, 0, b"x", **{"Tus-Resumable": version}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert PartialUpload.objects.get().offset == 0


@pytest.mark.parametrize("length", ["", "-1", "x", "1.5", "1e3", "+5", " 7", "٣", "9" * 16, "0"])
def test_length_that_makes_no_sense_is_refused(api: APIClient, class_session: ClassSession, length: str) -> None:
    path = f"/api/v1/sessions/{class_session.pk}/uploads/"
    answer = call(api, "POST", path, headers=TUS, HTTP_UPLOAD_LENGTH=length)
    assert answer.status_code == 400
    assert not PartialUpload.objects.exists()


@pytest.mark.parametrize("length", [25_000_001, 10**14])
def test_too_large_is_told_at_the_beginning(api: APIClient, class_session: ClassSession, length: int) -> None:
    answer = begin(api, class_session, length)
    assert (answer.status_code, answer.json()["code"]) == (413, "photo-too-large")
    assert answer.headers["Tus-Resumable"] == "1.0.0"


@pytest.mark.parametrize(
    "metadata",
    [
        "filename not/base64!",
        "filename YQ==,filename YQ==",
        "filename YQ== more",
        "file\x00name YQ==",
        "filename YQ==\x1b",
        "größe YQ==",
        ",",
        "sha256 " + base64_of("0" * 63),
        "sha256 " + base64_of("g" * 64),
        "sha256 " + base64_of(b"\xff" * 64),
        "filename " + base64_of("x" * 800),
    ],
)
def test_metadata_must_be_well_made(api: APIClient, class_session: ClassSession, metadata: str) -> None:
    path = f"/api/v1/sessions/{class_session.pk}/uploads/"
    answer = call(api, "POST", path, headers={**TUS, "Upload-Length": "9"}, HTTP_UPLOAD_METADATA=metadata)
    assert answer.status_code == 400
    assert not PartialUpload.objects.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x00b", "\u202egpj.exe", "x" * 300, "<script>"])
def test_file_name_names_no_file(
    api: APIClient, class_session: ClassSession, jpeg: bytes, name: str, private_files: Any
) -> None:
    address = begun(api, class_session, len(jpeg), f"filename {base64_of(name)}")
    patch(api, address, 0, jpeg[:10])
    stored = [path.relative_to(private_files).as_posix() for path in private_files.rglob("*") if path.is_file()]
    assert stored == [UploadPart.objects.get().file.name]
    assert stored[0].startswith("parts/")
    assert patch(api, address, 10, jpeg[10:]).status_code == 204


def test_part_must_begin_where_the_last_one_ended(api: APIClient, class_session: ClassSession, jpeg: bytes) -> None:
    address = begun(api, class_session, len(jpeg))
    patch(api, address, 0, jpeg[:10])
    for start in (0, 9, 11, len(jpeg), 10**14):
        answer = patch(api, address, start, b"x")
        assert (answer.status_code, answer.json()["code"]) == (409, "offset-mismatch")
        assert answer.headers["Upload-Offset"] == "10"
    for odd in ("", "-1", "1.0"):
        assert patch(api, address, odd, b"x").status_code == 400


def test_more_bytes_than_announced_are_refused_unread(api: APIClient, class_session: ClassSession, jpeg: bytes) -> None:
    address = begun(api, class_session, 100)
    patch(api, address, 0, jpeg[:60])
    answer = patch(api, address, 60, jpeg[60:101])
    assert answer.status_code == 413
    assert ask(api, address).headers["Upload-Offset"] == "60"


def test_part_needs_its_type_and_its_length(api: APIClient, class_session: ClassSession) -> None:
    address = begun(api, class_session, 10)
    for kind in ("", "image/jpeg", "application/json", "multipart/form-data; boundary=x"):
        answer = call(api, "PATCH", address, b"x", content_type=kind, headers={**TUS, "Upload-Offset": "0"})
        assert answer.status_code == 415
    chunked = call(
        api, "PATCH", address, b"", content_type=PART, headers={**TUS, "Upload-Offset": "0"}, CONTENT_LENGTH=""
    )
    assert chunked.status_code == 411


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_damaged_part_is_dropped(api: APIClient, class_session: ClassSession, jpeg: bytes, algorithm: str) -> None:
    address = begun(api, class_session, len(jpeg))
    good = f"{algorithm} {base64_of(hashlib.new(algorithm, jpeg[:50]).digest())}"
    damaged = patch(api, address, 0, b"?" + jpeg[1:50], **{"Upload-Checksum": good})
    assert (damaged.status_code, damaged.json()["code"]) == (460, "checksum-mismatch")
    assert damaged.headers["Upload-Offset"] == "0"
    assert patch(api, address, 0, jpeg[:50], **{"Upload-Checksum": good}).headers["Upload-Offset"] == "50"


@pytest.mark.parametrize("checksum", ["", "md5 AAAA", "sha256", "sha256 !", "sha1 AAAA BBBB", "SHA256 AAAA"])
def test_checksum_that_cannot_be_held_against_is_refused(
    api: APIClient, class_session: ClassSession, checksum: str
) -> None:
    address = begun(api, class_session, 10)
    answer = patch(api, address, 0, b"x", **{"Upload-Checksum": checksum})
    assert answer.status_code in ((460,) if checksum == "sha256" else (400,))
    assert PartialUpload.objects.get().offset == 0


def cut(client: Any, address: str, start: int, *, sent: bytes, announced: int, **headers: str) -> Any:
    """A part whose connection breaks: fewer bytes than announced."""
    broken: dict[str, Any] = {"CONTENT_TYPE": PART, "wsgi.input": io.BytesIO(sent)}
    return call(
        client,
        "PATCH",
        address,
        content_type=PART,
        headers={**TUS, "Upload-Offset": str(start), **headers},
        CONTENT_LENGTH=str(announced),
        **broken,
    )


def test_what_arrived_before_the_break_is_kept(api: APIClient, class_session: ClassSession, jpeg: bytes) -> None:
    address = begun(api, class_session, len(jpeg))
    cut(api, address, 0, sent=jpeg[:70], announced=len(jpeg))
    assert ask(api, address).headers["Upload-Offset"] == "70"
    cut(api, address, 70, sent=b"", announced=10)
    assert ask(api, address).headers["Upload-Offset"] == "70"
    assert patch(api, address, 70, jpeg[70:]).headers["Upload-Offset"] == str(len(jpeg))
    assert Snapshot.objects.get().sha256 == hashlib.sha256(jpeg).hexdigest()


def test_broken_part_with_a_checksum_does_not_count(api: APIClient, class_session: ClassSession, jpeg: bytes) -> None:
    address = begun(api, class_session, len(jpeg))
    checksum = f"sha256 {base64_of(hashlib.sha256(jpeg).digest())}"
    cut(api, address, 0, sent=jpeg[:70], announced=len(jpeg), **{"Upload-Checksum": checksum})
    assert ask(api, address).headers["Upload-Offset"] == "0"


def test_lost_last_answer_leads_to_the_same_photo(api: APIClient, class_session: ClassSession, jpeg: bytes) -> None:
    address = begun(api, class_session, len(jpeg))
    patch(api, address, 0, jpeg[:50])
    photo = patch(api, address, 50, jpeg[50:]).headers["Rollcall-Photo"]
    again = patch(api, address, 50, jpeg[50:])
    assert (again.status_code, again.headers["Rollcall-Photo"]) == (409, photo)
    head = ask(api, address)
    assert (head.headers["Upload-Offset"], head.headers["Rollcall-Photo"]) == (str(len(jpeg)), photo)
    assert patch(api, address, len(jpeg), b"").headers["Rollcall-Photo"] == photo
    assert Snapshot.objects.count() == 1


def test_photo_that_is_there_already_is_named(api: APIClient, class_session: ClassSession, snapshot: Snapshot) -> None:
    jpeg = class_photo("ada", "ben")
    answer = patch(api, begun(api, class_session, len(jpeg)), 0, jpeg)
    assert answer.headers["Rollcall-Photo"] == str(snapshot.public_id)
    assert answer.headers["Rollcall-Photo-New"] == "false"


def test_file_that_is_no_photo_is_refused_and_forgotten(
    api: APIClient, class_session: ClassSession, private_files: Any
) -> None:
    text = b"not a photo at all" * 10
    address = begun(api, class_session, len(text))
    patch(api, address, 0, text[:50])
    answer = patch(api, address, 50, text[50:])
    assert answer.status_code in (400, 415)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert ask(api, address).status_code == 404
    assert [path for path in private_files.rglob("*") if path.is_file()] == []


def test_other_file_than_announced_is_refused(api: APIClient, class_session: ClassSession, jpeg: bytes) -> None:
    address = begun(api, class_session, len(jpeg), f"sha256 {base64_of('0' * 64)}")
    assert patch(api, address, 0, jpeg).status_code == 460
    assert not Snapshot.objects.exists()
    assert ask(api, address).status_code == 404


def test_cancelled_upload_is_gone(api: APIClient, class_session: ClassSession, jpeg: bytes, private_files: Any) -> None:
    address = begun(api, class_session, len(jpeg))
    patch(api, address, 0, jpeg[:50])
    assert ask(api, address, "DELETE").status_code == 204
    assert ask(api, address).status_code == 404
    assert ask(api, address, "DELETE").status_code == 404
    assert patch(api, address, 50, jpeg[50:]).status_code == 404
    assert not Snapshot.objects.exists()
    assert not list((private_files / "parts").glob("*"))


def test_upload_that_is_a_photo_cannot_be_cancelled_and_names_it(
    api: APIClient, class_session: ClassSession, jpeg: bytes
) -> None:
    address = begun(api, class_session, len(jpeg))
    patch(api, address, 0, jpeg)
    answer = ask(api, address, "DELETE")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-finished")
    assert answer.headers["Rollcall-Photo"] == str(Snapshot.objects.get().public_id)
    assert ask(api, address).headers["Upload-Offset"] == str(len(jpeg))


def test_upload_that_is_cancelled_while_its_last_part_is_read_is_no_photo(
    api: APIClient, class_session: ClassSession, jpeg: bytes, private_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = begun(api, class_session, len(jpeg))
    patch(api, address, 0, jpeg[:50])
    read, cancelled = uploads.read_upload, []

    def while_somebody_cancels(**upload: Any) -> Any:
        cancelled.append(ask(api, address, "DELETE").status_code)
        return read(**upload)

    monkeypatch.setattr(snapshots, "read_upload", while_somebody_cancels)
    answer = patch(api, address, 50, jpeg[50:])
    assert cancelled == [204]
    assert (answer.status_code, answer.json()["code"]) == (410, "upload-gone")
    assert not Snapshot.objects.exists()
    assert not [path for path in private_files.rglob("*") if path.is_file()]


def test_cancel_that_comes_too_late_is_told_of_the_photo(
    api: APIClient, class_session: ClassSession, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = begun(api, class_session, len(jpeg))
    cancel = partial_uploads.cancel

    def after_the_last_part(*, upload: PartialUpload) -> None:
        assert patch(api, address, 0, jpeg).status_code == 204
        cancel(upload=upload)

    monkeypatch.setattr(partial_uploads, "cancel", after_the_last_part)
    answer = ask(api, address, "DELETE")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-finished")
    assert answer.headers["Rollcall-Photo"] == str(Snapshot.objects.get().public_id)
    assert answer.headers["Upload-Offset"] == str(len(jpeg))


def test_method_may_stand_in_a_header(api: APIClient, class_session: ClassSession, jpeg: bytes) -> None:
    address = begun(api, class_session, len(jpeg))
    sent = {**TUS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert call(api, "POST", address, jpeg[:9], content_type=PART, headers=sent).headers["Upload-Offset"] == "9"
    assert ask(api, address, "POST", **{"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert ask(api, begun(api, class_session, 5), "POST").status_code == 405


def test_part_that_trickles_ends_and_is_kept(
    api: APIClient, class_session: ClassSession, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attendance.api.tus.PART_SECONDS", 0.2)
    monkeypatch.setattr("attendance.api.tus._READ_BYTES", 10)
    monkeypatch.setattr("django.core.handlers.wsgi.LimitedStream.read", _slow(0.05))
    address = begun(api, class_session, len(jpeg))
    answer = patch(api, address, 0, jpeg)
    assert (answer.status_code, answer.json()["code"]) == (408, "part-too-slow")
    assert 0 < int(answer.headers["Upload-Offset"]) < len(jpeg)


def _slow(seconds: float) -> Any:
    """A network that lets a few bytes through at a time."""
    read = LimitedStream.read

    def slow(self: LimitedStream, size: int = -1) -> bytes:
        time.sleep(seconds)
        return read(self, size)

    return slow
