"""The database, and the store of photos and selfies."""

from attendance.settings.environment import DATA_DIR, DEBUG, env, require
from attendance.sqlite import PrivateConnection

# Database. Default: SQLite in DATA_DIR. PostgreSQL: postgres://user:password@host/name
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'rollcall.sqlite3'}")}
# Bucket of an S3-compatible store for photos and selfies. Default: none, they lie in DATA_DIR.
S3_BUCKET = env.str("S3_BUCKET", default="")
# Address of that store, such as http://s3:8333. Default: Amazon's.
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", default="")
# Region of the bucket. Default us-east-1, which stores of one's own take as well.
S3_REGION = env.str("S3_REGION", default="us-east-1")
# Key that may list the bucket, and read, write and delete in it. Default: none.
S3_ACCESS_KEY_ID = env.str("S3_ACCESS_KEY_ID", default="")
# The secret of that key. Default: none.
S3_SECRET_ACCESS_KEY = env.str("S3_SECRET_ACCESS_KEY", default="")
# What the store is asked to encrypt with: AES256 or aws:kms. Default: whatever the bucket does by itself.
S3_ENCRYPTION = env.str("S3_ENCRYPTION", default="")
# Seconds that the store may be silent, twice, before a photo is refused for now. Default 3.
S3_TIMEOUT_SECONDS = env.float("S3_TIMEOUT_SECONDS", default=3.0)
# Free space below which uploads are refused with 507, in MB. Default 200.
MIN_FREE_DISK_MB = env.int("MIN_FREE_DISK_MB", default=200)
# How many of the backups that `manage.py upgrade` made are kept, in each folder. Default 3.
UPGRADE_BACKUPS_KEPT = env.int("UPGRADE_BACKUPS_KEPT", default=3)

require(
    "ENGINE" in DATABASES["default"], "DATABASE_URL must be an address, such as postgres://user:password@host/name."
)
require(
    not S3_BUCKET or (bool(S3_ACCESS_KEY_ID) and bool(S3_SECRET_ACCESS_KEY)),
    "S3_BUCKET needs S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY.",
)
require(S3_ENCRYPTION in {"", "AES256", "aws:kms"}, "S3_ENCRYPTION must be AES256, aws:kms or empty.")
require(0 < S3_TIMEOUT_SECONDS <= 60, "S3_TIMEOUT_SECONDS must lie between 0 and 60.")
require(UPGRADE_BACKUPS_KEPT >= 1, "UPGRADE_BACKUPS_KEPT must be at least 1.")

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits its turn instead of failing halfway
        "timeout": 20,
        "factory": PrivateConnection,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; "
        "PRAGMA secure_delete=ON;",  # an erased student's key must not stay readable in a free page
    }
else:
    DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "private"},
    },
    "private": {
        "BACKEND": "attendance.object_storage.PrivateBucket",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": S3_ENDPOINT_URL or None,
            "region_name": S3_REGION,
            "access_key": S3_ACCESS_KEY_ID,
            "secret_key": S3_SECRET_ACCESS_KEY,
            "encryption": S3_ENCRYPTION,
            "timeout_seconds": S3_TIMEOUT_SECONDS,
        },
    }
    if S3_BUCKET
    else {
        "BACKEND": "attendance.storage.PrivateFolder",
        "OPTIONS": {
            "location": DATA_DIR / "private",
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}
