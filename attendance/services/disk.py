"""How much room is left on the disks of this machine that the site writes to."""

import shutil
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage

from attendance.storage import private_storage


def photos_place() -> Path | None:
    """Give the folder of photos and selfies; None where an object store, which has no end, keeps them."""
    storage = private_storage()
    return Path(storage.location) if isinstance(storage, FileSystemStorage) else None


def places_written() -> list[Path]:
    """Give the folders of this machine that fill up: the data, and the photos unless an object store keeps them."""
    return [_existing(place) for place in (settings.DATA_DIR, photos_place()) if place is not None]


def free_mb(place: Path) -> int:
    """Give the free space, in MB, of the disk that a folder lies on, or will lie on once it is made."""
    return shutil.disk_usage(_existing(place)).free // 1_000_000


def fullest_free_mb() -> int:
    """Give the free space, in MB, of the fullest disk that is written to."""
    return min(free_mb(place) for place in places_written())


def is_full(place: Path) -> bool:
    """Whether less than ``MIN_FREE_DISK_MB`` is free there."""
    return bool(free_mb(place) < settings.MIN_FREE_DISK_MB)


def _existing(place: Path) -> Path:
    while not place.exists():
        place = place.parent
    return place
