"""System checks, each with an id and a hint; `manage.py check` and every start run them."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from attendance.services import face_model, files
from attendance.services.errors import EngineNotReady


@register(Tags.security)
def check_master_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The master key is 32 bytes in base64."""
    try:
        length = len(base64.b64decode(settings.MASTER_KEY, validate=True))
    except (binascii.Error, ValueError):
        length = 0
    if length == 32:
        return []
    return [
        Error(
            "MASTER_KEY is not 32 bytes in base64.",
            hint="`manage.py make_master_key` prints a good one. Keep it apart from the backups.",
            id="attendance.E001",
        )
    ]


@register
def check_threshold_margin(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A low threshold marks absent students."""
    threshold = settings.MATCH_THRESHOLD_COSINE
    if threshold is None or threshold >= 0.25:
        return []
    return [
        Warning(
            f"MATCH_THRESHOLD_COSINE={threshold} is below every calibrated threshold: absent students will be marked.",
            hint="Leave it empty to use the recogniser's calibrated threshold.",
            id="attendance.W002",
        )
    ]


@register(Tags.security)
def check_private_storage(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Photos never lie where the web server hands out static files."""
    private, static = settings.DATA_DIR / "private", settings.STATIC_ROOT
    if static == private or private in static.parents or static in private.parents:
        return [
            Error(
                "The private photos and the static files share a folder.",
                hint="Let DATA_DIR and STATIC_ROOT point to different places.",
                id="attendance.E003",
            )
        ]
    return []


@register(Tags.database)
def check_face_model(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """FACE_MODEL is that of the stored templates."""
    if not kwargs.get("databases"):
        return []
    try:
        face_model.active_recogniser()
    except EngineNotReady as error:
        return [Error(str(error), hint="Or leave FACE_MODEL empty.", id="attendance.E004")]
    except DatabaseError:
        return []  # not migrated yet, or away: whoever needs it says so
    return []


@register(Tags.database)
def check_files_have_rows(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """An empty database beside a full store of photos is the wrong database: `migrate` would make a school of it."""
    if not kwargs.get("databases"):
        return []
    try:
        if not files.rows_are_missing():
            return []
    except (DatabaseError, OSError):
        return []  # away: whoever needs it says so
    return [Error(files.WRONG_DATABASE, id="attendance.E005")]
