"""Log lines, metrics, probes and error reports."""

import ipaddress

from attendance import error_reports, logs
from attendance.settings.environment import env, require

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


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


require(LOG_LEVEL in {"DEBUG", "INFO", "WARNING", "ERROR"}, "LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
require(not METRICS_TOKEN or len(METRICS_TOKEN) >= 16, "METRICS_TOKEN must have at least 16 characters.")
require(
    all(_is_network(network) for network in METRICS_ALLOWED),
    "METRICS_ALLOWED must list networks, such as 10.0.0.0/8 or 192.0.2.7.",
)
require(LOG_FORMAT in {"text", "json"}, "LOG_FORMAT must be text or json.")

# How long an answer of /health/ready is given again, so that a flood of probes asks only once, in seconds.
READINESS_KEPT_SECONDS = 1.0

LOGGING = logs.configuration(kind=LOG_FORMAT, level=LOG_LEVEL)
if SENTRY_DSN:
    error_reports.start(SENTRY_DSN)
