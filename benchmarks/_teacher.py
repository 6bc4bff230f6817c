"""What one teacher does in the morning, for locust: started by ``benchmarks.morning``, which reads what it writes.

Each teacher logs in, opens Today, takes attendance, uploads a photo, looks every two seconds whether it is done, opens
the register, and confirms it.
"""

import itertools
import json
import os
import re
import time
from pathlib import Path
from typing import Any, Final

import gevent  # type: ignore[import-untyped]  # its types are a package of their own
from locust import HttpUser, constant, events, task
from locust.env import Environment

_TEACHERS: Final = int(os.environ["MORNING_TEACHERS"])
_PHOTO: Final = Path(os.environ["MORNING_PHOTO"]).read_bytes()
_RESULTS: Final = Path(os.environ["MORNING_RESULTS"])
_POLL_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 300.0
_TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
_numbers = itertools.count()
_answers: list[dict[str, Any]] = []
_finished: list[int] = []


class Teacher(HttpUser):
    """One teacher, once."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Take the next name."""
        self.number = next(_numbers)

    @task
    def morning(self) -> None:
        """All of it, in order."""
        try:
            self._log_in()
            course = self._first_course()
            session = self._take(course)
            self._upload(session)
            self._wait_until_done(session)
            self.client.get(f"/sessions/{session}/", name="session page, with its photo")
            self._confirm(session)
        except (RuntimeError, OSError) as error:
            _answers.append({"name": "a teacher gave up", "ms": 0.0, "error": str(error)})
        finally:
            _finished.append(self.number)
            if len(_finished) >= _TEACHERS and self.environment.runner is not None:
                gevent.spawn(self.environment.runner.quit)  # it ends this greenlet too
        # Whoever left would be replaced while the others still arrive.
        while True:
            time.sleep(_POLL_SECONDS)

    def _log_in(self) -> None:
        page = self.client.get("/login/", name="login page")
        found = _TOKEN.search(page.text)
        form = {
            "username": f"teacher{self.number}",
            "password": "correct horse battery",
            "csrfmiddlewaretoken": found.group(1) if found else "",
        }
        self.client.post("/login/", form, name="log in (password)", allow_redirects=False)

    def _first_course(self) -> str:
        page = self.client.get("/", name="Today").text
        return self._found(r'action="/courses/(\d+)/take/"', page)

    def _take(self, course: str) -> str:
        taken = self.client.post(
            f"/courses/{course}/take/", headers=self._headers(), name="take attendance", allow_redirects=False
        )
        session = self._found(r"/sessions/(\d+)/", taken.headers.get("Location", ""))
        self.client.get(f"/sessions/{session}/", name="session page, empty")
        return session

    def _upload(self, session: str) -> None:
        self.client.post(
            f"/sessions/{session}/upload/",
            files={"photos": ("class.jpg", _PHOTO, "image/jpeg")},
            headers={**self._headers(), "Accept": "application/json"},
            name="upload",
        )

    def _wait_until_done(self, session: str) -> None:
        begin = time.monotonic()
        while time.monotonic() < begin + _PATIENCE_SECONDS:
            answer = self.client.get(f"/sessions/{session}/photos/?finished=0", name="poll")
            if "photos-changed" in answer.headers.get("HX-Trigger", ""):
                _answers.append({"name": "photo done", "ms": (time.monotonic() - begin) * 1000, "error": ""})
                return
            time.sleep(_POLL_SECONDS)  # locust has made this gevent's
        raise RuntimeError(f"the photo of session {session} was not done in time")

    def _confirm(self, session: str) -> None:
        self.client.post(
            f"/sessions/{session}/finalise/",
            {"mark_absent": "on"},
            headers=self._headers(),
            name="confirm",
            allow_redirects=False,
        )

    def _headers(self) -> dict[str, str]:
        return {"X-CSRFToken": str(self.client.cookies.get("csrftoken", ""))}

    def _found(self, pattern: str, text: str) -> str:
        found = re.search(pattern, text)
        if found is None:
            raise RuntimeError(f"teacher {self.number} does not find {pattern}")
        return found.group(1)


def _keep(name: str, response_time: float, exception: BaseException | None, **_more: Any) -> None:
    _answers.append({"name": name, "ms": response_time, "error": "" if exception is None else str(exception)})


def _write(environment: Environment, **_more: Any) -> None:
    _RESULTS.write_text(json.dumps({"answers": _answers, "finished": len(_finished)}))


_LISTENERS: Final[tuple[tuple[Any, Any], ...]] = (
    (events.request, _keep),
    (events.quitting, _write),
)
for _event, _listener in _LISTENERS:
    _event.add_listener(_listener)
