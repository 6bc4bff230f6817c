"""Makes the secrets that docker-compose.yml hands to the containers: `python3 -m scripts.container_secrets`.

Each is a file of its own in secrets/, without a line end, and made only where it is missing. The folder keeps other
users of the machine out; the files themselves must be readable by the containers' own user.
"""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from urllib.parse import urlsplit

FOLDER = Path(__file__).resolve().parent.parent / "secrets"


def make(folder: Path) -> list[str]:
    """Write what is missing; give the names of what was written."""
    folder.mkdir(mode=0o700, exist_ok=True)
    password = _kept(folder / "database_password") or secrets.token_urlsafe(24)
    values = {
        "secret_key": secrets.token_urlsafe(50),
        "master_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "grafana_password": secrets.token_urlsafe(18),
        "metrics_token": secrets.token_urlsafe(30),
        "database_password": password,
        "database_url": f"postgres://rollcall:{password}@postgres:5432/rollcall",
    }
    of_broker = _broker_password(folder) or secrets.token_urlsafe(24)
    values["valkey_conf"] = f"requirepass {of_broker}"
    values["redis_url"] = f"redis://:{of_broker}@valkey:6379/0"
    for name in ("s3_access_key_id", "s3_secret_access_key"):
        values[name] = _kept(folder / name) or secrets.token_urlsafe(30)
    values["s3_identities"] = _identities(values["s3_access_key_id"], values["s3_secret_access_key"])
    missing = [name for name in values if not (folder / name).exists()]
    for name in missing:
        (folder / name).write_text(values[name])
        (folder / name).chmod(0o644)
    return missing


def _kept(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _broker_password(folder: Path) -> str:
    """Give the password that one of its two files has already."""
    in_address = urlsplit(_kept(folder / "redis_url")).password
    return in_address or _kept(folder / "valkey_conf").removeprefix("requirepass ").strip()


def _identities(key_id: str, secret: str) -> str:
    """Say to the store of photos who may do what: the site everything, anybody else nothing."""
    credentials = [{"accessKey": key_id, "secretKey": secret}]
    return json.dumps({"identities": [{"name": "rollcall", "credentials": credentials, "actions": ["Admin"]}]})


if __name__ == "__main__":
    print(f"Made in {FOLDER.name}/: {', '.join(make(FOLDER)) or 'nothing, all were there'}")
