"""Keeps `.env.example` and the README's table true to the settings: `python -m scripts.settings_table` rewrites both.

Every setting is read once, as ``env.kind("NAME", default=...)``, with a comment above that gives meaning, unit and
default. Those comments are the one source; a test fails while the two files differ from them.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
_NOUNS: Final = ("environment", "site", "stores", "work", "recognition", "watching")
SOURCES: Final = (
    *(ROOT / "attendance" / "settings" / f"{noun}.py" for noun in _NOUNS),
    ROOT / "attendance" / "management" / "commands" / "run.py",
)
EXAMPLE: Final = ROOT / ".env.example"
README: Final = ROOT / "README.md"
TABLE: Final = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)
HEAD: Final = """\
# Settings of Rollcall. Copy this file to `.env` beside manage.py and uncomment what you change; the environment wins.
# A value that makes no sense stops the start with a sentence. `make run` needs none of them.
# Made from the comments in attendance/settings by `python -m scripts.settings_table`.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One name in the environment.

    Attributes:
        name: as it stands in the environment.
        meaning: the comment above it, on one line.
        default: its literal default as it would be written in the file; empty where there is none or it is computed.
    """

    name: str
    meaning: str
    default: str


def read_settings() -> list[Setting]:
    """Read every setting from the sources, in their order."""
    found: dict[str, Setting] = {}
    for path in SOURCES:
        text = path.read_text()
        lines = text.splitlines()
        for statement in _simple_statements(ast.parse(text)):
            for call in ast.walk(statement):
                if isinstance(call, ast.Call) and _is_read(call):
                    setting = Setting(_name(call), _comment_above(lines, statement.lineno), _default(call))
                    if setting.meaning or setting.name not in found:
                        found[setting.name] = setting
    return list(found.values())


def _simple_statements(tree: ast.AST) -> list[ast.stmt]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr)]


def _is_read(call: ast.Call) -> bool:
    function = call.func
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "env"


def _name(call: ast.Call) -> str:
    return str(ast.literal_eval(call.args[0]))


def _comment_above(lines: list[str], line_number: int) -> str:
    comment: list[str] = []
    for line in reversed(lines[: line_number - 1]):
        if not line.strip().startswith("#"):
            break
        comment.insert(0, line.strip().lstrip("# "))
    return " ".join(comment)


def _default(call: ast.Call) -> str:
    given = next((keyword.value for keyword in call.keywords if keyword.arg == "default"), None)
    try:
        value = None if given is None else ast.literal_eval(given)
    except ValueError:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else "" if value is None else str(value)


def example_text(settings: list[Setting]) -> str:
    """Write the settings as an environment file with everything commented out."""
    return HEAD + "".join(f"\n# {setting.meaning}\n#{setting.name}={setting.default}\n" for setting in settings)


def table_text(settings: list[Setting]) -> str:
    """Write the settings as a table in Markdown."""
    rows = [f"| `{setting.name}` | {setting.meaning} |" for setting in settings]
    return "\n".join(["| name | meaning and default |", "|---|---|", *rows]) + "\n"


def main() -> None:
    """Rewrite both files."""
    settings = read_settings()
    EXAMPLE.write_text(example_text(settings))
    if README.exists():
        README.write_text(TABLE.sub(lambda _: table_text(settings), README.read_text()))


if __name__ == "__main__":
    main()
