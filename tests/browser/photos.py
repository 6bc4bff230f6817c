"""Photos for the upload tests: made up, chosen on the session page, looked for on the site and in the browser."""

import hashlib
import io
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, Route

from tests.stack import Stack
from tests.tables import rows

PATIENCE_MS: Final = 120_000
COUNT_KEPT: Final = """() => new Promise((resolve, reject) => {
  const opening = indexedDB.open("rollcall-uploads");
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const database = opening.result;
    if (!database.objectStoreNames.contains("photos")) { database.close(); return resolve(0); }
    const count = database.transaction("photos").objectStore("photos").count();
    count.onsuccess = () => { database.close(); resolve(count.result); };
  };
})"""
"""How many photos this browser keeps."""


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


def stored(site: Stack) -> list[str]:
    """The hashes of the photos that the site has."""
    return [row["sha256"] for row in rows(site, "snapshot")]


def unfinished(site: Stack, photo: Path) -> list[dict[str, Any]]:
    """What the site still holds of a photo that is not there as a whole."""
    uploads = rows(site, "partialupload")
    return [row for row in uploads if row["length"] == photo.stat().st_size and row["finished_at"] is None]


def choose(page: Page, *photos: Path) -> None:
    page.get_by_label("Choose photos").set_input_files(list(photos))


def hold(page: Page, script: str) -> list[Route]:
    """Let a script of the next page wait until it is released."""
    held: list[Route] = []
    page.route(script, lambda route: held.append(route), times=1)
    return held


def release(page: Page, held: list[Route]) -> None:
    while not held:
        page.wait_for_timeout(50)
    held.pop().continue_()


def state(page: Page) -> Locator:
    """The line that tells of all photos."""
    return page.locator("#uploads-state")
