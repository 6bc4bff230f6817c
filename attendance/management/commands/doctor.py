"""`manage.py doctor`: what is wrong with this installation, and what to do."""

import json
import sys
from argparse import SUPPRESS, ArgumentParser
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from attendance.services import doctor


class Command(BaseCommand):
    """Looks at everything and changes nothing; the exit code is 1 if something is wrong."""

    help = "Say in plain words what is wrong with this installation and what to do. The exit code is 1 if anything is."
    requires_system_checks: list[str] = []  # a broken installation is what it is for

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form of the output, and whether to recognise a photo."""
        parser.add_argument("--json", action="store_true", help="one JSON list, for programs")
        parser.add_argument("--without-photo", action="store_true", help="leave the face engine alone: seconds faster")
        parser.add_argument("--only-trial", action="store_true", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Examine and tell."""
        if options["only_trial"]:
            self.stdout.write(doctor.trial_as_json())
            return
        findings = []
        for finding in doctor.examine(with_photo=not options["without_photo"]):
            findings.append(finding)
            if not options["json"]:
                self._tell(finding)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        counts = Counter(finding.level for finding in findings)
        if not options["json"]:
            self.stdout.write(", ".join(f"{counts[level]} {level}" for level in doctor.Level) + ".")
        if counts[doctor.Level.WRONG]:
            sys.exit(1)

    def _tell(self, finding: doctor.Finding) -> None:
        self.stdout.write(f"{finding.level:<8} {finding.about}: {finding.sentence}")
        if finding.remedy:
            self.stdout.write(f"{'':<8} What to do: {finding.remedy}")
        self.stdout.flush()
