"""A person in front of the site: follows links, fills in forms, sees only what is on the page."""

import re
from collections.abc import Mapping
from typing import Any

import requests
from bs4 import BeautifulSoup

# Generous: the first photo of a fresh worker waits for the models to load.
TIMEOUT = 60


class Visitor:
    """Someone with a browser of their own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()

    def look(self, address: str) -> str:
        """Open a page; it must be there."""
        answer = self.http.get(self._absolute(address), timeout=TIMEOUT)
        assert answer.status_code == 200, f"{address}: {answer.status_code}\n{answer.text[:2000]}"
        answer.encoding = "utf-8"
        return answer.text

    def send(self, address: str, fields: Mapping[str, Any] | None = None, **files: Any) -> requests.Response:
        """Send a form's fields and files, with the token that its page carried."""
        data = {"csrfmiddlewaretoken": self.http.cookies.get("csrftoken", ""), **(fields or {})}
        answer = self.http.post(
            self._absolute(address), data=data, files=files or None, headers={"Referer": self.url}, timeout=TIMEOUT
        )
        assert answer.ok, f"{address}: {answer.status_code}\n{answer.text[:2000]}"
        return answer

    def log_in(self, username: str, password: str) -> None:
        """Sign in on the login page."""
        self.look("/login/")
        self.send("/login/", {"username": username, "password": password})
        assert "sessionid" in self.http.cookies, f"{username} could not sign in"

    def _absolute(self, address: str) -> str:
        return address if address.startswith("http") else f"{self.url}{address}"


def links(page: str, pattern: str) -> list[re.Match[str]]:
    """Every address on a page that a pattern matches whole, in order, each once."""
    addresses = dict.fromkeys(str(tag["href"]) for tag in BeautifulSoup(page, "html.parser").find_all("a", href=True))
    return [match for address in addresses if (match := re.fullmatch(pattern, address))]


def field(page: str, name: str) -> str:
    """The value of a hidden field."""
    tag = BeautifulSoup(page, "html.parser").find("input", attrs={"name": name})
    assert tag is not None, f"no field {name} on this page"
    return str(tag["value"])
