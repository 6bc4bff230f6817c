"""Error reports to Sentry, if a school wants them: what broke and where, never whom it concerned."""

from typing import Any, Final

import sentry_sdk
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.django import DjangoIntegration

from attendance.context import current_context
from attendance.logs import ENROLMENT_TOKEN

KEPT: Final = (
    *("event_id", "timestamp", "platform", "level", "logger", "environment", "release"),
    *("exception", "logentry", "transaction", "tags", "sdk", "modules"),
)
"""Parts of a report that may leave; whatever a later version of the library adds stays here."""
KEPT_OF_A_FRAME: Final = ("filename", "abs_path", "function", "module", "lineno", "in_app", "context_line")


def start(dsn: str, *, transport: Any = None) -> None:
    """Send reports from now on.

    Args:
        dsn: where to, as Sentry's project page names it.
        transport: what carries them; None means the network.
    """
    sentry_sdk.init(
        dsn=dsn,
        transport=transport,
        integrations=[DjangoIntegration(transaction_style="function_name"), CeleryIntegration()],
        auto_enabling_integrations=False,
        data_collection={
            "user_info": False,
            "cookies": {"mode": "off"},
            "http_headers": {"request": {"mode": "off"}},
            "http_bodies": [],
            "url_query_params": {"mode": "off"},
            "database_query_data": False,
            "queues": False,
            "stack_frame_variables": False,
        },
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        before_send=scrub,
    )


def scrub(event: Any, hint: Any) -> Any:
    """Keep of a report what tells a programmer where it broke.

    An exception's own sentence goes too: a database quotes the row that it refused, a parser the name that it read.
    """
    kept = {name: event[name] for name in KEPT if name in event}
    for error in kept.get("exception", {}).get("values", []):
        error["value"] = "[removed]"
        for frame in (error.get("stacktrace") or {}).get("frames", []):
            for name in set(frame) - set(KEPT_OF_A_FRAME):
                del frame[name]
        error.pop("mechanism", None)
    if "logentry" in kept:
        template = str(kept["logentry"].get("message") or "")
        kept["logentry"] = {"message": ENROLMENT_TOKEN.sub("/enrol/[token]", template)}
    kept["tags"] = {"request_id": current_context().request_id}
    return kept
