"""A photo on its way in, part by part, over a network that may break at any byte."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from attendance.models.sessions import ClassSession, Snapshot
from attendance.storage import private_storage


class PartialUpload(models.Model):
    """A photo of which ``offset`` of ``length`` bytes have arrived.

    It is a class photo on its way: the last byte makes it the ``Snapshot`` of a session; nothing else comes in parts.

    ``metadata`` is what the client said at the beginning, as it said it. ``sha256`` is the whole file's, empty where
    the client named none. The last byte counts only together with the photo: ``offset`` reaches ``length`` in the
    moment in which ``finished_at`` is set. The row then stays until ``expires_at`` and tells ``snapshot`` to whoever
    asks again.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    session = models.ForeignKey(ClassSession, models.CASCADE, related_name="partial_uploads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="partial_uploads")
    length = models.PositiveBigIntegerField()
    offset = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    metadata = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    snapshot = models.ForeignKey(Snapshot, models.SET_NULL, null=True, related_name="+")
    is_new_photo = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(length__gt=0), name="upload_has_a_length"),
            models.CheckConstraint(
                condition=Q(finished_at=None, offset__lt=F("length"))
                | Q(finished_at__isnull=False, offset=F("length")),
                name="upload_is_whole_when_finished",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"])]

    def __str__(self) -> str:
        return f"upload {self.public_id}"


class UploadPart(models.Model):
    """Some bytes of a photo on its way in, from ``start`` on, in a file of their own."""

    upload = models.ForeignKey(PartialUpload, models.CASCADE, related_name="parts")
    start = models.PositiveBigIntegerField()
    size = models.PositiveBigIntegerField()
    file = models.FileField(storage=private_storage, upload_to="parts", max_length=200)

    class Meta:
        ordering = ["upload", "start"]
        constraints = [
            models.UniqueConstraint(fields=["upload", "start"], name="upload_part_once_an_offset"),
            models.CheckConstraint(condition=Q(size__gt=0), name="upload_part_has_bytes"),
        ]

    def __str__(self) -> str:
        return f"part {self.pk}"
