"""Memory of the web server and of a worker over 2,000 photos: does it stay flat?

    python -m benchmarks.memory_flat --photos 2000 [--engine simulated]
    python -m benchmarks.memory_flat --photos 200 --engine real

Photos go in by the upload page of the real web server, which reads and encodes each anew; the worker reads it again and
finds its faces; then the session page and the photo are looked at. The simulated engine keeps all but the neural
networks. Resident memory of all processes of each is taken after every photo. Ends with 1 where the median of the last
quarter is more than 5 % above that of the second.
"""

import argparse
import os
import re
import sys
import time
from pathlib import Path
from statistics import median
from typing import Final

import requests

from benchmarks import real_site
from tests.stack import Database, Stack

_DATA: Final = Path(os.environ.get("SHARED_DATA", "../shared/data"))
PASSWORD: Final = "correct horse battery"  # noqa: S105  of a school that lives as long as the benchmark
MOST_RISE: Final = 0.05
MOST_WAITING: Final = 4
LINES: Final = 10


def main() -> int:
    """Run the photos and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--engine", choices=("simulated", "real"), default="simulated")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    return measure(options.database, photos=options.photos, engine=options.engine)


def measure(database: Database, *, photos: int, engine: str) -> int:
    """Run so many photos through a site and judge its memory."""
    with real_site.running(database, real_site.SIMULATED if engine == "simulated" else {}) as stack:
        school = real_site.School(recognisable=engine == "simulated")
        school.admin.set_password(PASSWORD)
        school.admin.save()
        stack.start_worker()
        real_site.start_web(stack)
        teacher = _Teacher(stack.url)
        pictures = _pictures(engine)
        samples: dict[str, list[float]] = {"web": [], "worker": []}
        print(f"{'photos':>8}{'web MB':>9}{'worker MB':>11}", flush=True)
        for number in range(photos):
            # What follows a picture's end is ignored, and makes it another file.
            picture = pictures[number % len(pictures)] + str(number).encode()
            teacher.upload_and_look(school.meeting(number // real_site.PHOTOS_A_MEETING).pk, picture)
            while real_site.unfinished() > MOST_WAITING:
                time.sleep(0.05)
            for name, taken in samples.items():
                taken.append(_resident_mb(stack, name))
            if (number + 1) % max(1, photos // LINES) == 0:
                print(f"{number + 1:>8}{samples['web'][-1]:>9.0f}{samples['worker'][-1]:>11.0f}", flush=True)
    return max(_judge(name, taken) for name, taken in samples.items())


def _judge(name: str, taken: list[float]) -> int:
    quarter = len(taken) // 4
    second, last = median(taken[quarter : 2 * quarter]), median(taken[3 * quarter :])
    rise = last / second - 1
    verdict = "flat" if rise <= MOST_RISE else "RISES"
    print(f"{name:<8} second quarter {second:.0f} MB, last quarter {last:.0f} MB: {100 * rise:+.1f} %, {verdict}")
    return 0 if rise <= MOST_RISE else 1


class _Teacher:
    """Somebody at a browser."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = requests.Session()
        self._http.get(f"{url}/login/", timeout=60)
        form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": self._token()}
        self._http.post(f"{url}/login/", form, timeout=60).raise_for_status()

    def upload_and_look(self, session: int, picture: bytes) -> None:
        headers = {"X-CSRFToken": self._token(), "Accept": "application/json"}
        files = {"photos": ("class.jpg", picture, "image/jpeg")}
        address = f"{self._url}/sessions/{session}/"
        self._http.post(f"{address}upload/", files=files, headers=headers, timeout=120).raise_for_status()
        page = self._http.get(address, timeout=120)
        page.raise_for_status()
        shown = re.findall(r'"(/photos/[\w-]+/image/[^"]*)"', page.text)
        if shown:
            self._http.get(self._url + shown[-1].replace("&amp;", "&"), timeout=120).raise_for_status()

    def _token(self) -> str:
        return str(self._http.cookies.get("csrftoken", ""))


def _pictures(engine: str) -> list[bytes]:
    if engine == "real":
        return [path.read_bytes() for path in sorted((_DATA / "class_photos/class-01").glob("*.jpg"))]
    sizes = ((1600, 1200), (1200, 1600), (2000, 1500), (1280, 720))
    return [real_site.large_photo(width=width, height=height) for width, height in sizes]


def _resident_mb(stack: Stack, name: str) -> float:
    """The sum over a service's processes; pages that they share are counted in each."""
    first = stack.processes[name].pid
    return sum(_pages(pid) for pid in (first, *real_site.children(first))) * os.sysconf("SC_PAGE_SIZE") / 1_048_576


def _pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
