"""Where photos and selfies lie: outside anything that a web server serves by itself."""

from django.core.files.storage import Storage, storages


def private_storage() -> Storage:
    """Give the storage named ``private`` in the settings; named as a callable, so that no migration holds a path."""
    return storages["private"]
