"""Every main page in a real browser: accessible in light and dark, no sideways scrolling, nothing on the console."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from tests.browser.chrome import Watch, sign_in
from tests.browser.places import Place, fill, main_places
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.real_faces, pytest.mark.timeout(600)]
NOT_FOUND = frozenset({"/nothing-here/"})
# WCAG 2.0 to 2.2, A and AA, and what axe's authors count as good practice.
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass(frozen=True, slots=True)
class School:
    """The demo school on a running site."""

    url: str
    logins: dict[str, str]
    places: list[Place]


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """The shipped demo school, its class photo looked at by the worker."""
    with Stack(tmp_path_factory.mktemp("site")) as stack:
        logins = fill(stack)
        yield School(stack.url, logins, main_places(stack, logins))


def walk(
    school: School,
    browser: Browser,
    watch: Watch,
    *,
    width_px: int,
    colours: Literal["light", "dark"] = "light",
) -> Iterator[tuple[Place, Page]]:
    """Open each place in the browser of the one who may see it."""
    for who in dict.fromkeys(place.who for place in school.places):
        context = browser.new_context(
            base_url=school.url,
            viewport={"width": width_px, "height": 800},
            color_scheme=colours,
            reduced_motion="reduce",
        )
        context.add_init_script(AXE_SCRIPT)
        page = watch.over(context).new_page()
        if who is not None:
            sign_in(page, who, school.logins[who])
        for place in school.places:
            if place.who == who:
                page.goto(place.address)
                page.wait_for_load_state("networkidle")
                yield place, page
        context.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong: rule and first few elements."""
    options = json.dumps({"runOnly": _RULES, "resultTypes": ["violations"]})
    found: dict[str, Any] = page.evaluate(f"() => axe.run(document, {options})")
    return [
        f"{one['id']}: {one['help']} {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found["violations"]
    ]


def overflow_px(page: Page) -> int:
    """By how much the page is wider than the window."""
    return int(page.evaluate("() => document.scrollingElement.scrollWidth - window.innerWidth"))


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_no_page_breaks_a_rule_of_accessibility(
    school: School, browser: Browser, watch: Watch, colours: Literal["light", "dark"]
) -> None:
    watch.broken_on_purpose = NOT_FOUND
    wrong = {
        place.name: found
        for place, page in walk(school, browser, watch, width_px=1280, colours=colours)
        if (found := violations(page))
    }
    assert not wrong, json.dumps(wrong, indent=1)


def test_no_page_scrolls_sideways_at_320_px(school: School, browser: Browser, watch: Watch) -> None:
    watch.broken_on_purpose = NOT_FOUND
    wide = {
        place.name: px for place, page in walk(school, browser, watch, width_px=320) if (px := overflow_px(page)) > 0
    }
    assert not wide


def test_phone_shows_the_audit_log_whole(school: School, browser: Browser, watch: Watch) -> None:
    page = open_as(school, browser, watch, "admin", width_px=360)
    page.goto("/school/audit/")
    lines = page.locator(".events > li")
    assert lines.count() > 20
    cut = lines.evaluate_all("""(lines) => lines.flatMap((line) => [line, ...line.querySelectorAll("*")])
      .filter((part) => part.getBoundingClientRect().right > innerWidth || part.scrollWidth > part.clientWidth + 1)
      .filter((part) => getComputedStyle(part).display !== "inline").length""")
    assert cut == 0
    page.context.close()


def test_session_that_has_ended_is_told_and_swallows_no_part_of_the_page(
    school: School, browser: Browser, watch: Watch
) -> None:
    page = open_as(school, browser, watch, "teacher", width_px=1280)
    page.goto(next(place.address for place in school.places if place.name == "session"))
    page.wait_for_load_state("networkidle")
    page.context.clear_cookies()
    page.evaluate("""() => htmx.trigger(document.body, "photos-added")""")
    notice = page.locator("#notices")
    expect(notice).to_contain_text("You are signed out")
    expect(page.locator("#photos")).to_contain_text("Photo 1")
    expect(page.locator("[name=password]")).to_have_count(0)
    page.locator("a.face").first.click()
    window = page.get_by_role("dialog", name="Who is this?")
    expect(window).to_contain_text("You are signed out")
    window.get_by_role("link", name="Sign in again").click()
    expect(page.locator("[name=password]")).to_be_visible()
    assert "next=/sessions/" in page.url
    page.context.close()


def open_as(school: School, browser: Browser, watch: Watch, who: str, *, width_px: int) -> Page:
    """A browser in which somebody has signed in."""
    context = browser.new_context(base_url=school.url, viewport={"width": width_px, "height": 800})
    page = watch.over(context).new_page()
    sign_in(page, who, school.logins[who])
    return page


def test_the_watch_hears_of_a_violation_of_the_content_security_policy(school: School, browser: Browser) -> None:
    watch = Watch()
    page = watch.over(browser.new_context(base_url=school.url)).new_page()
    page.goto("/login/")
    assert watch.wrong == []
    page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.head.append(script);
    }""")
    page.wait_for_timeout(500)
    assert any("content security policy: script-src" in one for one in watch.wrong)
    assert page.evaluate("() => window.ran === undefined")
    page.context.close()
