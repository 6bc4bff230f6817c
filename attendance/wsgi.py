"""The web server's way in."""

import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attendance.settings")

application = get_wsgi_application()


def _refuse_wrong_database() -> None:
    from attendance.services import files  # noqa: PLC0415  the models must be loaded first

    try:
        wrong = files.rows_are_missing()
    except DatabaseError:
        return  # away for now: the health page says so
    finally:
        connections.close_all()
    if wrong:
        raise ImproperlyConfigured(files.WRONG_DATABASE)


_refuse_wrong_database()
