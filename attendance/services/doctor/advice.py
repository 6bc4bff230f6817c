"""What to start, by the way in which the site was installed."""

from django.conf import settings

from attendance import running


def is_made() -> bool:
    """Whether `make run` brings broker, worker and sweeper: nothing names another broker."""
    return running.brings_broker()


def for_broker() -> str:
    """Say how the broker is started, or found."""
    if is_made():
        return (
            f"{_make_run()} If it runs, this command reads other settings than the site does: give it "
            "what you gave to make, as in `DATA_DIR=/srv/rollcall VALKEY_PORT=6400 .venv/bin/python manage.py doctor`, "
            "or write that into the file .env for both. Until the broker answers, photos wait for the sweeper."
        )
    return "Start Valkey or Redis, and see that REDIS_URL names it. Until then photos wait for the sweeper."


def for_worker() -> str:
    """Say how a worker is started."""
    if is_made():
        return f"{_make_run()} It starts a worker too; if it runs, the lines that begin with worker say what is wrong."
    return "Start one: celery -A attendance worker --pool prefork (in containers: docker compose up -d worker)."


def for_sweeper() -> str:
    """Say how a sweeper is started."""
    if is_made():
        return (
            f"{_make_run()} It starts a sweeper too; if it runs, the lines that begin with sweeper say what is wrong."
        )
    return "Start it: python manage.py sweep (in containers: docker compose up -d sweeper)."


def _make_run() -> str:
    return f"Start the site: make run, with the data in {settings.DATA_DIR}."
