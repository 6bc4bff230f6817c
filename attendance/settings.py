"""Everything from the environment, each with unit and default; ``.env.example`` lists the same names.

A value that makes no sense stops the start with a sentence instead of a surprise later.
"""

import ipaddress
import os
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from attendance import error_reports, logs, running
from attendance.api import documentation

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()  # NAME_FILE names a file that holds the value, as containers hand out secrets
environ.Env.read_env(BASE_DIR / ".env")
# The keys that `make run` made on its first start (scripts/local_keys.py); the environment and .env win over them.
environ.Env.read_env(Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))) / "local.env")

DEVELOPMENT_SECRET = "development-only-never-in-production"  # noqa: S105  refused below outside DEBUG

# Developer mode: tracebacks in pages, plain http. Default: off.
DEBUG = env.bool("DEBUG", default=False)
# Signs sessions and links: at least 32 random characters. No default outside DEBUG.
SECRET_KEY = env.str("SECRET_KEY", default=DEVELOPMENT_SECRET if DEBUG else "")
if not DEBUG and (len(SECRET_KEY) < 32 or SECRET_KEY == DEVELOPMENT_SECRET):
    raise ImproperlyConfigured(
        "SECRET_KEY must be set to at least 32 random characters (or DEBUG=true to try things out)."
    )
# Wraps each student's data key: 32 bytes, base64 (`manage.py make_master_key`). No default outside DEBUG.
MASTER_KEY = env.str("MASTER_KEY", default="ZGV2ZWxvcG1lbnQtb25seS1tYXN0ZXIta2V5ISEhISE=" if DEBUG else "")
# Keys that MASTER_KEY replaced, comma-separated: needed until `manage.py rotate_master_key` has run. Default: none.
OLD_MASTER_KEYS = env.list("OLD_MASTER_KEYS", default=[])
# Host names that the site answers to, comma-separated. Default: this machine only.
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Origins (scheme and host) whose forms are accepted behind a proxy that ends TLS. Default: none.
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Whether the site is reached by https: secure cookies, HSTS, redirect. Default: on, off in DEBUG.
HTTPS = env.bool("HTTPS", default=not DEBUG)
# How many proxies of ours stand in front; only so many X-Forwarded-For entries are believed. Default: 0.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

# Where the database, photos and the Valkey files lie. Default: var/ beside manage.py.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))
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
# Database. Default: SQLite in DATA_DIR. PostgreSQL: postgres://user:password@host/name
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'rollcall.sqlite3'}")}
# Port of the Valkey server that `make run` starts on this machine. Default 6391.
VALKEY_PORT = env.int("VALKEY_PORT", default=6391)
if "VALKEY_PORT" not in os.environ:
    VALKEY_PORT = running.valkey_port(DATA_DIR) or VALKEY_PORT
# Broker for the wake-ups, Redis or Valkey. Default: the server on VALKEY_PORT, which `make run` then starts.
REDIS_URL = env.str("REDIS_URL", default=f"redis://127.0.0.1:{VALKEY_PORT}/0")

# Recogniser; empty: the one that the school's templates were made with (sface-dlib at first).
FACE_MODEL = env.str("FACE_MODEL", default="")
# Detector. Default: yunet.
FACE_DETECTOR = env.str("FACE_DETECTOR", default="yunet")
# Cosine similarity that a match must reach; empty: as calibrated for the recogniser. Range (0, 1).
MATCH_THRESHOLD_COSINE = env.float("MATCH_THRESHOLD_COSINE", default=None)
# Absent students marked, a student and photo, that is accepted: the threshold follows. Default 0.0005 (1 in 2,000).
FALSE_MARK_RATE = env.float("FALSE_MARK_RATE", default=0.0005)
# How far below the threshold a face is still asked about, as a share of the way from it to 1. Default 0.125.
UNCERTAIN_MARGIN = env.float("UNCERTAIN_MARGIN", default=0.125)
# Where the models' weights lie (`python -m faces.weights fetch`). Default: weights/ beside manage.py.
WEIGHTS_DIR = Path(env.str("WEIGHTS_DIR", default=str(BASE_DIR / "weights")))
# Dotted name of what builds the pipeline in a worker; only tests change it.
FACE_PIPELINE_BUILDER = env.str("FACE_PIPELINE_BUILDER", default="faces.models.build_pipeline")

# Largest photo file, in MB. Default 25.
MAX_PHOTO_MB = env.int("MAX_PHOTO_MB", default=25)
# Most pixels a photo may declare, in millions. Default 80.
MAX_PHOTO_MEGAPIXELS = env.int("MAX_PHOTO_MEGAPIXELS", default=80)
# Most photos in one upload. Default 20.
MAX_PHOTOS_PER_UPLOAD = env.int("MAX_PHOTOS_PER_UPLOAD", default=20)
# Most photos and selfies that may wait for a worker; more are refused with 503 until some are done. Default 500.
MAX_QUEUED_PHOTOS = env.int("MAX_QUEUED_PHOTOS", default=500)
# Seconds a worker may hold a photo before another may take it. Default 120.
LEASE_SECONDS = env.int("LEASE_SECONDS", default=120)
# How often a photo is tried before it counts as failed. Default 3.
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=3)
# Seconds between two rounds of the sweeper. Default 10.
SWEEP_SECONDS = env.int("SWEEP_SECONDS", default=10)
# Hours an enrolment link is good for. Default 168 (a week).
ENROLMENT_LINK_HOURS = env.int("ENROLMENT_LINK_HOURS", default=168)
# Free space below which uploads are refused with 507, in MB. Default 200.
MIN_FREE_DISK_MB = env.int("MIN_FREE_DISK_MB", default=200)
# How many of the backups that `manage.py upgrade` made are kept, in each folder. Default 3.
UPGRADE_BACKUPS_KEPT = env.int("UPGRADE_BACKUPS_KEPT", default=3)

# The school's time zone, an IANA name. Default UTC.
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
# Language of the pages. Default en.
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
# Level of the log: DEBUG, INFO, WARNING, ERROR. Default INFO.
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
# Log lines for eyes (text) or for machines (json), which also get a line a request. Default text.
LOG_FORMAT = env.str("LOG_FORMAT", default="text")
# Opens /metrics for Prometheus, which sends it as a bearer token; at least 16 characters. Default: none.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Networks whose requests may read /metrics without the token, comma-separated, such as 10.0.0.0/8. Default: none.
METRICS_ALLOWED = env.list("METRICS_ALLOWED", default=[])
# Where Sentry takes error reports, which hold no person, no request and no value. Default: none are sent.
SENTRY_DSN = env.str("SENTRY_DSN", default="")
# Logins of one user name from one address before they wait. Default 10.
LOGIN_ATTEMPTS = env.int("LOGIN_ATTEMPTS", default=10)
# Most API requests of one user, a minute. Default 240.
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=240)
# Most photos one person may upload in an hour, by page or API. Default 300.
UPLOADS_PER_HOUR = env.int("UPLOADS_PER_HOUR", default=300)
# Most bytes of photos that one person may have begun to send and not finished, in MB. Default 300.
MAX_UNFINISHED_MB = env.int("MAX_UNFINISHED_MB", default=300)


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ImproperlyConfigured(sentence)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


_require(
    MATCH_THRESHOLD_COSINE is None or 0 < MATCH_THRESHOLD_COSINE < 1,
    "MATCH_THRESHOLD_COSINE must lie between 0 and 1.",
)
_require(0 < FALSE_MARK_RATE <= 0.1, "FALSE_MARK_RATE must lie between 0 and 0.1.")
_require(0 <= UNCERTAIN_MARGIN < 1, "UNCERTAIN_MARGIN must lie between 0 and 1.")
_require(LEASE_SECONDS >= 5, "LEASE_SECONDS must be at least 5.")
_require(MAX_QUEUED_PHOTOS >= 1, "MAX_QUEUED_PHOTOS must be at least 1.")
_require(MAX_ATTEMPTS >= 1, "MAX_ATTEMPTS must be at least 1.")
_require(UPGRADE_BACKUPS_KEPT >= 1, "UPGRADE_BACKUPS_KEPT must be at least 1.")
_require(1 <= MAX_PHOTO_MB <= 200, "MAX_PHOTO_MB must lie between 1 and 200.")
_require(MAX_UNFINISHED_MB >= MAX_PHOTO_MB, "MAX_UNFINISHED_MB must be at least MAX_PHOTO_MB.")
_require(
    not S3_BUCKET or (bool(S3_ACCESS_KEY_ID) and bool(S3_SECRET_ACCESS_KEY)),
    "S3_BUCKET needs S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY.",
)
_require(S3_ENCRYPTION in {"", "AES256", "aws:kms"}, "S3_ENCRYPTION must be AES256, aws:kms or empty.")
_require(0 < S3_TIMEOUT_SECONDS <= 60, "S3_TIMEOUT_SECONDS must lie between 0 and 60.")
_require(TRUSTED_PROXIES >= 0, "TRUSTED_PROXIES must not be negative.")
_require(LOG_LEVEL in {"DEBUG", "INFO", "WARNING", "ERROR"}, "LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
_require(not METRICS_TOKEN or len(METRICS_TOKEN) >= 16, "METRICS_TOKEN must have at least 16 characters.")
_require(
    all(_is_network(network) for network in METRICS_ALLOWED),
    "METRICS_ALLOWED must list networks, such as 10.0.0.0/8 or 192.0.2.7.",
)
_require(LOG_FORMAT in {"text", "json"}, "LOG_FORMAT must be text or json.")
_require(
    DEBUG or bool(MASTER_KEY),
    "MASTER_KEY must be set: 32 random bytes in base64 (`manage.py make_master_key` prints one).",
)

INSTALLED_APPS = [
    "attendance",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_htmx",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "attendance.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "attendance.web.bodies.BodyLimitMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "attendance.middleware.HeadersMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "attendance.urls"
WSGI_APPLICATION = "attendance.wsgi.application"
ASGI_APPLICATION = "attendance.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "attendance.web.context.school",
            ],
        },
    },
]

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits its turn instead of failing halfway
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; "
        "PRAGMA secure_delete=ON;",  # an erased student's key must not stay readable in a free page
    }
else:
    DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

AUTH_USER_MODEL = "attendance.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "today"
LOGOUT_REDIRECT_URL = "login"

# django-axes: by user and address together, so that students cannot lock a teacher out.
AXES_FAILURE_LIMIT = LOGIN_ATTEMPTS
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_CALLABLE = "attendance.web.views.login.locked_out"
AXES_CLIENT_IP_CALLABLE = "attendance.middleware.client_address"
AXES_RESET_ON_SUCCESS = True
AXES_HTTP_RESPONSE_CODE = 429
AXES_VERBOSE = False

USE_I18N = True
USE_TZ = True
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
# Where `manage.py collectstatic` puts the files of the pages. Default: static/ in DATA_DIR.
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
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
        "OPTIONS": {"location": DATA_DIR / "private", "base_url": None, "file_permissions_mode": 0o600},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}
WHITENOISE_USE_FINDERS = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "attendance.web.upload_files.NamelessFileUploadHandler",
]
DATA_UPLOAD_MAX_NUMBER_FILES = 100

# Guards
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/(live|ready)$", r"^metrics$"]  # asked from inside, past the proxy that ends TLS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "django.views.csrf.csrf_failure"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

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

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "attendance.api.pages.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.UserRateThrottle",
        "rest_framework.throttling.AnonRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {"user": f"{API_REQUESTS_PER_MINUTE}/min", "anon": "30/min", "login": "20/min"},
    "EXCEPTION_HANDLER": "attendance.api.problems.problem_response",
    "NUM_PROXIES": TRUSTED_PROXIES,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = documentation.SETTINGS

# How long an answer of /health/ready is given again, so that a flood of probes asks only once, in seconds.
READINESS_KEPT_SECONDS = 1.0

# Only request counting uses the cache: a memory of each web process is enough, and no broker outage can break a page.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "rollcall"}}

LOGGING = logs.configuration(kind=LOG_FORMAT, level=LOG_LEVEL)
if SENTRY_DSN:
    error_reports.start(SENTRY_DSN)
