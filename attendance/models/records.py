"""The register: one record a session and student."""

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.models.people import Student
from attendance.models.sessions import ClassSession, DetectedFace


class Status(models.TextChoices):
    """What the register says. No record at all means *not seen*, which is not *absent*."""

    PRESENT = "PRESENT", _("present")
    ABSENT = "ABSENT", _("absent")
    LATE = "LATE", _("late")
    EXCUSED = "EXCUSED", _("excused")

    @property
    def letter(self) -> str:
        """The key that gives this mark, and what stands for it in reports."""
        return _LETTERS[self.value]


_LETTERS: Final = {"PRESENT": "P", "ABSENT": "A", "LATE": "L", "EXCUSED": "E"}


class Source(models.TextChoices):
    """Whose word a record is; MANUAL is never changed by the machine."""

    RECOGNISED = "RECOGNISED", _("recognised")
    MANUAL = "MANUAL", _("by hand")


class AttendanceRecord(models.Model):
    """A student's mark in a session. ``version`` rises with each change: an edit states the one it saw."""

    # Without indexes of their own: those below begin with the same columns.
    session = models.ForeignKey(ClassSession, models.CASCADE, related_name="records", db_index=False)
    student = models.ForeignKey(Student, models.CASCADE, related_name="records", db_index=False)
    status = models.CharField(max_length=10, choices=Status)
    source = models.CharField(max_length=10, choices=Source)
    face = models.ForeignKey(DetectedFace, models.SET_NULL, null=True, related_name="records")
    seen_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = _("attendance record")
        verbose_name_plural = _("attendance records")
        constraints = [
            models.UniqueConstraint(fields=["session", "student"], name="one_record_a_session_and_student"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="record_status_known"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="record_source_known"),
        ]
        # Reports read nothing but these three columns: from either index alone, never from the table.
        indexes = [
            models.Index(fields=["student", "session", "status"]),
            models.Index(fields=["session", "student", "status"], name="record_session_student_status"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id}/{self.student_id}: {self.status}"
