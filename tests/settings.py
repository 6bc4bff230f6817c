"""The product's own settings under a test's environment: set before they are read."""

import atexit
import os
import shutil
import tempfile

os.environ.setdefault("DEBUG", "true")
if "DATA_DIR" not in os.environ:
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="rollcall-tests-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
os.environ.setdefault("REDIS_URL", "memory://")
os.environ.setdefault("FACE_PIPELINE_BUILDER", "tests.fakes.build_pipeline")

from attendance.settings import *  # noqa: F403

# WhiteNoise looks for it at the first request.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405
# A password in a test needs no slow hash.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A file, as in production: SQLite in memory knows neither WAL nor waiting for a lock.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # noqa: F405
# A test breaks a thing and looks at once.
READINESS_KEPT_SECONDS = 0.0
# Looks a file of the pages up when it is asked for: to list all of them takes longer than most tests, for each client.
WHITENOISE_AUTOREFRESH = True
