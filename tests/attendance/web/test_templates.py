"""What holds for every template, by reading them."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted((ROOT / "static" / "css").glob("*.css"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
class TestTemplate:
    def test_has_no_inline_script_or_style(self, path: Path) -> None:
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        assert "<style" not in text
        assert not re.search(r"""\sstyle\s*=\s*["']""", text)
        assert not re.search(r"""\son[a-z]+\s*=\s*["']""", text)
        assert "javascript:" not in text
        assert "hx-on" not in text
        assert 'hx-vals="js:' not in text

    def test_compiles(self, path: Path) -> None:
        assert get_template(str(path.relative_to(ROOT / "templates")))

    def test_never_switches_escaping_off(self, path: Path) -> None:
        text = path.read_text()
        assert "|safe" not in text
        assert "autoescape off" not in text

    def test_every_form_that_posts_carries_the_csrf_token(self, path: Path) -> None:
        forms = re.findall(r"<form\b.*?</form>", path.read_text(), flags=re.DOTALL)
        for form in forms:
            if 'method="post"' in form:
                assert "{% csrf_token %}" in form

    def test_loads_nothing_from_elsewhere(self, path: Path) -> None:
        assert not re.search(r"""(src|href|action)\s*=\s*["'](https?:)?//""", path.read_text())


def test_templates_are_found() -> None:
    assert len(TEMPLATES) > 30


@pytest.mark.parametrize("name", ["htmx", "pico"])
def test_vendored_library_has_licence_and_version(name: str) -> None:
    folder = ROOT / "static" / "vendor" / name
    assert any(folder.glob("LICENSE*"))
    assert name in (folder / "VERSION").read_text()


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_style_sheet_loads_nothing_from_elsewhere(path: Path) -> None:
    assert "@import" not in path.read_text()
    assert "//" not in re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


def test_style_knows_dark_mode_and_reduced_motion() -> None:
    text = (ROOT / "static" / "css" / "app.css").read_text()
    assert "prefers-color-scheme: dark" in text
    assert "prefers-reduced-motion: reduce" in text
    assert ":focus-visible" in text
