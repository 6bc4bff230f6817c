"""Who may enter and from where, what the pages are made of, and the guards around them."""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from attendance.api import documentation
from attendance.settings.environment import BASE_DIR, DATA_DIR, DEBUG, env, require

DEVELOPMENT_SECRET = "development-only-never-in-production"  # noqa: S105  refused below outside DEBUG

# Signs sessions and links: at least 32 random characters. No default outside DEBUG.
SECRET_KEY = env.str("SECRET_KEY", default=DEVELOPMENT_SECRET if DEBUG else "")
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
# The school's time zone, an IANA name. Default UTC.
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
# Language of the pages. Default en.
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
# Logins of one user name from one address before they wait. Default 10.
LOGIN_ATTEMPTS = env.int("LOGIN_ATTEMPTS", default=10)
# Most API requests of one user, a minute. Default 240.
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=240)

require(
    DEBUG or (len(SECRET_KEY) >= 32 and SECRET_KEY != DEVELOPMENT_SECRET),
    "SECRET_KEY must be set to at least 32 random characters (or DEBUG=true to try things out).",
)
require(
    DEBUG or bool(MASTER_KEY),
    "MASTER_KEY must be set: 32 random bytes in base64 (`DEBUG=true python manage.py make_master_key` prints one).",
)
require(TRUSTED_PROXIES >= 0, "TRUSTED_PROXIES must not be negative.")

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
WHITENOISE_USE_FINDERS = DEBUG

# Only request counting uses the cache: a memory of each web process is enough, and no broker outage can break a page.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "rollcall"}}

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
