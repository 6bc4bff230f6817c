"""Photos over a bad network, in a real browser: nothing is lost, nothing goes twice, nothing stays behind."""

import base64
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import APIResponse, Browser, BrowserContext, Page, Route, expect

from tests.browser.chrome import Watch, sign_in
from tests.browser.network import Network
from tests.browser.places import load_demo
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PATIENCE_MS: Final = 120_000
MEGABYTE: Final = 1_000_000
# Pages, scripts, headers of each part, and what a cut cost: bytes that arrived at the proxy and not at the site.
AROUND_BYTES: Final = 500_000
# The network is away (for htmx too), a file is no photo, somebody is signed out, what is cancelled is forgotten
# already, the site has just kept more of a part than it told a moment ago, a photo was damaged: the browser writes each
# of them on its console.
_EXPECTED: Final = ("net::ERR", "htmx:", "400", "401", "403", "404", "409", "460")
_BEGINNINGS: Final = "**/sessions/*/uploads/"
_COUNT_KEPT: Final = """() => new Promise((resolve, reject) => {
  const opening = indexedDB.open("rollcall-uploads");
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const database = opening.result;
    if (!database.objectStoreNames.contains("photos")) { database.close(); return resolve(0); }
    const count = database.transaction("photos").objectStore("photos").count();
    count.onsuccess = () => { database.close(); resolve(count.result); };
  };
})"""

# The moment between the last photo and the end of a run, made as long as the test needs it.
_HOLD_THE_END: Final = """() => {
  const request = navigator.locks.request.bind(navigator.locks);
  navigator.locks.request = async (name, work) => {
    await request(name, work);
    await new Promise((resolve) => { window.letGo = resolve; });
  };
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A site without broker and worker: what matters here is how photos come in, and that needs neither."""
    settings = {"FACE_PIPELINE_BUILDER": "tests.fakes.build_pipeline"}
    stack = Stack(tmp_path_factory.mktemp("site"), settings=settings)
    (stack.folder / "data").mkdir()
    try:
        stack.manage("migrate", "--verbosity", "0")
        stack.manage("collectstatic", "--noinput", "--verbosity", "0")
        stack.start_web()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
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
    watch = Watch()
    context = watch.over(browser.new_context(base_url=network.url, viewport={"width": 390, "height": 844}))
    yield context
    context.close()
    assert [line for line in watch.wrong if not any(word in line for word in _EXPECTED)] == []


@pytest.fixture
def page(phone: BrowserContext, logins: dict[str, str]) -> Page:
    """The session page of a meeting, opened by its teacher."""
    page = phone.new_page()
    sign_in(page, "teacher", logins["teacher"])
    open_session(page)
    return page


def open_session(page: Page) -> None:
    """Go from today's page to the meeting of the first course, which may be open already."""
    page.locator("main a[href*='/sessions/'], main form[action*='/take/'] button").first.click()
    page.wait_for_url("**/sessions/*/")


def noise(folder: Path, seed: int, *, side: int = 1300) -> Path:
    """A photo of over 1.5 MB that no compression makes smaller."""
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=92)
    path = folder / f"photo-{seed}.jpg"
    path.write_bytes(out.getvalue())
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(site: Stack, model: str) -> list[dict[str, Any]]:
    return [row["fields"] for row in json.loads(site.manage("dumpdata", f"attendance.{model}"))]


def stored(site: Stack) -> list[str]:
    """The hashes of the photos that the site has."""
    return [row["sha256"] for row in rows(site, "snapshot")]


def unfinished(site: Stack, photo: Path) -> list[dict[str, Any]]:
    """What the site still holds of a photo that is not there as a whole."""
    uploads = rows(site, "partialupload")
    return [row for row in uploads if row["length"] == photo.stat().st_size and row["finished_at"] is None]


def choose(page: Page, *photos: Path) -> None:
    page.get_by_label("Choose photos").set_input_files(list(photos))


def state(page: Page) -> Any:
    return page.locator("#uploads-state")


def test_photo_that_was_cut_in_the_middle_goes_on_where_it_was(
    page: Page, phone: BrowserContext, network: Network, site: Stack, tmp_path: Path
) -> None:
    photos = [noise(tmp_path, seed) for seed in (1, 2)]
    size = sum(photo.stat().st_size for photo in photos)
    before = network.sent
    network.cut_after(photos[0].stat().st_size // 2)
    choose(page, *photos)
    expect(state(page)).to_have_text("0 of 2 sent, waiting for the network", timeout=PATIENCE_MS)
    phone.set_offline(True)
    assert not network.is_up
    network.restore()
    phone.set_offline(False)
    expect(state(page)).to_have_text("2 of 2 sent", timeout=PATIENCE_MS)
    assert {sha256(photo) for photo in photos} <= set(stored(site))
    assert size < network.sent - before < size + AROUND_BYTES
    assert page.evaluate(_COUNT_KEPT) == 0
    assert not any(unfinished(site, photo) for photo in photos)


def test_reload_in_the_middle_goes_on_by_itself(page: Page, network: Network, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 3)
    size, before = photo.stat().st_size, network.sent
    choose(page, photo)
    wait_until(lambda: network.sent - before > size // 2, seconds=120, what="half of the photo is sent", every=0.02)
    page.reload()
    expect(state(page)).to_have_text("1 of 1 sent", timeout=PATIENCE_MS)
    assert stored(site).count(sha256(photo)) == 1
    assert size < network.sent - before < size + AROUND_BYTES
    assert page.evaluate(_COUNT_KEPT) == 0


def test_another_page_goes_on_too(page: Page, network: Network, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 4)
    network.cut_after(photo.stat().st_size // 2)
    choose(page, photo)
    expect(state(page)).to_contain_text("waiting for the network", timeout=PATIENCE_MS)
    network.restore()
    page.goto("/")
    expect(page.locator(".sending-line")).to_have_text("Photos: 1 of 1 sent", timeout=PATIENCE_MS)
    assert sha256(photo) in stored(site)


def test_cancelled_photo_is_gone_on_both_sides(page: Page, network: Network, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 5)
    before = network.sent
    choose(page, photo)
    wait_until(lambda: network.sent - before > MEGABYTE, seconds=120, what="some of it is sent", every=0.02)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#uploads li")).to_have_count(0)
    assert page.evaluate(_COUNT_KEPT) == 0
    wait_until(lambda: not unfinished(site, photo), seconds=60, what="the site has forgotten what had arrived")
    assert sha256(photo) not in stored(site)


def test_file_that_is_no_photo_tells_why_and_leaves(page: Page, site: Stack, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.jpg"
    wrong.write_bytes(b"this is no photo" * 100)
    choose(page, wrong)
    line = page.locator("#uploads li")
    expect(line).to_contain_text("readable photo", timeout=PATIENCE_MS)
    expect(line.get_by_role("button", name="Try again")).to_have_count(0)
    assert page.evaluate(_COUNT_KEPT) == 0
    assert not unfinished(site, wrong)
    line.get_by_role("button", name="Cancel").click()
    expect(line).to_have_count(0)


def test_photo_that_was_damaged_on_its_way_is_sent_anew(page: Page, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 9, side=400)
    wrong = base64.b64encode(hashlib.sha256(b"other bytes").hexdigest().encode()).decode()
    begun = []

    def announce_other_bytes(route: Route) -> None:
        begun.append(route.request.url)
        route.continue_(headers=route.request.headers | {"upload-metadata": f"sha256 {wrong}"})

    page.route(_BEGINNINGS, announce_other_bytes, times=1)
    with page.expect_response(lambda answer: answer.status == 460):
        choose(page, photo)
    expect(state(page)).to_have_text("1 of 1 sent", timeout=PATIENCE_MS)
    assert len(begun) == 1
    assert stored(site).count(sha256(photo)) == 1
    assert not unfinished(site, photo)


def test_photo_that_is_added_when_the_others_are_just_done_is_sent(page: Page, site: Stack, tmp_path: Path) -> None:
    photos = [noise(tmp_path, seed, side=400) for seed in (10, 11)]
    page.evaluate(_HOLD_THE_END)
    choose(page, photos[0])
    expect(state(page)).to_have_text("1 of 1 sent", timeout=PATIENCE_MS)
    choose(page, photos[1])
    expect(state(page)).to_have_text("1 of 2 sent", timeout=PATIENCE_MS)
    page.evaluate("letGo()")
    expect(state(page)).to_have_text("2 of 2 sent", timeout=PATIENCE_MS)
    assert {sha256(photo) for photo in photos} <= set(stored(site))


def test_photo_cancelled_while_the_site_begins_is_forgotten(page: Page, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 12, side=400)
    held: list[tuple[Route, APIResponse]] = []
    page.route(_BEGINNINGS, lambda route: held.append((route, route.fetch())), times=1)
    with page.expect_request(_BEGINNINGS):
        choose(page, photo)
    line = page.locator("#uploads li")
    expect(line).to_have_attribute("data-state", "sending")
    while not held:
        page.wait_for_timeout(50)
    assert len(unfinished(site, photo)) == 1
    line.get_by_role("button", name="Cancel").click()
    expect(line).to_have_count(0)
    route, answer = held[0]
    route.fulfill(response=answer)
    wait_until(lambda: not unfinished(site, photo), seconds=60, what="the site has forgotten the upload")
    assert sha256(photo) not in stored(site)
    assert page.evaluate(_COUNT_KEPT) == 0


def test_signing_out_leaves_no_photo_behind(page: Page, network: Network, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 6)
    network.cut_after(photo.stat().st_size // 2)
    choose(page, photo)
    expect(state(page)).to_contain_text("waiting for the network", timeout=PATIENCE_MS)
    assert page.evaluate(_COUNT_KEPT) == 1
    network.restore()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/")
    assert page.evaluate(_COUNT_KEPT) == 0


def test_other_person_of_the_same_browser_sends_nothing_and_finds_nothing(
    page: Page, phone: BrowserContext, network: Network, site: Stack, logins: dict[str, str], tmp_path: Path
) -> None:
    photo = noise(tmp_path, 7)
    address = page.url
    network.cut_after(photo.stat().st_size // 2)
    choose(page, photo)
    expect(state(page)).to_contain_text("waiting for the network", timeout=PATIENCE_MS)
    phone.clear_cookies()  # the session ran out: nobody signed out
    network.restore()
    sign_in(page, "admin", logins["admin"])
    page.goto(address)
    expect(page.get_by_label("Choose photos")).to_be_attached()
    wait_until(lambda: page.evaluate(_COUNT_KEPT) == 0, seconds=30, what="what the first person left is forgotten")
    assert sha256(photo) not in stored(site)
    expect(page.locator("#uploads li")).to_have_count(0)


def test_form_works_without_scripts(
    browser: Browser, network: Network, site: Stack, logins: dict[str, str], tmp_path: Path
) -> None:
    photo = noise(tmp_path, 8, side=400)
    context = browser.new_context(base_url=network.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, "teacher", logins["teacher"])
    open_session(page)
    choose(page, photo)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url("**/sessions/*/")
    assert sha256(photo) in stored(site)
    context.close()
