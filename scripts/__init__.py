"""What the Makefile runs. This file is read first, by whatever Python was called, so it is written for old ones too."""

import sys

OLDEST, NEWEST = (3, 11), (3, 13)  # what requirements/*.lock are made for


def refusal(version: "tuple[int, ...]") -> str:
    """Say what to do about a Python that the locked packages have no builds for; empty for a good one."""
    if OLDEST <= version[:2] <= NEWEST:
        return ""
    return (
        "Rollcall needs Python 3.11, 3.12 or 3.13, and this is {}.{}: install one of them, then say for example "
        "`make run PYTHON=python3.12`."
    ).format(*version)


if refusal(sys.version_info[:3]):
    sys.exit(refusal(sys.version_info[:3]))
