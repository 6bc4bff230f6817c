"""A small school in a site's own database, made and looked at by Python in that site's environment."""

import json
import subprocess
import sys
import threading
import time
from typing import Any, Self

import requests

from tests.fakes import class_photo
from tests.stack import Stack

PASSWORD = "correct horse battery"
_MAKE = f"""
import datetime as dt, json
import django; django.setup()
from django.utils import timezone
from rest_framework.authtoken.models import Token
from attendance.models import *
from attendance.services import gallery, records, snapshots
from tests.fakes import class_photo, selfie_of
today = timezone.localdate()
admin = User.objects.create_user(username="admin", password={PASSWORD!r}, role="ADMIN", name="Ann")
teacher = User.objects.create_user(username="teacher", password={PASSWORD!r}, role="TEACHER", name="Tess")
gallery.publish_policy(by=admin, text="We compare.", lawful_basis="consent", photo_retention_days=30,
                       template_retention_days=400)
day = dt.timedelta(days=60)
term = Term.objects.create(name="Autumn", starts_on=today - day, ends_on=today + day)
course = Course.objects.create(name="Physics", code="PH1", term=term)
course.teachers.add(teacher)
for name in ("ada", "ben"):
    student = Student.objects.create(name=name.title(), sort_key=name)
    Enrolment.objects.create(course=course, student=student, starts_on=term.starts_on)
    gallery.give_consent(student=student, by=admin)
    selfie = gallery.add_selfie(student=student, data=selfie_of(name), by=admin)
    gallery.process_selfie(selfie.pk)
now = timezone.now()
session = ClassSession.objects.create(course=course, starts_at=now, ends_at=now + dt.timedelta(hours=1),
                                      held_on=today, created_by=teacher)
dark = snapshots.add_snapshot(session=session, data=class_photo("ada", seed=900), by=teacher).snapshot
Snapshot.objects.filter(pk=dark.pk).update(state="FAILED", failure_reason="It was too dark.", finished_at=now)
records.set_status(session=session, student=Student.objects.get(sort_key="ben"), status=Status.EXCUSED, by=teacher)
print(json.dumps({{"session": session.pk, "token": Token.objects.create(user=teacher).key}}))
"""
_LOOK = """
import json
import django; django.setup()
from attendance.models import *
from attendance.services import gallery
print(json.dumps({
    "photos": {str(key): state for key, state in Snapshot.objects.values_list("public_id", "state")},
    "doubled": Snapshot.objects.count() - Snapshot.objects.values("session", "sha256").distinct().count(),
    "wrong_counts": [s.pk for s in Snapshot.objects.filter(state="DONE") if s.faces.count() != s.face_count],
    "register": sorted(AttendanceRecord.objects.values_list("session", "student__sort_key", "status", "source")),
    "selfies": [gallery.open_selfie_image(selfie=s, by=User.objects.get(username="admin"))[:2].hex()
                for s in Selfie.objects.all()],
}))
"""


def python(stack: Stack, code: str) -> Any:
    """Run code in the site's environment and give the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=stack.project,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def make_school(stack: Stack) -> dict[str, Any]:
    """Fill the empty database; give the session and the teacher's API token."""
    made: dict[str, Any] = python(stack, _MAKE)
    return made


def look(stack: Stack) -> dict[str, Any]:
    """Tell what is in the database."""
    seen: dict[str, Any] = python(stack, _LOOK)
    return seen


class Uploads(threading.Thread):
    """A teacher who sends one photo after the other, and tries each again until it is accepted."""

    def __init__(self, url: str, school: dict[str, Any], *, first: int = 0) -> None:
        super().__init__(daemon=True)
        self.urls = [url]
        self.accepted: dict[str, float] = {}
        self.refused: list[str] = []
        self._school = school
        self._number = first
        self._stop_asked = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asked.set()
        self.join(timeout=120)

    def run(self) -> None:
        """Send until asked to stop."""
        while not self._stop_asked.is_set():
            if self._sent():
                self._number += 1
            self._stop_asked.wait(0.4)

    def _sent(self) -> bool:
        try:
            answer = requests.post(
                f"{self.urls[-1]}/api/v1/sessions/{self._school['session']}/photos/",
                headers={
                    "Authorization": f"Token {self._school['token']}",
                    "Idempotency-Key": f"photo-{self._number}",
                },
                files={"photo": ("photo.jpg", class_photo("ada", seed=self._number), "image/jpeg")},
                timeout=60,
            )
        except requests.RequestException:
            return False  # the server is being replaced
        if answer.status_code not in {200, 202}:
            self.refused.append(f"{answer.status_code} {answer.text[:200]}")
            return False
        self.accepted[answer.json()["id"]] = time.time()
        return True
