"""The running stack as a test sees it: people with browsers before it, its database and its store behind it."""

import json
import subprocess
import sys
from typing import Any, Final

from tests import stores
from tests.production.school import PASSWORD
from tests.production.stack import ProductionStack
from tests.story.client import Visitor

_ANSWER: Final = """
import json, sys
import django; django.setup()
from django.db import connection
from attendance.models import *
for line in sys.stdin:
    print(json.dumps(eval(line)), flush=True)
    connection.close()
"""
"""A process that stays: to start Django takes seconds, and some questions are asked again and again."""


class Production:
    """The running stack, and the school in it."""

    def __init__(self, stack: ProductionStack, *selfies: str) -> None:
        """Make a school in it.

        Args:
            stack: it runs.
            selfies: the folder with the students' selfies, if they are real.
        """
        self.stack = stack
        made = json.loads(stack.python("tests.production.school", *selfies).splitlines()[-1])
        self.session = f"/sessions/{made['session']}/"
        self._answering: Any = subprocess.Popen(
            [sys.executable, "-c", _ANSWER],
            cwd=stack.project,
            env={**stack.environment_for("migrate"), "DJANGO_SETTINGS_MODULE": "attendance.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.close_at_the_end(self._answering)

    def visitor(self) -> Visitor:
        """Somebody with a browser of their own, who trusts the school's authority."""
        visitor = Visitor(self.stack.url)
        visitor.http.verify = str(self.stack.authority)
        visitor.http.trust_env = False  # a bundle of authorities that the environment names would win
        return visitor

    def teacher(self) -> Visitor:
        """Tess, signed in over https."""
        visitor = self.visitor()
        visitor.log_in("teacher", PASSWORD)
        return visitor

    def ask_database(self, expression: str) -> Any:
        """Evaluate an expression over the models in the stack's own database."""
        self._answering.stdin.write(f"{expression}\n")
        self._answering.stdin.flush()
        said = self._answering.stdout.readline()
        assert said, f"no answer to {expression}"
        return json.loads(said)

    def objects(self, folder: str) -> set[str]:
        """What lies in the store."""
        listed = stores.client(self.stack.store).list_objects_v2(Bucket=self.stack.bucket, Prefix=f"{folder}/")
        return {entry["Key"] for entry in listed.get("Contents", ())}
