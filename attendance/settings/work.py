"""How much may come in and wait, and who does it: limits, leases, broker, workers."""

import os

from attendance import running
from attendance.settings.environment import DATA_DIR, env, require

# Largest photo file, in MB. Default 25.
MAX_PHOTO_MB = env.int("MAX_PHOTO_MB", default=25)
# Most pixels a photo may declare, in millions. Default 80.
MAX_PHOTO_MEGAPIXELS = env.int("MAX_PHOTO_MEGAPIXELS", default=80)
# Most photos in one upload. Default 20.
MAX_PHOTOS_PER_UPLOAD = env.int("MAX_PHOTOS_PER_UPLOAD", default=20)
# Most photos that may wait for a worker; more get 503. Students' own selfies: half as many, beside them. Default 500.
MAX_QUEUED_PHOTOS = env.int("MAX_QUEUED_PHOTOS", default=500)
# Most photos one person may upload in an hour, by page or API. Default 300.
UPLOADS_PER_HOUR = env.int("UPLOADS_PER_HOUR", default=300)
# Most bytes of photos that one person may have begun to send and not finished, in MB. Default 300.
MAX_UNFINISHED_MB = env.int("MAX_UNFINISHED_MB", default=300)
# Seconds a worker may hold a photo before another may take it. Default 120.
LEASE_SECONDS = env.int("LEASE_SECONDS", default=120)
# How often a photo is tried before it counts as failed. Default 3.
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=3)
# Seconds between two rounds of the sweeper. Default 10.
SWEEP_SECONDS = env.int("SWEEP_SECONDS", default=10)
# Hours an enrolment link is good for. Default 168 (a week).
ENROLMENT_LINK_HOURS = env.int("ENROLMENT_LINK_HOURS", default=168)
# Port of the Valkey server that `make run` starts on this machine. Default 6391.
VALKEY_PORT = env.int("VALKEY_PORT", default=6391)
if "VALKEY_PORT" not in os.environ:
    VALKEY_PORT = running.valkey_port(DATA_DIR) or VALKEY_PORT
# Broker for the wake-ups, Redis or Valkey. Default: the server on VALKEY_PORT, which `make run` then starts.
REDIS_URL = env.str("REDIS_URL", default=f"redis://127.0.0.1:{VALKEY_PORT}/0")

# Kombu's own default checks no certificate, and the broker's password would go to whoever answers.
require(
    not REDIS_URL.startswith("rediss://") or "ssl_cert_reqs=" in REDIS_URL,
    "REDIS_URL is a rediss:// address: end it with ?ssl_cert_reqs=required, so that the certificate is checked.",
)
require(LEASE_SECONDS >= 5, "LEASE_SECONDS must be at least 5.")
require(MAX_QUEUED_PHOTOS >= 1, "MAX_QUEUED_PHOTOS must be at least 1.")
require(MAX_ATTEMPTS >= 1, "MAX_ATTEMPTS must be at least 1.")
require(1 <= MAX_PHOTO_MB <= 200, "MAX_PHOTO_MB must lie between 1 and 200.")
require(MAX_UNFINISHED_MB >= MAX_PHOTO_MB, "MAX_UNFINISHED_MB must be at least MAX_PHOTO_MB.")

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "attendance.web.upload_files.NamelessFileUploadHandler",
]
DATA_UPLOAD_MAX_NUMBER_FILES = 100

# Celery: prefork, one job at a time, results ignored; a broker that is down or frozen must not hold a request.
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Worker processes, each with its own copy of the models. Default 1.
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=1)
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 120
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # the sweeper decides on a retry: a poison photo must not loop
CELERY_TASK_TIME_LIMIT = LEASE_SECONDS
CELERY_TASK_SOFT_TIME_LIMIT = max(LEASE_SECONDS - 10, 3)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "retry_on_timeout": False,
    "max_retries": 1,
    "interval_start": 0,
    "interval_max": 0.2,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
