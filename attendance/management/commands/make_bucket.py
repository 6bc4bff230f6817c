"""`manage.py make_bucket`: the place for photos in an S3-compatible store of one's own."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from attendance.object_storage import PrivateBucket
from attendance.storage import StoreDoesNotAnswer, private_storage


class Command(BaseCommand):
    """Makes the bucket that ``S3_BUCKET`` names, where it is missing."""

    help = "Make the bucket that S3_BUCKET names in the S3-compatible store, unless it is there."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, or say why not."""
        storage = private_storage()
        if not isinstance(storage, PrivateBucket):
            raise CommandError("S3_BUCKET is not set: photos lie in a folder, which needs no bucket.")
        try:
            is_new = storage.make_bucket()
        except StoreDoesNotAnswer as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"bucket {storage.bucket_name}: {'made' if is_new else 'there already'}")
