"""Photos and selfies in an S3-compatible store. Nobody but the site has its key, and no address of it is handed out.

A request to it ends after a few seconds, whatever the store does: ``S3_TIMEOUT_SECONDS`` for each of two tries. A file
is one PUT with its MD5 sum, so that it is there whole or not at all.
"""

import base64
import datetime as dt
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile, File
from storages.backends.s3 import S3Storage

from attendance.storage import StoreDoesNotAnswer

TRIES: Final = 2
"""A kept connection that the store has closed meanwhile costs the first."""


def client_config(*, timeout_seconds: float, path_style: bool) -> Config:
    """Say how the store is spoken to.

    Args:
        timeout_seconds: for connecting, and between two bytes of an answer.
        path_style: the bucket stands in the path, as stores of one's own want it, and not in the host name.
    """
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if path_style else "auto"},
        connect_timeout=timeout_seconds,
        read_timeout=timeout_seconds,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        # Stores of other makers do not know the checksums that Amazon's client would add by itself.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


class PrivateBucket(S3Storage):  # type: ignore[misc]  # the library has no types
    """A bucket. Its objects are private as everything in S3 is that has no ACL: today's buckets refuse the header."""

    def __init__(self, *, timeout_seconds: float = 3, encryption: str = "", **options: Any) -> None:
        """Take the options of django-storages' ``S3Storage``, and these.

        Args:
            timeout_seconds: see ``client_config``.
            encryption: what the store is asked to encrypt with, ``AES256`` or ``aws:kms``; empty leaves it to the
                bucket.
            options: of ``S3Storage``.
        """
        options.setdefault(
            "client_config",
            client_config(timeout_seconds=timeout_seconds, path_style=bool(options.get("endpoint_url"))),
        )
        if encryption:
            options["object_parameters"] = {"ServerSideEncryption": encryption}
        super().__init__(file_overwrite=False, default_acl=None, **options)
        self._process = os.getpid()

    @property
    def client(self) -> Any:
        """This thread's client; a child process never uses its parent's connections."""
        if self._process != os.getpid():
            self._connections, self._process = threading.local(), os.getpid()
        with _answering():
            return self.connection.meta.client

    def exists(self, name: str) -> bool:
        """Whether there is such a file.

        Raises:
            StoreDoesNotAnswer: the store is away.
        """
        try:
            with _answering(name):
                self.client.head_object(Bucket=self.bucket_name, Key=self._key(name))
        except FileNotFoundError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Remove a file; one that is gone already is no error.

        Raises:
            StoreDoesNotAnswer: the store is away.
        """
        try:
            with _answering(name):
                self.client.delete_object(Bucket=self.bucket_name, Key=self._key(name))
        except FileNotFoundError:
            return

    def entries(self, folder: str) -> Iterator[tuple[str, dt.datetime]]:
        """Give the name and the time of change of each file right in a folder, asking for a thousand at a time.

        Raises:
            StoreDoesNotAnswer: the store is away.
        """
        prefix = f"{self._key(folder)}/"
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket_name, Prefix=prefix, Delimiter="/"
        )
        with _answering():
            for page in pages:
                for entry in page.get("Contents", ()):
                    yield f"{folder}/{entry['Key'].removeprefix(prefix)}", entry["LastModified"]

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Give the folders, of which there are none, and the files' names right in a folder.

        Raises:
            StoreDoesNotAnswer: the store is away.
        """
        return [], [name.removeprefix(f"{path}/") for name, _changed_at in self.entries(path)]

    def size(self, name: str) -> int:
        """Give how many bytes a file has.

        Raises:
            FileNotFoundError: there is none.
            StoreDoesNotAnswer: the store is away.
        """
        with _answering(name):
            return int(self.client.head_object(Bucket=self.bucket_name, Key=self._key(name))["ContentLength"])

    def url(self, name: str | None, *args: Any, **kwargs: Any) -> str:
        """Give no address: photos are seen through the view that asks who looks.

        Raises:
            ValueError: always, as a folder without an address does.
        """
        raise ValueError("This file is not accessible via a URL.")

    def make_bucket(self) -> bool:
        """Make the bucket.

        Returns:
            whether it was made; False when it was there.

        Raises:
            StoreDoesNotAnswer: the store is away.
        """
        try:
            with _answering():
                self.client.head_bucket(Bucket=self.bucket_name)
        except FileNotFoundError:
            region = self.region_name
            place = {"CreateBucketConfiguration": {"LocationConstraint": region}} if _is_elsewhere(region) else {}
            with _answering():
                self.client.create_bucket(Bucket=self.bucket_name, **place)
            return True
        return False

    def _open(self, name: str, mode: str = "rb") -> "ContentFile[bytes]":
        if mode != "rb":
            raise ValueError("Files of the private storage are written whole, by save().")
        with _answering(name):
            answer = self.client.get_object(Bucket=self.bucket_name, Key=self._key(name))
            return ContentFile(answer["Body"].read(), name=name)

    def _save(self, name: str, content: "File[bytes]") -> str:
        content.seek(0)
        data = content.read()
        with _answering(name):
            self.client.put_object(
                Bucket=self.bucket_name,
                Key=self._key(name),
                Body=data,
                ContentMD5=base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
                **self._get_write_parameters(name, content),
            )
        return name

    def _key(self, name: str) -> str:
        return str(self._normalize_name(name))


def _is_elsewhere(region: str | None) -> bool:
    return bool(region) and region != "us-east-1"  # the one region that must not be named


@contextmanager
def _answering(name: str = "") -> Iterator[None]:
    """Turn what goes wrong with the store into the errors that a folder has."""
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == HTTPStatus.NOT_FOUND and error.response.get("Error", {}).get("Code") != "NoSuchBucket":
            raise FileNotFoundError(name) from error
        raise StoreDoesNotAnswer(f"The store of photos refused: {error}") from error
    except BotoCoreError as error:
        raise StoreDoesNotAnswer(f"The store of photos does not answer: {error}") from error
