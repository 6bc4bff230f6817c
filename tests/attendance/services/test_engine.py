"""The one door to ``faces``: what reading a picture may cost the web process."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from attendance.services import engine
from faces import images
from tests.fakes import class_photo


def test_one_picture_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Semaphore(1)
    decode = images.decode
    crowded = []

    def watched(data: bytes, **limits: Any) -> Any:
        if not together.acquire(blocking=False):
            crowded.append(True)
            return decode(data, **limits)
        try:
            time.sleep(0.05)  # long enough for the others to come
            return decode(data, **limits)
        finally:
            together.release()

    monkeypatch.setattr(images, "decode", watched)
    with ThreadPoolExecutor(4) as threads:
        read = list(threads.map(engine.read_photo, [class_photo("ada")] * 4))
    assert len({photo.sha256 for photo in read}) == 1
    assert not crowded
