"""A browser for the tests of this folder, and a phone on a session page; without a browser they skip and say so."""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import chrome
from tests.browser.network import MEGABYTE, Network
from tests.browser.photos import open_session
from tests.browser.places import load_demo
from tests.stack import Stack

# What is expected does come at once; on two cores that a worker, a server and a browser share, at once takes longer.
expect.set_options(timeout=20_000)
# The network is away (for htmx too), a file is no photo, somebody is signed out, what is cancelled is forgotten
# already, the site has just kept more of a part than it told a moment ago, a photo was damaged: the browser writes each
# of them on its console.
_EXPECTED: Final = ("net::ERR", "htmx:", "400", "401", "403", "404", "409", "460")


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


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A site without broker and worker: what matters here is how photos come in, and that needs neither."""
    settings = {"FACE_PIPELINE_BUILDER": "tests.fakes.build_pipeline"}
    stack = Stack(tmp_path_factory.mktemp("site"), settings=settings)
    (stack.folder / "data").mkdir()
    try:
        stack.manage("migrate", "--verbosity", "0")
        stack.collect_static()
        stack.start_web()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="package")
def logins(site: Stack) -> dict[str, str]:
    return load_demo(site)


@pytest.fixture
def network(site: Stack) -> Iterator[Network]:
    """A school's Wi-Fi: 1 MB a second."""
    with Network(site.web_port, bytes_per_second=MEGABYTE) as network:
        yield network


@pytest.fixture
def phone(browser: Browser, network: Network) -> Iterator[BrowserContext]:
    """A phone behind that network; all that may go wrong in it is that the network is away."""
    watch = chrome.Watch()
    context = watch.over(browser.new_context(base_url=network.url, viewport={"width": 390, "height": 844}))
    yield context
    context.close()
    assert [line for line in watch.wrong if not any(word in line for word in _EXPECTED)] == []


@pytest.fixture
def page(phone: BrowserContext, logins: dict[str, str]) -> Page:
    """The session page of a meeting, opened by its teacher."""
    page = phone.new_page()
    chrome.sign_in(page, "teacher", logins["teacher"])
    open_session(page)
    return page
