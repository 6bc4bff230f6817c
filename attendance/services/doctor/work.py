"""The work itself: who does it, what waits, what failed, and whether it could be opened again."""

import datetime as dt
from typing import Final

from celery import current_app

from attendance.models import UNFINISHED, Selfie, Snapshot, WorkState
from attendance.services import clocks, health, heartbeats
from attendance.services.doctor import advice
from attendance.services.doctor.finding import Finding, ok, warning, wrong

PING_SECONDS: Final = 3.0
PATIENCE_SECONDS: Final = 120
LONG_SECONDS: Final = 900


def workers() -> Finding:
    """A worker lives, can recognise, and hears the broker."""
    about = "Workers"
    alive = list(heartbeats.alive(heartbeats.WORKER, within_seconds=health.ALIVE_SECONDS))
    if not alive:
        return wrong(
            about,
            f"None was heard of for {health.ALIVE_SECONDS:.0f} seconds: photos wait.",
            advice.for_worker(),
        )
    said = sorted(heartbeats.said_of_engine(alive) - {heartbeats.READY})
    if said:
        return wrong(about, f"One cannot work: {said[0]}", "Mend that, then restart it; nothing was lost.")
    if all(beat.detail == heartbeats.of_engine(heartbeats.LOADING) for beat in alive):
        return warning(about, f"{len(alive)} live, and still load their models: photos wait.", "Ask again in a minute.")
    heard = current_app.control.ping(timeout=PING_SECONDS)
    if not heard:
        return warning(
            about,
            f"{len(alive)} live, but none answers a call within {PING_SECONDS:.0f} seconds: they are busy, or "
            "listen to another broker.",
            "If photos wait, see that REDIS_URL is the same here and for the workers.",
        )
    return ok(about, f"{len(alive)} live, {len(heard)} answer a call.")


def sweeper() -> Finding:
    """Somebody calls again for what was lost."""
    if health.is_alive(heartbeats.SWEEPER):
        return ok("Sweeper", "It lives.")
    return wrong(
        "Sweeper",
        f"None was heard of for {health.ALIVE_SECONDS:.0f} seconds: what a crash leaves behind stays behind.",
        advice.for_sweeper(),
    )


def backlog() -> Finding:
    """Nothing waits for long."""
    waiting = Snapshot.objects.filter(state__in=UNFINISHED).order_by("queued_at")
    number, oldest = waiting.count(), waiting.values_list("queued_at", flat=True).first()
    selfies = Selfie.objects.filter(state__in=UNFINISHED).count()
    if oldest is None:
        return ok("Queue", f"No photo waits, and {selfies} selfies.")
    seconds = (clocks.database_now() - oldest).total_seconds()
    sentence = f"{number} photos wait, the oldest for {max(seconds, 0) / 60:.0f} minutes, and {selfies} selfies."
    remedy = "See that workers live; if they do, start more of them (docs/scaling.md)."
    if seconds > LONG_SECONDS:
        return wrong("Queue", sentence, remedy)
    return warning("Queue", sentence, remedy) if seconds > PATIENCE_SECONDS else ok("Queue", sentence)


def failures() -> Finding:
    """Whatever failed has been looked at."""
    day = clocks.database_now() - dt.timedelta(days=1)
    failed = Snapshot.objects.filter(state=WorkState.FAILED)
    lately = failed.filter(finished_at__gte=day).count()
    if lately:
        codes = sorted(set(failed.filter(finished_at__gte=day).values_list("failure_code", flat=True)))
        return warning(
            "Failed photos",
            f"{lately} in 24 hours, {failed.count()} in all ({', '.join(codes)}).",
            "The page School > Queue says why, and leads to each, where it can be tried again.",
        )
    return ok("Failed photos", f"None in 24 hours, {failed.count()} in all.")


def master_key() -> Finding:
    """The master key opens what was sealed."""
    if health.master_key_fits():
        return ok("Master key", "It opens what was sealed.")
    return wrong(
        "Master key",
        "It does not open what was sealed: no face can be compared, and no selfie be shown.",
        "Set MASTER_KEY to the value of the day on which the data began (your copy of it), or name the former one in "
        "OLD_MASTER_KEYS and run: python manage.py rotate_master_key",
    )
