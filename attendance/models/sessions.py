"""A meeting of a course, the photos taken in it, and the faces found in them."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.models.courses import Course
from attendance.models.people import Student
from attendance.models.queue import UNFINISHED, QueuedWork
from attendance.storage import private_storage


class ClassSession(models.Model):
    """One meeting of a course. ``wrapped_key`` seals its probes' embeddings and is dropped when the review closes."""

    class State(models.TextChoices):
        """Whether marks may still change."""

        OPEN = "OPEN", _("open")
        FINAL = "FINAL", _("final")

    course = models.ForeignKey(Course, models.CASCADE, related_name="sessions")
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    held_on = models.DateField(_("day"), help_text=_("The local day: a roster is always asked on a day."))
    title = models.CharField(_("title"), max_length=200, blank=True)
    state = models.CharField(max_length=5, choices=State, default=State.OPEN)
    finalised_at = models.DateTimeField(null=True)
    finalised_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    wrapped_key = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = _("class session")
        verbose_name_plural = _("class sessions")
        ordering = ["-starts_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["course", "starts_at"], name="one_session_a_course_and_start"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="session_ends_after_start"),
            models.CheckConstraint(
                condition=~Q(state="FINAL") | Q(finalised_at__isnull=False), name="final_session_has_a_time"
            ),
        ]
        indexes = [models.Index(fields=["course", "held_on"]), models.Index(fields=["held_on", "id"])]

    def __str__(self) -> str:
        return f"{self.course_id} {self.held_on}"

    @property
    def is_final(self) -> bool:
        """Whether the records are closed."""
        return self.state == self.State.FINAL


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    """Photos by where they stand in the queue."""

    def unfinished(self) -> Self:
        """Photos that a worker still has to do."""
        return self.filter(state__in=UNFINISHED)


class Snapshot(QueuedWork):
    """A class photo, stored upright and without EXIF; the time it was taken is read first.

    ``cost`` is what its recognition took: milliseconds by stage, and the worker's memory in MB.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    session = models.ForeignKey(ClassSession, models.CASCADE, related_name="snapshots")
    image = models.FileField(storage=private_storage, upload_to="snapshots", max_length=200)
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    taken_at = models.DateTimeField(null=True, blank=True)
    uploaded_at = models.DateTimeField(db_default=Now())
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    model_id = models.CharField(max_length=128, blank=True)
    detector_id = models.CharField(max_length=64, blank=True)
    face_count = models.PositiveIntegerField(null=True)
    processing_ms = models.PositiveIntegerField(null=True)
    cost = models.JSONField(null=True, editable=False)

    objects = SnapshotQuerySet.as_manager()

    class Meta(QueuedWork.Meta):
        abstract = False
        ordering = ["uploaded_at", "pk"]
        constraints = [
            *QueuedWork.Meta.constraints,
            models.UniqueConstraint(fields=["session", "sha256"], name="photo_once_a_session"),
        ]

    def __str__(self) -> str:
        return f"snapshot {self.public_id}"


class DetectedFace(models.Model):
    """A face in a class photo, with all that explains the decision and lets it be taken again without a GPU.

    ``outcome`` is the machine's word, ``decision`` the teacher's, which stands above it. ``candidates`` holds the
    nearest students as ``[[student_pk, similarity], ...]``, best first; ``rejected`` the students of whom a teacher
    said "not this one". ``quality`` is what the worker measured of the crop, empty where nothing was.
    """

    class Outcome(models.TextChoices):
        """What the machine decided."""

        MARKED = "MARKED", _("recognised")
        UNCERTAIN = "UNCERTAIN", _("uncertain, please look")
        UNKNOWN = "UNKNOWN", _("not on this roster")

    class Decision(models.TextChoices):
        """What the teacher said."""

        NONE = "NONE", _("not looked at")
        STUDENT = "STUDENT", _("is this student")
        NOT_IN_CLASS = "NOT_IN_CLASS", _("not in this class")
        NOT_A_FACE = "NOT_A_FACE", _("not a face")

    class Outsider(models.TextChoices):
        """Who somebody is who is not in this class."""

        GUEST = "GUEST", _("guest")
        OTHER_CLASS = "OTHER_CLASS", _("other class")

    snapshot = models.ForeignKey(Snapshot, models.CASCADE, related_name="faces")
    x = models.FloatField()
    y = models.FloatField()
    width = models.FloatField()
    height = models.FloatField()
    landmarks = models.JSONField()
    score = models.FloatField()
    sealed_embedding = models.BinaryField(null=True, editable=False)
    model_id = models.CharField(max_length=128)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.UNKNOWN)
    student = models.ForeignKey(Student, models.SET_NULL, null=True, related_name="faces")
    similarity = models.FloatField(null=True)
    threshold_cosine = models.FloatField()
    candidates = models.JSONField(default=list)
    rejected = models.JSONField(default=list)
    quality = models.JSONField(default=dict)
    decision = models.CharField(max_length=12, choices=Decision, default=Decision.NONE)
    decided_student = models.ForeignKey(Student, models.SET_NULL, null=True, related_name="+")
    outsider = models.CharField(max_length=11, choices=Outsider, blank=True, default="")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["snapshot", "x", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outsider="") | Q(decision="NOT_IN_CLASS"), name="outsider_is_not_in_class"
            ),
            models.CheckConstraint(condition=Q(width__gt=0, height__gt=0), name="face_box_has_an_area"),
            models.UniqueConstraint(
                fields=["snapshot", "student"], condition=Q(outcome="MARKED"), name="a_student_once_a_photo"
            ),
        ]

    def __str__(self) -> str:
        return f"face {self.pk}"


class UploadKey(models.Model):
    """An ``Idempotency-Key`` that was seen: the same key by the same person gives the same photo."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=128)
    snapshot = models.ForeignKey(Snapshot, models.CASCADE, related_name="upload_keys")
    body_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="upload_key_once_a_user")]

    def __str__(self) -> str:
        return self.key
