"""Takes pictures of every main page of the demo school: `python -m scripts.screenshots`.

At 360 and 1280 px, light and dark, into screenshots/; the README's picture of the session page into docs/.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from PIL import Image
from playwright.sync_api import Browser, Page

from scripts.run_tests import ROOT, ensure_chromium
from tests.browser import chrome
from tests.browser.places import Place, fill, main_places
from tests.stack import Stack

OUT: Final = ROOT / "screenshots"
README_PICTURE: Final = ROOT / "docs" / "screenshot.png"
PHONE_PX: Final = 360
DESK_PX: Final = 1280
HEIGHT_PX: Final = 800
README_HEIGHT_PX: Final = 1130  # the whole photo, and the register beside it
# Enough for faces and type; a third of the bytes of full colour.
README_COLOURS: Final = 256


def pages(
    browser: Browser,
    stack: Stack,
    logins: dict[str, str],
    places: list[Place],
    *,
    width_px: int,
    colours: Literal["light", "dark"],
) -> Iterator[tuple[Place, Page]]:
    """Open each place in the browser of the one who may see it."""
    for who in dict.fromkeys(place.who for place in places):
        context = browser.new_context(
            base_url=stack.url,
            viewport={"width": width_px, "height": HEIGHT_PX},
            color_scheme=colours,
            reduced_motion="reduce",
            is_mobile=width_px == PHONE_PX,
        )
        page = context.new_page()
        if who is not None:
            chrome.sign_in(page, who, logins[who])
        for place in places:
            if place.who == who:
                page.goto(place.address)
                page.wait_for_load_state("networkidle")
                yield place, page
        context.close()


def save_readme_picture(page: Page) -> None:
    """Save what a desk's window shows of a page, small enough for a repository."""
    full = OUT / "readme-full.png"
    page.set_viewport_size({"width": DESK_PX, "height": README_HEIGHT_PX})
    page.screenshot(path=full)
    with Image.open(full) as picture:
        few = picture.convert("RGB").quantize(README_COLOURS, dither=Image.Dither.FLOYDSTEINBERG)
        few.save(README_PICTURE, optimize=True)
    full.unlink()


def take_all(browser: Browser, stack: Stack) -> int:
    """Take all pictures; give their number."""
    logins = fill(stack)
    places = main_places(stack, logins)
    taken = 0
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for width_px in (PHONE_PX, DESK_PX):
        for colours in schemes:
            for place, page in pages(browser, stack, logins, places, width_px=width_px, colours=colours):
                page.screenshot(path=OUT / f"{place.name}-{width_px}-{colours}.png", full_page=True)
                taken += 1
                if (place.name, width_px, colours) == ("session", DESK_PX, "light"):
                    save_readme_picture(page)
    return taken


def main() -> int:
    """Start the site, take the pictures, stop the site."""
    ensure_chromium()
    path = chrome.where()
    if path is None:
        return 1
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-screenshots-") as folder,
        Stack(Path(folder)) as stack,
        chrome.chromium(path) as browser,
    ):
        taken = take_all(browser, stack)
    print(f"{taken} pictures in {OUT.name}/, and {README_PICTURE.relative_to(ROOT)} for the README.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
