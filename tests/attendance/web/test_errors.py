"""What is refused before any view sees it."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from attendance.models import ClassSession


def test_five_hundred_files_are_told_the_limit(desk: Client, class_session: ClassSession) -> None:
    desk.raise_request_exception = False
    many = [SimpleUploadedFile(f"{n}.jpg", b"x") for n in range(500)]
    path = f"/sessions/{class_session.pk}/upload/"
    page = desk.post(path, {"photos": many})
    assert page.status_code == 400
    assert "At most 20 photos in one go" in page.content.decode()
    for file in many:
        file.seek(0)
    answer = desk.post(path, {"photos": many}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "too-many-photos")


def test_wrong_host_gets_the_plain_page(db: None) -> None:
    answer = Client(raise_request_exception=False).get("/login/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "could not be understood" in answer.content.decode()
