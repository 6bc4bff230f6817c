"""Photos over the API: sent once or twice, watched, looked at, decided on, taken back."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from attendance.models import AttendanceRecord, AuditEvent, ClassSession, DetectedFace, Snapshot, User
from attendance.services import pace, recognition
from tests.attendance.api.conftest import ClientOf
from tests.attendance.conftest import World
from tests.conftest import MakeStudent
from tests.fakes import class_photo


@pytest.fixture
def address(class_session: ClassSession) -> str:
    return f"/api/v1/sessions/{class_session.pk}/photos/"


def send(client: APIClient, address: str, data: bytes, *, key: str | None = None, name: str = "a.jpg") -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    body = {"photo": SimpleUploadedFile(name, data, content_type="image/jpeg")}
    return client.post(address, body, format="multipart", headers=headers)


def test_photo_is_stored_and_can_be_watched_until_it_is_done(
    api: APIClient, world: World, address: str, jpeg: bytes
) -> None:
    answer = send(api, address, jpeg)
    assert answer.status_code == 202
    assert answer.json()["state"] == "QUEUED"
    where = answer.headers["Location"]
    assert where == f"/api/v1/photos/{answer.json()['id']}/"
    recognition.recognise(Snapshot.objects.get(public_id=answer.json()["id"]).pk)
    done = api.get(where).json()
    assert (done["state"], done["face_count"], done["named_count"], done["failure"]) == ("DONE", 2, 1, None)


def test_photo_counts_the_faces_that_wait_for_a_look(api: APIClient, world: World) -> None:
    address = f"/api/v1/photos/{world.photo.public_id}/"
    DetectedFace.objects.filter(snapshot=world.photo, student=None).update(outcome="UNCERTAIN")
    waiting = api.get(address).json()
    assert (waiting["named_count"], waiting["uncertain_count"]) == (1, 1)
    DetectedFace.objects.filter(snapshot=world.photo, outcome="UNCERTAIN").update(decision="NOT_IN_CLASS")
    assert api.get(address).json()["uncertain_count"] == 0


def test_same_photo_again_is_200_with_the_same_address(api: APIClient, address: str, jpeg: bytes) -> None:
    first, second = send(api, address, jpeg), send(api, address, jpeg)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.headers["Location"] == second.headers["Location"]
    assert Snapshot.objects.count() == 1


def test_same_key_and_photo_get_the_same_answer(api: APIClient, address: str, jpeg: bytes) -> None:
    first, second = send(api, address, jpeg, key="k-1"), send(api, address, jpeg, key="k-1")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.headers["Location"] == second.headers["Location"]
    assert first.json() == second.json()
    assert Snapshot.objects.count() == 1


def test_same_key_with_another_photo_is_refused(api: APIClient, address: str, jpeg: bytes) -> None:
    send(api, address, jpeg, key="k-1")
    answer = send(api, address, class_photo("cem"), key="k-1")
    assert (answer.status_code, answer.json()["code"]) == (409, "key-reused")
    assert Snapshot.objects.count() == 1


def test_keys_of_two_people_do_not_meet(
    api: APIClient, client_of: ClientOf, admin: User, address: str, jpeg: bytes
) -> None:
    send(api, address, jpeg, key="k-1")
    assert send(client_of(admin), address, class_photo("cem"), key="k-1").status_code == 202


@pytest.mark.parametrize("key", ["", "two words", "x" * 129, "tab\there", "ü"])
def test_key_of_another_shape_is_refused(key: str, api: APIClient, address: str, jpeg: bytes) -> None:
    answer = send(api, address, jpeg, key=key)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert not Snapshot.objects.exists()


def _picture(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (80, 60), 200 if mode == "L" else None).save(out, kind, **options)
    return out.getvalue()


def _bomb() -> bytes:
    """A small PNG whose header declares 50,000 x 50,000 pixels."""
    data = bytearray(_picture("PNG"))
    data[16:24] = (50_000).to_bytes(4, "big") * 2
    return bytes(data)


BAD_FILES = {
    "empty": (b"", 400),
    "text": (b"hello, I am a photo", 400),
    "truncated JPEG": (class_photo("ada")[:400], 400),
    "PNG bomb": (_bomb(), 400),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', 415),
    "PDF": (b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n", 415),
    "GIF": (_picture("GIF"), 415),
    "animated WebP": (
        _picture("WEBP", save_all=True, append_images=[Image.new("RGB", (80, 60), "red")], duration=50),
        415,
    ),
    "corrupt HEIC": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\xff" * 64, 400),
}


@pytest.mark.parametrize(("data", "status"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_file_that_is_no_photo_is_refused_with_its_reason(
    data: bytes, status: int, api: APIClient, address: str
) -> None:
    answer = send(api, address, data)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not Snapshot.objects.exists()


def test_photo_over_the_limit_is_413(api: APIClient, address: str, settings: Any) -> None:
    settings.MAX_PHOTO_MB = 1
    inside = send(api, address, class_photo("ada") + b"\0" * 1_000_001)
    whole = send(api, address, b"\0" * 2_000_000)
    assert (inside.status_code, inside.json()["code"]) == (413, "photo-too-large")
    assert (whole.status_code, whole.json()["code"]) == (413, "body-too-large")
    assert not Snapshot.objects.exists()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\x00b.jpg", "\u202egpj.exe", "x" * 300 + ".jpg", "<script>.jpg", ".."]
)
def test_file_name_is_neither_believed_nor_kept(name: str, api: APIClient, address: str, jpeg: bytes) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="photo"; filename="' + name.encode() + b'"\r\n'
        b"Content-Type: text/html\r\n\r\n" + jpeg + b"\r\n--b--\r\n"
    )
    answer = api.post(address, body, content_type="multipart/form-data; boundary=b")
    assert answer.status_code in (202, 400)
    for snapshot in Snapshot.objects.all():
        stem = str(snapshot.image).rpartition("/")[2].partition(".")[0]
        assert stem.replace("-", "").isalnum()
        assert "passwd" not in stem


def test_photo_must_be_one_file_in_the_field_photo(api: APIClient, address: str, jpeg: bytes) -> None:
    def file() -> SimpleUploadedFile:
        return SimpleUploadedFile("a.jpg", jpeg)

    bodies: list[dict[str, Any]] = [
        {},
        {"photo": "text"},
        {"photo": "https://example.org/a.jpg"},
        {"image": file()},
        {"photo": file(), "path": "/etc/passwd"},
        {"photo": file(), "url": "https://example.org/a.jpg"},
        {"photo": file(), "second": file()},
        {"photo": [file(), file()]},
    ]
    for body in bodies:
        assert api.post(address, body, format="multipart").status_code == 400
    assert api.post(address, {"photo": "https://example.org/a.jpg"}, format="json").status_code == 415
    assert not Snapshot.objects.exists()


def test_broken_multipart_is_a_bad_request(api: APIClient, address: str) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=b"):
        assert api.post(address, b"--b\r\nhalf", content_type=content_type).status_code == 400


def test_hourly_limit_of_uploads_says_when_to_come_back(
    api: APIClient, address: str, jpeg: bytes, settings: Any
) -> None:
    settings.UPLOADS_PER_HOUR = 1
    assert send(api, address, jpeg).status_code == 202
    answer = send(api, address, class_photo("cem"))
    assert (answer.status_code, answer.json()["code"]) == (429, "upload-limit")
    assert 0 < int(answer.headers["Retry-After"]) <= 3600


def test_long_queue_is_503_and_says_when_to_come_back(api: APIClient, address: str, jpeg: bytes, settings: Any) -> None:
    settings.MAX_QUEUED_PHOTOS = 1
    assert send(api, address, jpeg).status_code == 202
    answer = send(api, address, class_photo("cem"))
    assert (answer.status_code, answer.json()["code"]) == (503, "queue-too-long")
    assert int(answer.headers["Retry-After"]) == pace.SHORTEST_SECONDS


def test_full_disk_is_507(api: APIClient, address: str, jpeg: bytes, settings: Any) -> None:
    settings.MIN_FREE_DISK_MB = 10**9
    answer = send(api, address, jpeg)
    assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")


def test_final_session_takes_no_photo(api: APIClient, address: str, class_session: ClassSession, jpeg: bytes) -> None:
    api.post(f"/api/v1/sessions/{class_session.pk}/finalise/", {})
    assert send(api, address, jpeg).status_code == 409


def test_faces_explain_the_decision(api: APIClient, world: World) -> None:
    ada, stranger = api.get(f"/api/v1/photos/{world.photo.public_id}/faces/").json()["results"]
    assert (ada["outcome"], ada["student"]) == ("MARKED", {"id": world.student.pk, "name": "Ada"})
    assert ada["similarity"] >= ada["threshold_cosine"]
    assert ada["candidates"][0]["student"]["id"] == world.student.pk
    assert ada["box"].keys() == {"x", "y", "width", "height"}
    assert len(ada["landmarks"]) == 5
    assert (stranger["outcome"], stranger["student"], stranger["decision"]) == ("UNKNOWN", None, "NONE")


def test_candidate_whom_the_caller_may_not_see_is_left_out(
    api: APIClient, world: World, make_student: MakeStudent, other_course: Any
) -> None:
    stranger = make_student("ben", course=other_course)
    DetectedFace.objects.filter(pk=world.face.pk).update(candidates=[[stranger.pk, 0.9], [world.student.pk, 0.8]])
    ada = api.get(f"/api/v1/photos/{world.photo.public_id}/faces/").json()["results"][0]
    assert [row["student"]["id"] for row in ada["candidates"]] == [world.student.pk]


def test_teachers_word_on_a_face_marks_the_student(api: APIClient, world: World, make_student: MakeStudent) -> None:
    ben = make_student("ben")
    stranger = DetectedFace.objects.get(snapshot=world.photo, student=None)
    answer = api.put(f"/api/v1/faces/{stranger.pk}/decision/", {"decision": "STUDENT", "student_id": ben.pk})
    assert answer.status_code == 200
    assert (answer.json()["decision"], answer.json()["decided_student"]["id"]) == ("STUDENT", ben.pk)
    record = AttendanceRecord.objects.get(student=ben)
    assert (record.status, record.source) == ("PRESENT", "MANUAL")


@pytest.mark.parametrize("decision", ["NOT_IN_CLASS", "NOT_A_FACE"])
def test_face_can_be_said_to_be_nobody_of_this_class(decision: str, api: APIClient, world: World) -> None:
    answer = api.put(f"/api/v1/faces/{world.face.pk}/decision/", {"decision": decision})
    assert (answer.status_code, answer.json()["decision"]) == (200, decision)


@pytest.mark.parametrize("outsider", ["GUEST", "OTHER_CLASS"])
def test_who_is_not_in_this_class_may_be_a_guest_or_of_another(outsider: str, api: APIClient, world: World) -> None:
    address = f"/api/v1/faces/{world.face.pk}/decision/"
    said = api.put(address, {"decision": "NOT_IN_CLASS", "outsider": outsider})
    assert (said.status_code, said.json()["decision"], said.json()["outsider"]) == (200, "NOT_IN_CLASS", outsider)
    told = api.get(f"/api/v1/photos/{world.photo.public_id}/faces/").json()["results"]
    assert [face["outsider"] for face in told if face["id"] == world.face.pk] == [outsider]
    assert api.put(address, {"decision": "NOT_IN_CLASS"}).json()["outsider"] == ""


def test_teachers_word_can_be_taken_back(api: APIClient, world: World) -> None:
    address = f"/api/v1/faces/{world.face.pk}/decision/"
    api.put(address, {"decision": "NOT_IN_CLASS"})
    assert not AttendanceRecord.objects.exists()
    back = api.put(address, {"decision": "NONE"}).json()
    assert (back["decision"], back["student"]) == ("NONE", {"id": world.student.pk, "name": "Ada"})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "STUDENT"},
        {"decision": "STUDENT", "student_id": "1"},
        {"decision": "STUDENT", "student_id": None},
        {"decision": "NOT_A_FACE", "student_id": 1},
        {"decision": "FRIEND"},
        {"decision": "NOT_A_FACE", "x": 1},
        {"decision": "NOT_IN_CLASS", "outsider": "FRIEND"},
        {"decision": "NOT_IN_CLASS", "outsider": ""},
        {"decision": "NOT_A_FACE", "outsider": "GUEST"},
        {"decision": "NONE", "outsider": "GUEST"},
    ],
)
def test_decision_must_be_whole(body: dict[str, Any], api: APIClient, world: World) -> None:
    assert api.put(f"/api/v1/faces/{world.face.pk}/decision/", body).status_code == 400


def test_each_look_at_a_photo_is_written_down(api: APIClient, world: World, teacher: User) -> None:
    answer = api.get(f"/api/v1/photos/{world.photo.public_id}/image/")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (world.photo.width, world.photo.height)
    assert not picture.getexif()
    assert AuditEvent.objects.filter(action="photo.viewed", actor_id=teacher.pk).count() == 1


def test_photo_is_shrunk_on_request(api: APIClient, world: World) -> None:
    address = f"/api/v1/photos/{world.photo.public_id}/image/"
    assert max(Image.open(io.BytesIO(api.get(f"{address}?long_side=100").content)).size) == 100
    for wrong in ("0", "63", "99999", "big", "1e3"):
        assert api.get(f"{address}?long_side={wrong}").status_code == 400


def test_photo_is_taken_back_with_its_faces(api: APIClient, world: World) -> None:
    address = f"/api/v1/photos/{world.photo.public_id}/"
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404
    assert not DetectedFace.objects.exists()


def test_failed_photo_tells_why_and_can_be_tried_again(api: APIClient, world: World) -> None:
    address = f"/api/v1/photos/{world.photo.public_id}/"
    assert api.post(f"{address}retry/").status_code == 409
    Snapshot.objects.update(state="FAILED", failure_code="bad-photo", failure_reason="It cannot be read.")
    assert api.get(address).json()["failure"] == {"code": "bad-photo", "reason": "It cannot be read."}
    again = api.post(f"{address}retry/")
    assert (again.status_code, again.json()["state"], again.json()["failure"]) == (202, "QUEUED", None)
