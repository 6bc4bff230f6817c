"""Consent, selfies and the face templates made from them."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.models.people import Student
from attendance.models.queue import QueuedWork
from attendance.storage import private_storage


class PolicyText(models.Model):
    """A version of what students are told and consent to; never changed, only followed by a newer one."""

    version = models.PositiveIntegerField(unique=True)
    text = models.TextField(_("policy text"))
    lawful_basis = models.CharField(_("lawful basis"), max_length=300)
    keeps_confirmed = models.BooleanField(_("a teacher's confirmation may add face data"), default=False)
    published_at = models.DateTimeField(default=timezone.now, editable=False)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"v{self.version}"


class Consent(models.Model):
    """A student's yes to one version of the policy; withdrawing keeps the row and ends it."""

    student = models.ForeignKey(Student, models.CASCADE, related_name="consents")
    policy = models.ForeignKey(PolicyText, models.PROTECT, related_name="consents")
    given_at = models.DateTimeField(default=timezone.now)
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["student"], condition=Q(withdrawn_at=None), name="one_standing_consent_a_student"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.student_id}/{self.policy_id}"


class EnrolmentLink(models.Model):
    """A one-time link to the selfie page; only the token's hash is kept.

    When the selfie given through it turns out to be unusable, the link is open again for the retake.
    """

    student = models.ForeignKey(Student, models.CASCADE, related_name="links")
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    selfie = models.ForeignKey("Selfie", models.SET_NULL, null=True, related_name="links")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return f"link of {self.student_id}"


class Selfie(QueuedWork):
    """The photo a student gives; one is enough, up to three stand. The file is sealed with the student's key.

    ``verdict`` says what became of it once the work is DONE: ACCEPTED has a template, HELD waits for a teacher (it
    looks like somebody else), REPLACED gave way to a retake. A selfie without a usable face is FAILED with code and
    reason.
    An ``extra`` one stands beside the others instead of replacing them.
    """

    class Verdict(models.TextChoices):
        """What became of a processed selfie."""

        PENDING = "PENDING", _("pending")
        ACCEPTED = "ACCEPTED", _("accepted")
        HELD = "HELD", _("held for review")
        REPLACED = "REPLACED", _("replaced")

    student = models.ForeignKey(Student, models.CASCADE, related_name="selfies")
    image = models.FileField(storage=private_storage, upload_to="selfies", max_length=200)
    sha256 = models.CharField(max_length=64)
    verdict = models.CharField(max_length=10, choices=Verdict, default=Verdict.PENDING)
    look_alike = models.ForeignKey(Student, models.SET_NULL, null=True, related_name="+")
    quality = models.JSONField(default=dict)
    extra = models.BooleanField(default=False)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta(QueuedWork.Meta):
        abstract = False
        ordering = ["-created_at", "-pk"]
        constraints = [
            *QueuedWork.Meta.constraints,
            models.UniqueConstraint(
                fields=["student", "sha256"],
                condition=~Q(state__in=["FAILED", "CANCELLED"]),
                name="selfie_once_a_student",
            ),
        ]

    def __str__(self) -> str:
        return f"selfie {self.pk}"


class FaceTemplate(models.Model):
    """A stored embedding, sealed with its student's key; embeddings of different models never meet.

    It comes from a selfie, or from a ``face`` of a class photo that a teacher confirmed as the student's.
    """

    student = models.ForeignKey(Student, models.CASCADE, related_name="templates")
    selfie = models.ForeignKey(Selfie, models.CASCADE, null=True, related_name="templates")
    face = models.ForeignKey("DetectedFace", models.CASCADE, null=True, related_name="templates")
    model_id = models.CharField(max_length=128)
    sealed_embedding = models.BinaryField(editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["selfie", "model_id"], name="one_template_a_selfie_and_model"),
            models.UniqueConstraint(fields=["face", "model_id"], name="one_template_a_face_and_model"),
            models.CheckConstraint(
                condition=Q(selfie__isnull=False, face=None) | Q(selfie=None, face__isnull=False),
                name="template_has_one_source",
            ),
        ]
        indexes = [models.Index(fields=["student", "model_id"])]

    def __str__(self) -> str:
        return f"template {self.pk}"


class FaceModelChange(QueuedWork):
    """Another model for the school: all selfies are embedded anew, recent photos compared, and the school switches.

    ``ready_at`` says since when nothing is left to embed or compare; without ``when_done`` the change waits there for
    an admin. ``skipped`` holds the ids of selfies in which the new model finds no usable face. What was removed at the
    switch stands beside ``switched_at`` and ``switched_by``, as the receipt.
    """

    face_model = models.CharField(max_length=64)
    model_id = models.CharField(max_length=128, blank=True)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    skipped = models.JSONField(default=list)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    when_done = models.BooleanField(default=True)
    photos_total = models.PositiveIntegerField(default=0)
    photos_done = models.PositiveIntegerField(default=0)
    ready_at = models.DateTimeField(null=True)
    switched_at = models.DateTimeField(null=True)
    switched_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    removed_model_id = models.CharField(max_length=128, blank=True)
    removed_templates = models.PositiveIntegerField(default=0)
    removed_probes = models.PositiveIntegerField(default=0)

    class Meta(QueuedWork.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"change to {self.face_model}"
