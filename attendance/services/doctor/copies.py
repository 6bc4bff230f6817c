"""What is kept beside the database: backups, and the list of the forgotten."""

import datetime as dt
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils import timezone

from attendance.models import Heartbeat
from attendance.services import backups, clocks, erasures, heartbeats
from attendance.services.doctor.finding import Finding, ok, warning, wrong
from attendance.services.school import school_settings

BACKUP_LATE: Final = dt.timedelta(hours=26)
BACKUP_WRONG: Final = dt.timedelta(days=8)
FEW: Final = 3
"""How many folders a sentence names."""


def backup() -> Finding:
    """The last backup is young."""
    remedy = (
        "Run `python manage.py backup DIR` every night, and keep its result on another machine. DIR is the folder of "
        "all backups, on a disk that is not the site's; an upgrade puts its own into DATA_DIR/backups."
    )
    last = _last()
    if last is None:
        return warning("Backup", "None was ever made of this database.", remedy)
    age = clocks.database_now() - last.at
    sentence = f"The last one was made on {timezone.localtime(last.at):%Y-%m-%d at %H:%M}."
    if last.detail.get("restored"):
        sentence += " This database was restored from it, and none was made since."
    if age > BACKUP_WRONG:
        return wrong("Backup", sentence, remedy)
    return warning("Backup", sentence, remedy) if age > BACKUP_LATE else ok("Backup", sentence)


def old_backups() -> Finding:
    """No backup on this machine outlives what the privacy text promises."""
    about, last = "Old backups", _last()
    days = min(school_settings().photo_retention_days, school_settings().template_retention_days)
    before = timezone.now() - dt.timedelta(days=days)
    places = {
        str(settings.DATA_DIR / "backups"),
        *([str(last.detail["place"])] if last and "place" in last.detail else []),
    }
    old = [path for place in sorted(places) for path, made_at in backups.made_in(Path(place)) if made_at < before]
    if not old:
        return ok(about, f"None on this machine is older than the {days} days that the privacy text promises.")
    return warning(
        about,
        f"{len(old)} are older than the {days} days that the privacy text promises: they still hold photos that had to "
        f"go, and the keys of students who were erased since. {_named(old)}",
        "Delete them, and let `backup --keep` do it. See docs/operations.md, Whoever was erased stays erased.",
    )


def installation() -> Finding:
    """The database and the list of the forgotten are of one installation."""
    about = "Installation"
    database, beside = erasures.installation_ids()
    if database is not None and beside is not None and database != beside:
        return wrong(
            about,
            f"The database is that of one installation ({database[:8]}), and what lies beside the photos that of "
            f"another ({beside[:8]}): photos and the list of the forgotten are not this database's.",
            "Set DATABASE_URL and DATA_DIR (or S3_BUCKET) to what belongs together.",
        )
    if database is None and beside is not None:
        return warning(
            about,
            "The database does not say yet to which list of the forgotten it belongs.",
            "Run: python manage.py upgrade",
        )
    if database is not None and beside is None:
        return warning(
            about,
            "The list of the forgotten of this database does not lie beside the photos.",
            "Put back your copy of DATA_DIR/erasures (in a bucket: erasures/). The next backup begins a new one.",
        )
    return ok(about, "Database and photos belong together." if database else "It has no id yet: nothing was forgotten.")


def list_of_the_forgotten() -> Finding:
    """Every entry that the last backup copied carries the master key's seal."""
    about, last = "List of the forgotten", _last()
    unsealed = int(last.detail.get("unsealed", 0)) if last is not None else 0
    if not unsealed:
        return ok(
            about, "The last backup met no entry without the seal." if last else "No backup has looked at it yet."
        )
    return warning(
        about,
        f"{unsealed} entries do not carry the master key's seal: a restore will refuse them.",
        "Run `python manage.py upgrade`, which seals what an older release wrote; what stays without is a wish that "
        "was taken back later, or was written without the key or under another one. See docs/operations.md, Whoever "
        "was erased stays erased.",
    )


def _last() -> Heartbeat | None:
    return Heartbeat.objects.filter(kind=heartbeats.BACKUP).order_by("-at").first()


def _named(old: list[Path]) -> str:
    more = f" and {len(old) - FEW} more" if len(old) > FEW else ""
    return f"{', '.join(str(path) for path in old[:FEW])}{more}."
