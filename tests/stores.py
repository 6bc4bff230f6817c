"""An S3-compatible store that speaks real HTTP on this machine, and ways for it to be away."""

import datetime as dt
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

KEY_ID = "rollcall-tests"
SECRET = "not-a-secret"


@contextmanager
def store_running() -> Iterator[str]:
    """Run the emulator in a thread of its own; give its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def silent_store() -> Iterator[str]:
    """A store whose host takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def closed_store() -> str:
    """The address of a store that is switched off."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def client(endpoint: str) -> Any:
    """A client of the store, to look at what lies in it."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    )


def new_bucket(endpoint: str) -> str:
    """Make a bucket of its own; give its name."""
    name = f"rollcall-{secrets.token_hex(6)}"
    client(endpoint).create_bucket(Bucket=name)
    return name


def storages(base: dict[str, Any], *, endpoint: str, bucket: str, **options: Any) -> dict[str, Any]:
    """Give ``STORAGES`` with the private one in this bucket."""
    private = {
        "BACKEND": "attendance.object_storage.PrivateBucket",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": endpoint,
            "region_name": "us-east-1",
            "access_key": KEY_ID,
            "secret_key": SECRET,
            **options,
        },
    }
    return {**base, "private": private}


def age(bucket: str, key: str, *, hours: float) -> None:
    """Let an object of the emulator in this process be so many hours old."""
    stored = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys[key]
    stored.last_modified = dt.datetime.now(tz=dt.UTC) - dt.timedelta(hours=hours)
