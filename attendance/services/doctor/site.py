"""How the site meets the world: developer mode, names, https, mail."""

from typing import Final

from django.conf import settings
from django.core.mail import get_connection

from attendance.services.doctor.finding import Finding, ok, warning, wrong

MAIL_SECONDS: Final = 5
LOCAL: Final = {"localhost", "127.0.0.1", "[::1]"}


def developer_mode() -> Finding:
    """Pages show no tracebacks."""
    if settings.DEBUG:
        return wrong(
            "Developer mode",
            "DEBUG is on: errors show code and values to everybody, and default keys are accepted.",
            "Remove DEBUG from the environment and from .env, and restart.",
        )
    return ok("Developer mode", "Off.")


def addresses() -> Finding:
    """The site answers to its own names only, by https."""
    hosts = list(settings.ALLOWED_HOSTS)
    if "*" in hosts:
        return wrong(
            "Address",
            "ALLOWED_HOSTS is *: the site believes any name that a request brings.",
            "Name the site's own hosts, separated by commas.",
        )
    away = [host for host in hosts if host not in LOCAL]
    if not away:
        return ok("Address", "This machine only; other machines are refused until ALLOWED_HOSTS names a host.")
    if not settings.HTTPS:
        return wrong(
            "Address",
            f"{', '.join(away)} without https: passwords and faces cross the network readable, and no phone opens its "
            "camera.",
            "Put a proxy that ends TLS before the site, and set HTTPS=true.",
        )
    if not settings.TRUSTED_PROXIES:
        return warning(
            "Address",
            f"{', '.join(away)} by https, but no proxy is trusted: all people seem to come from the proxy's address.",
            "Set TRUSTED_PROXIES=1 if one proxy of yours stands before the site.",
        )
    return ok("Address", f"{', '.join(away)}, by https.")


def mail() -> Finding:
    """Mail can be sent, if a server is set."""
    if settings.EMAIL_HOST in {"", "localhost"}:
        return ok("Mail", "No server is set, and none is needed: Rollcall sends no mail.")
    try:
        connection = get_connection(timeout=MAIL_SECONDS)
        connection.open()
        connection.close()
    except OSError as error:
        return warning(
            "Mail",
            f"{settings.EMAIL_HOST} does not take mail ({type(error).__name__}).",
            "See that host, port, user and password are right.",
        )
    return ok("Mail", f"{settings.EMAIL_HOST} answers.")
