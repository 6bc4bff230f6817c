"""Whatever a browser does or lacks, a photo that was chosen is sent, or the person is told why not."""

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.chrome import sign_in
from tests.browser.network import Network
from tests.browser.photos import PATIENCE_MS, choose, hold, noise, open_session, release, sha256, state, stored
from tests.stack import Stack
from tests.tables import rows

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
# The moment between the last photo and the end of a run, made as long as the test needs it.
_HOLD_THE_END: Final = """() => {
  const request = navigator.locks.request.bind(navigator.locks);
  navigator.locks.request = async (name, work) => {
    await request(name, work);
    await new Promise((resolve) => { window.letGo = resolve; });
  };
}"""
_REFUSE_LOCKS: Final = """() => {
  navigator.locks.request = async () => { throw new DOMException("", "SecurityError"); };
}"""
_SILENT_DATABASE: Final = "indexedDB.open = () => new EventTarget();"


def test_photo_chosen_before_the_scripts_are_there_is_sent(page: Page, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 13, side=400)
    held = hold(page, "**/js/uploads*.js")
    page.reload(wait_until="commit")
    choose(page, photo)
    release(page, held)
    expect(state(page)).to_have_text("1 of 1 sent", timeout=PATIENCE_MS)
    assert stored(site).count(sha256(photo)) == 1
    expect(page.get_by_label("Choose photos")).to_have_value("")


def test_selfie_chosen_before_the_scripts_are_there_is_sent_once(page: Page, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 14, side=400)
    page.goto("/courses/")
    for addresses in ("/courses/", "/students/"):
        page.locator(f"main a[href^='{addresses}']").first.click()
        page.wait_for_url(f"**{addresses}*/")
    selfie = page.get_by_label("Take the selfie here")
    expect(selfie).to_be_attached()
    before = len(rows(site, "selfie"))
    held = hold(page, "**/js/app*.js")
    page.goto(page.url, wait_until="commit")
    selfie.set_input_files(photo)
    with page.expect_navigation():
        release(page, held)
    assert len(rows(site, "selfie")) == before + 1
    page.go_back()
    page.wait_for_timeout(1000)
    assert len(rows(site, "selfie")) == before + 1


def test_form_works_where_a_script_does_not_come(page: Page, site: Stack, tmp_path: Path) -> None:
    photo = noise(tmp_path, 15, side=400)
    page.route("**/js/queue*.js", lambda route: route.abort())
    page.reload()
    choose(page, photo)
    with page.expect_navigation():
        page.get_by_role("button", name="Upload").click()
    assert sha256(photo) in stored(site)


def test_photo_is_sent_where_the_browser_gives_no_lock(page: Page, tmp_path: Path) -> None:
    page.evaluate(_REFUSE_LOCKS)
    choose(page, noise(tmp_path, 16, side=400))
    expect(state(page)).to_have_text("1 of 1 sent", timeout=PATIENCE_MS)


def test_photo_is_sent_where_the_database_does_not_answer(page: Page, tmp_path: Path) -> None:
    page.add_init_script(_SILENT_DATABASE)
    page.reload()
    choose(page, noise(tmp_path, 17, side=400))
    expect(state(page)).to_have_text("1 of 1 sent", timeout=PATIENCE_MS)


def test_photo_chosen_after_signing_out_in_another_tab_is_not_swallowed(
    page: Page, phone: BrowserContext, site: Stack, tmp_path: Path
) -> None:
    other = phone.new_page()
    other.goto("/")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/login/")
    choose(page, noise(tmp_path, 18, side=400))
    expect(page.get_by_role("alert")).to_contain_text("signed out in another tab")
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
