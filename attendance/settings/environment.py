"""The environment, where the data lie, and developer mode: what all other settings are read from."""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

__all__ = ["BASE_DIR", "DATA_DIR", "DEBUG", "env", "require"]


class _Env(environ.FileAwareEnv):  # type: ignore[misc]  # the library has no types
    """Takes NAME_FILE for the name of a file that holds the value, as containers hand out secrets."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """Read a value; one that is none of its kind, and a file that is not there, are named."""
        try:
            return super().get_value(var, *args, **kwargs)
        except (ValueError, OSError) as error:
            raise ImproperlyConfigured(f"{var}: {error}") from error


def require(holds: bool, sentence: str) -> None:
    """Stop the start with a sentence.

    Raises:
        ImproperlyConfigured: it does not hold.
    """
    if not holds:
        raise ImproperlyConfigured(sentence)


BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = _Env()
environ.Env.read_env(BASE_DIR / ".env")
# The keys that `make run` made on its first start (scripts/local_keys.py); the environment and .env win over them.
environ.Env.read_env(Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))) / "local.env")

# Developer mode: tracebacks in pages, plain http. Default: off.
DEBUG = env.bool("DEBUG", default=False)
# Where the database, photos and the Valkey files lie. Default: var/ beside manage.py.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))
