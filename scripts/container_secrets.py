"""Makes the secrets that docker-compose.yml hands to the containers: `python3 -m scripts.container_secrets`.

Each is a file of its own in secrets/, without a line end, and made only where it is missing. The folder keeps other
users of the machine out; the files themselves must be readable by the containers' own user.
"""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "secrets"


def make(folder: Path) -> list[str]:
    """Write what is missing; give the names of what was written."""
    folder.mkdir(mode=0o700, exist_ok=True)
    password_file = folder / "database_password"
    password = password_file.read_text() if password_file.exists() else secrets.token_urlsafe(24)
    values = {
        "secret_key": secrets.token_urlsafe(50),
        "master_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "database_password": password,
        "database_url": f"postgres://rollcall:{password}@postgres:5432/rollcall",
    }
    missing = [name for name in values if not (folder / name).exists()]
    for name in missing:
        (folder / name).write_text(values[name])
        (folder / name).chmod(0o644)
    return missing


if __name__ == "__main__":
    print(f"Made in {FOLDER.name}/: {', '.join(make(FOLDER)) or 'nothing, all were there'}")
