#!/usr/bin/env python3
"""Django's command line for Rollcall."""

import os
import sys


def main() -> None:
    """Run a management command; settings that make no sense end it with a sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attendance.settings")
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415  as below
    from django.core.management import execute_from_command_line  # noqa: PLC0415  after the settings are named

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"The settings do not do: {error}")


if __name__ == "__main__":
    main()
