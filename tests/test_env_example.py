"""`.env.example`, the README's table and the settings say the same."""

import re

from scripts import settings_table

SETTINGS = settings_table.read_settings()
NAMES = {setting.name for setting in SETTINGS}


def test_the_example_lists_every_setting_as_the_source_describes_it() -> None:
    assert settings_table.EXAMPLE.read_text() == settings_table.example_text(SETTINGS)


def test_the_table_in_the_readme_is_the_settings_own() -> None:
    found = settings_table.TABLE.search(settings_table.README.read_text())
    assert found is not None
    assert found.group() == settings_table.table_text(SETTINGS)


def test_every_setting_says_what_it_means_and_its_default() -> None:
    unsaid = [setting.name for setting in SETTINGS if not re.search(r"default|empty|range|only", setting.meaning, re.I)]
    assert unsaid == []


def test_nothing_is_read_from_the_environment_behind_the_settings_back() -> None:
    sources = "\n".join(path.read_text() for path in settings_table.SOURCES)
    assert set(re.findall(r'env\.\w+\("([A-Z0-9_]+)"', sources)) == NAMES
    assert {"SECRET_KEY", "MASTER_KEY", "DATABASE_URL", "REDIS_URL", "PORT"} <= NAMES


def test_no_secret_has_a_default_in_the_example() -> None:
    assert {setting.default for setting in SETTINGS if setting.name in {"SECRET_KEY", "MASTER_KEY"}} == {""}
