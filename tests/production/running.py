"""The running stack as a test sees it: people with browsers before it, its database and its store behind it."""

import json
from typing import Any

from tests import stores
from tests.production.school import PASSWORD
from tests.production.stack import ProductionStack
from tests.story.client import Visitor


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
        program = f"import json; from attendance.models import *; print(json.dumps({expression}))"
        self.stack.environment = self.stack.environment_for("migrate")
        return json.loads(self.stack.manage("shell", "--no-imports", "-c", program).splitlines()[-1])

    def objects(self, folder: str) -> set[str]:
        """What lies in the store."""
        listed = stores.client(self.stack.store).list_objects_v2(Bucket=self.stack.bucket, Prefix=f"{folder}/")
        return {entry["Key"] for entry in listed.get("Contents", ())}
