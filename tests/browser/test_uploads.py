"""Photos over a bad network, in a real browser: nothing is lost, nothing goes twice, nothing stays behind."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import APIResponse, BrowserContext, Page, Route, expect

from tests.browser.chrome import sign_in
from tests.browser.network import MEGABYTE, Network
from tests.browser.photos import COUNT_KEPT, PATIENCE_MS, choose, noise, sha256, state, stored, unfinished
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
# Pages, scripts, headers of each part, and what a cut cost: the part of 512 KB that was at the proxy and not yet at the
# site. A photo that began anew in its middle would cost 825 KB at least.
AROUND_BYTES: Final = 750_000
_BEGINNINGS: Final = "**/sessions/*/uploads/"
_PARTS: Final = "**/api/v1/uploads/*/"
_NETWORK_IS_BACK: Final = "dispatchEvent(new Event('online'))"
# The moment in which the site's address for a photo is being noted: the first look was before the photo was begun.
_CANCEL_DURING_THE_NOTE: Final = """() => {
  const get = IDBObjectStore.prototype.get;
  let looks = 0;
  IDBObjectStore.prototype.get = function (...key) {
    looks += 1;
    if (looks === 2) document.querySelector("#uploads button").click();
    return get.apply(this, key);
  };
}"""


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
    assert page.evaluate(COUNT_KEPT) == 0
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
    assert page.evaluate(COUNT_KEPT) == 0


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
    assert page.evaluate(COUNT_KEPT) == 0
    wait_until(lambda: not unfinished(site, photo), seconds=60, what="the site has forgotten what had arrived")
    assert sha256(photo) not in stored(site)


def test_file_that_is_no_photo_tells_why_and_leaves(page: Page, site: Stack, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.jpg"
    wrong.write_bytes(b"this is no photo" * 100)
    choose(page, wrong)
    line = page.locator("#uploads li")
    expect(line).to_contain_text("readable photo", timeout=PATIENCE_MS)
    expect(line.get_by_role("button", name="Try again")).to_have_count(0)
    assert page.evaluate(COUNT_KEPT) == 0
    assert not unfinished(site, wrong)
    line.get_by_role("button", name="Remove").click()
    expect(line).to_have_count(0)


def test_photo_of_who_is_signed_out_goes_on_after_signing_in(
    page: Page, phone: BrowserContext, site: Stack, logins: dict[str, str], tmp_path: Path
) -> None:
    photo = noise(tmp_path, 28, side=400)
    phone.clear_cookies()
    choose(page, photo)
    line = page.locator("#uploads li")
    expect(line).to_contain_text("this photo is kept")
    line.get_by_role("button", name="Reload").click()
    page.wait_for_url("**/login/**")
    page.locator("[name=username]").fill("teacher")
    page.locator("[name=password]").fill(logins["teacher"])
    page.get_by_role("button", name="Sign in").click()
    expect(state(page)).to_have_text("1 of 1 sent", timeout=PATIENCE_MS)
    assert stored(site).count(sha256(photo)) == 1


def test_another_page_tells_why_a_photo_cannot_go(page: Page, tmp_path: Path) -> None:
    refusal = json.dumps({"code": "session-closed", "detail": "This session is final."})
    answer = {"status": 409, "headers": {"Tus-Resumable": "1.0.0"}, "body": refusal}
    page.route(_BEGINNINGS, lambda route: route.fulfill(**answer))
    choose(page, noise(tmp_path, 29, side=400))
    expect(page.locator("#uploads li")).to_contain_text("This session is final.")
    page.goto("/")
    expect(page.locator(".sending-line")).to_have_text("Photos: 0 of 1 sent. This session is final.")


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


@pytest.mark.parametrize("address", [_BEGINNINGS, _PARTS])
def test_photo_waits_while_a_login_page_of_the_network_answers(
    page: Page, site: Stack, address: str, tmp_path: Path
) -> None:
    photo = noise(tmp_path, 20 if address == _BEGINNINGS else 21, side=400)
    statuses = [200, 400, 401, 403, 404, 460]
    answered: list[int] = []

    def answer(route: Route) -> None:
        if len(answered) == len(statuses):
            route.continue_()
            return
        answered.append(statuses[len(answered)])
        # As a page that was led to a login gets it: with 200, and without a word of the protocol.
        route.fulfill(status=answered[-1], content_type="text/html", body="<h1>Accept the terms of this Wi-Fi</h1>")

    page.route(address, answer)
    choose(page, photo)
    for count in range(1, len(statuses) + 1):
        while len(answered) < count:
            page.wait_for_timeout(20)
        expect(page.locator("#uploads li")).to_have_attribute("data-state", "waiting")
        expect(state(page)).to_have_text("0 of 1 sent, waiting for the network")
        page.evaluate(_NETWORK_IS_BACK)
    expect(state(page)).to_have_text("1 of 1 sent", timeout=PATIENCE_MS)
    assert stored(site).count(sha256(photo)) == 1
    assert not unfinished(site, photo)


def test_photo_that_the_site_stumbles_over_holds_no_other_up(page: Page, site: Stack, tmp_path: Path) -> None:
    photos = [noise(tmp_path, seed, side=side) for seed, side in ((22, 300), (23, 400))]
    stumbling = str(photos[0].stat().st_size)

    def stumble(route: Route) -> None:
        if route.request.headers["upload-length"] == stumbling:
            error = json.dumps({"code": "wrong-state", "detail": "Not now."})
            route.fulfill(status=409, headers={"Tus-Resumable": "1.0.0"}, body=error)
        else:
            route.continue_()

    page.route(_BEGINNINGS, stumble)
    choose(page, *photos)
    expect(state(page)).to_have_text("1 of 2 sent", timeout=PATIENCE_MS)
    page.unroute(_BEGINNINGS)
    expect(state(page)).to_have_text("2 of 2 sent", timeout=PATIENCE_MS)
    assert {sha256(photo) for photo in photos} <= set(stored(site))


def test_photo_that_arrives_while_the_list_is_fetched_is_on_it(page: Page, tmp_path: Path) -> None:
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/sessions/*/photos/*", lambda route: held.append((route, route.fetch())), times=1)
    shown = page.locator("#photos li").count()
    choose(page, noise(tmp_path, 24, side=400))
    while not held:
        page.wait_for_timeout(20)
    choose(page, noise(tmp_path, 25, side=400))
    expect(state(page)).to_have_text("2 of 2 sent", timeout=PATIENCE_MS)
    route, answer = held[0]
    # As if the first were done by now: the list does not ask again by itself.
    route.fulfill(response=answer, body=answer.text().replace("every 1500ms, ", ""))
    expect(page.locator("#photos li")).to_have_count(shown + 2)


def test_photo_cancelled_when_it_has_just_arrived_tells_so(page: Page, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 26, side=400)
    done: list[APIResponse] = []

    def keep_the_answer(route: Route) -> None:
        if route.request.method == "PATCH":
            done.append(route.fetch())
        else:
            route.continue_()

    page.route(_PARTS, keep_the_answer)
    shown = page.locator("#photos li").count()
    choose(page, photo)
    while not done:
        page.wait_for_timeout(20)
    line = page.locator("#uploads li")
    line.get_by_role("button", name="Cancel").click()
    expect(line).to_contain_text("had arrived already")
    expect(state(page)).to_have_text("1 of 1 sent")
    expect(page.locator("#photos li")).to_have_count(shown + 1)
    assert page.evaluate(COUNT_KEPT) == 0
    assert sha256(photo) in stored(site)


def test_photo_whose_beginning_stalled_leaves_nothing_unfinished(page: Page, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 27, side=400)
    held: list[tuple[Route, APIResponse]] = []
    page.clock.install()
    page.reload()
    page.route(_BEGINNINGS, lambda route: held.append((route, route.fetch())), times=1)
    choose(page, photo)
    while not held:
        page.wait_for_timeout(20)
    page.clock.fast_forward(31_000)
    expect(state(page)).to_have_text("1 of 1 sent", timeout=PATIENCE_MS)
    assert len(unfinished(site, photo)) == 1
    with page.expect_request(lambda request: request.method == "DELETE"):
        route, answer = held[0]
        route.fulfill(response=answer)
    wait_until(lambda: not unfinished(site, photo), seconds=60, what="the site has forgotten the first beginning")
    assert stored(site).count(sha256(photo)) == 1


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
    assert page.evaluate(COUNT_KEPT) == 0


def test_photo_cancelled_while_its_address_is_noted_is_kept_no_more(page: Page, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 19, side=400)
    page.evaluate(_CANCEL_DURING_THE_NOTE)
    choose(page, photo)
    expect(page.locator("#uploads li")).to_have_attribute("data-state", "sending")
    expect(page.locator("#uploads li")).to_have_count(0)
    wait_until(lambda: not unfinished(site, photo), seconds=60, what="the site has forgotten the upload")
    assert page.evaluate(COUNT_KEPT) == 0


def test_signing_out_leaves_no_photo_behind(page: Page, network: Network, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 6)
    network.cut_after(photo.stat().st_size // 2)
    choose(page, photo)
    expect(state(page)).to_contain_text("waiting for the network", timeout=PATIENCE_MS)
    assert page.evaluate(COUNT_KEPT) == 1
    network.restore()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/")
    assert page.evaluate(COUNT_KEPT) == 0


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
    wait_until(lambda: page.evaluate(COUNT_KEPT) == 0, seconds=30, what="what the first person left is forgotten")
    assert sha256(photo) not in stored(site)
    expect(page.locator("#uploads li")).to_have_count(0)
