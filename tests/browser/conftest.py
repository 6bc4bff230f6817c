"""A browser for the tests of this folder; where there is none, they skip and say so."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import chrome

# What is expected does come at once; on two cores that a worker, a server and a browser share, at once takes longer.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium; each test opens contexts of its own in it."""
    path = chrome.where()
    if path is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    with chrome.chromium(path) as running:
        yield running


@pytest.fixture
def watch() -> Iterator[chrome.Watch]:
    """Fails the test if anything went wrong in a context that it watches."""
    watching = chrome.Watch()
    yield watching
    assert not watching.wrong, "\n".join(watching.wrong)
