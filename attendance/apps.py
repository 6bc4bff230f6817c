"""The project's only app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AttendanceConfig(AppConfig):
    """Registers the system checks."""

    name = "attendance"
    verbose_name = _("Rollcall")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register checks; importing them is enough."""
        from attendance import checks  # noqa: F401, PLC0415  the registry needs loaded apps
