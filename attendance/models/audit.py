"""Who saw or changed what, when, from where. Rows are only ever added: database triggers refuse the rest."""

from django.db import models
from django.utils import timezone


class AuditEvent(models.Model):
    """One look, change or export.

    Ids are plain numbers, not foreign keys: an event outlives what it speaks of and is never updated when that goes.
    It holds ids and values of marks, never names, pictures or vectors.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=40)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    course_id = models.BigIntegerField(null=True)
    session_id = models.BigIntegerField(null=True)
    student_id = models.BigIntegerField(null=True)
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["session_id", "student_id"]),
            models.Index(fields=["course_id", "at"]),
            models.Index(fields=["object_type", "object_id"]),
            models.Index(fields=["action", "at"]),
            models.Index(fields=["actor_id", "at"]),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action}"
