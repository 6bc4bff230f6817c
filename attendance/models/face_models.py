"""What is known of a recogniser before it is trusted: its calibrated threshold, and the marks it would change."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.models.gallery import FaceModelChange
from attendance.models.people import Student
from attendance.models.records import Source, Status
from attendance.models.sessions import ClassSession, DetectedFace, Snapshot


class FaceCalibration(models.Model):
    """A threshold that keeps a stated rate of errors, and the counts it rests on. The newest of a recipe holds.

    ``rate`` is of comparisons with one other person, or of searches of a roster of ``gallery_size``; ``rate_upper``
    is the highest rate of comparisons that the counts leave possible, at 95 % confidence.
    """

    class Kind(models.TextChoices):
        """What the stated rate counts."""

        COMPARISONS = "COMPARISONS", _("false accept rate")
        SEARCHES = "SEARCHES", _("FPIR")

    class Origin(models.TextChoices):
        """Where the scores came from."""

        SESSIONS = "SESSIONS", _("confirmed faces of open sessions")
        PAIRS = "PAIRS", _("a pairs file")

    model_id = models.CharField(max_length=128)
    threshold_cosine = models.FloatField()
    kind = models.CharField(max_length=11, choices=Kind)
    rate = models.FloatField()
    gallery_size = models.PositiveIntegerField(default=1)
    rate_upper = models.FloatField()
    impostors = models.PositiveIntegerField()
    accepted_impostors = models.PositiveIntegerField()
    genuine = models.PositiveIntegerField()
    rejected_genuine = models.PositiveIntegerField()
    origin = models.CharField(max_length=8, choices=Origin)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(threshold_cosine__gt=0, threshold_cosine__lt=1), name="calibrated_threshold_in_range"
            ),
            models.CheckConstraint(condition=Q(rate__gt=0, rate__lt=1), name="calibrated_rate_in_range"),
        ]
        indexes = [models.Index(fields=["model_id", "created_at"])]

    def __str__(self) -> str:
        return f"{self.model_id}: {self.threshold_cosine:.3f}"


class ShadowPhoto(models.Model):
    """A stored class photo that a coming recogniser has looked at, without marking anybody.

    ``outcomes`` holds ``{student_pk: [outcome, similarity]}``; no vector is kept. A photo that could not be read has
    ``readable`` false.
    """

    change = models.ForeignKey(FaceModelChange, models.CASCADE, related_name="photos")
    snapshot = models.ForeignKey(Snapshot, models.CASCADE, related_name="+")
    outcomes = models.JSONField(default=dict)
    readable = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change", "snapshot"], name="shadow_photo_once_a_change")]

    def __str__(self) -> str:
        return f"{self.change_id}/{self.snapshot_id}"


class MarkDifference(models.Model):
    """A student of a session whom one of two recognisers marks and the other does not.

    ``standing`` and ``source`` are the record as it stood then, both empty where nobody had marked the student.
    """

    change = models.ForeignKey(FaceModelChange, models.CASCADE, related_name="differences")
    session = models.ForeignKey(ClassSession, models.CASCADE, related_name="+")
    student = models.ForeignKey(Student, models.CASCADE, related_name="+")
    old_outcome = models.CharField(max_length=10, choices=DetectedFace.Outcome)
    old_similarity = models.FloatField(null=True)
    new_outcome = models.CharField(max_length=10, choices=DetectedFace.Outcome)
    new_similarity = models.FloatField(null=True)
    standing = models.CharField(max_length=10, blank=True)
    source = models.CharField(max_length=10, blank=True)

    class Meta:
        ordering = ["-session__starts_at", "student__sort_key", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["change", "session", "student"], name="difference_once_a_session_and_student"
            )
        ]

    def __str__(self) -> str:
        return f"{self.session_id}/{self.student_id}: {self.old_outcome} > {self.new_outcome}"

    @property
    def standing_label(self) -> str:
        """The mark in words, with whose word it was."""
        if not self.standing:
            return str(_("not seen"))
        return f"{Status(self.standing).label}, {Source(self.source).label}"
