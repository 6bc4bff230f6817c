"""Debian's Chromium, driven by Playwright: how it is started, signed in and watched."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# The browser tells of a violation on the console too, but not of one that a report-only policy or a frame swallows.
_TELL_OF_VIOLATIONS: Final = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


def where() -> str | None:
    """The path of a Chromium on this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass(slots=True)
class Watch:
    """Collects what must not happen in a browser: errors on the console, exceptions, broken answers.

    Attributes:
        wrong: what happened.
        broken_on_purpose: paths that are asked for though they answer with an error.
    """

    wrong: list[str] = field(default_factory=list)
    broken_on_purpose: frozenset[str] = frozenset()

    def over(self, context: BrowserContext) -> BrowserContext:
        """Watch every page of a context."""
        context.add_init_script(_TELL_OF_VIOLATIONS)
        context.on("console", lambda message: self._console(message.type, message.text, message.location["url"]))
        context.on("weberror", lambda error: self.wrong.append(str(error.error)))
        context.on("response", lambda answer: self._answer(answer.status, answer.url))
        return context

    def _console(self, kind: str, text: str, address: str) -> None:
        if kind in {"error", "warning"} and urlsplit(address).path not in self.broken_on_purpose:
            self.wrong.append(f"{kind}: {text}")

    def _answer(self, status: int, address: str) -> None:
        if status >= 400 and urlsplit(address).path not in self.broken_on_purpose:
            self.wrong.append(f"{status}: {address}")


def sign_in(page: Page, username: str, password: str) -> None:
    """Sign in as a person does; ends on that person's first page."""
    page.goto("/login/")
    page.locator("[name=username]").fill(username)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
