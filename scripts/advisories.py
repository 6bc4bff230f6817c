"""Looks the locked packages up among published security advisories: `python -m scripts.advisories`.

Where no advisory service answers, that is said in one line and is no failure: a network is not what is checked here.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

LOCK: Final = Path(__file__).resolve().parent.parent / "requirements" / "dev.lock"
SERVICES: Final = ("pypi", "osv")
LONGEST_SECONDS: Final = 90
# Advisory id: why it does not reach this project, and until when to look again.
ACCEPTED: Final[dict[str, str]] = {}


def ask(service: str) -> list[dict[str, Any]]:
    """Give what a service says of each locked package; empty where it does not answer."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(LOCK), "--require-hashes", "--disable-pip"]
    command += ["-s", service, "-f", "json", "--progress-spinner", "off", "--timeout", "10"]
    command += [part for advisory in ACCEPTED for part in ("--ignore-vuln", advisory)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS)
        return list(json.loads(done.stdout)["dependencies"])
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return []


def summary(packages: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Count the packages that were looked up, and list each advisory that was found."""
    answered = [package for package in packages if "skip_reason" not in package]
    found = [
        f"{package['name']} {package['version']}: {advisory['id']}, fixed in {advisory['fix_versions'] or 'no version'}"
        for package in answered
        for advisory in package["vulns"]
    ]
    return len(answered), found


def main() -> int:
    """Fail on an advisory; go on where nobody answers."""
    looked_up = 0
    for service in SERVICES:
        looked_up, found = summary(ask(service))
        if found:
            print("\n".join(found))
            return 1
        if looked_up:
            break
    if not looked_up:
        print("Note: no advisory service can be reached from here; the lock was not looked up.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
