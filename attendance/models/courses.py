"""The school, its terms and courses, and who is on which roster when."""

import datetime as dt
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from attendance.models.people import Student


class SchoolSettings(models.Model):
    """One row: what holds for the whole school.

    ``face_features_on`` stays false until an admin has published a policy text on the first-run page. ``installation``
    says whose data these are (``services.erasures``).
    """

    name = models.CharField(_("school"), max_length=200, default="Rollcall School")
    face_features_on = models.BooleanField(_("face features on"), default=False)
    photo_retention_days = models.PositiveIntegerField(_("days a class photo is kept"), default=30)
    template_retention_days = models.PositiveIntegerField(_("days a face template is kept"), default=400)
    face_model = models.CharField(_("face model"), max_length=64, default="sface-dlib")
    face_model_id = models.CharField(_("recipe of the stored templates"), max_length=128, blank=True)
    installation = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        verbose_name = _("school settings")
        verbose_name_plural = _("school settings")
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_row_of_school_settings")]

    def __str__(self) -> str:
        return self.name


class Term(models.Model):
    """A part of the school year."""

    name = models.CharField(_("term"), max_length=100, unique=True)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))

    class Meta:
        verbose_name = _("term")
        verbose_name_plural = _("terms")
        ordering = ["-starts_on"]
        constraints = [models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="term_ends_after_start")]

    def __str__(self) -> str:
        return self.name


class Course(models.Model):
    """What is taught, by whom, and how its percentage is counted.

    The formula, printed on each report (see ``services.reports``): points / sessions counted, where present gives 1,
    late gives ``late_weight``, absent 0; excused sessions count as present or not at all; a finalised session without
    a mark counts as absent or not at all; sessions outside the enrolment never count.
    """

    class Excused(models.TextChoices):
        """How an excused session enters the percentage."""

        LEFT_OUT = "LEFT_OUT", _("left out")
        PRESENT = "PRESENT", _("counted as present")

    class Unmarked(models.TextChoices):
        """How a finalised session without a mark enters the percentage."""

        LEFT_OUT = "LEFT_OUT", _("left out")
        ABSENT = "ABSENT", _("counted as absent")

    name = models.CharField(_("course"), max_length=200)
    code = models.CharField(_("code"), max_length=40, blank=True)
    term = models.ForeignKey(Term, models.PROTECT, related_name="courses")
    teachers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="courses", blank=True)
    suggestions_only = models.BooleanField(
        _("suggest, never mark"),
        default=False,
        help_text=_("For pupils under 13: face recognition is measured on adults, and far weaker on children."),
    )
    late_after_minutes = models.PositiveSmallIntegerField(_("late after (minutes)"), default=10)
    late_weight = models.DecimalField(
        _("a late mark counts as"),
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.80"),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    excused_counts = models.CharField(_("excused"), max_length=10, choices=Excused, default=Excused.LEFT_OUT)
    unmarked_counts = models.CharField(_("unmarked"), max_length=10, choices=Unmarked, default=Unmarked.LEFT_OUT)

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["term", "name", "code"], name="course_once_a_term"),
            models.CheckConstraint(condition=Q(late_weight__gte=0, late_weight__lte=1), name="late_weight_is_a_share"),
        ]

    def __str__(self) -> str:
        return self.name


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    """Enrolments, always asked with a day."""

    def on(self, day: dt.date) -> Self:
        """Enrolments that hold on this day."""
        return self.filter(Q(ends_on=None) | Q(ends_on__gte=day), starts_on__lte=day)


class Enrolment(models.Model):
    """A student on a course's roster from one day to another (both included; open when ``ends_on`` is empty)."""

    course = models.ForeignKey(Course, models.CASCADE, related_name="enrolments")
    student = models.ForeignKey(Student, models.CASCADE, related_name="enrolments")
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("to"), null=True, blank=True)

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on")), name="enrolment_ends_after_start"
            ),
            models.UniqueConstraint(fields=["course", "student", "starts_on"], name="enrolment_once_a_day"),
            models.UniqueConstraint(fields=["course", "student"], condition=Q(ends_on=None), name="one_open_enrolment"),
        ]
        indexes = [models.Index(fields=["course", "starts_on", "ends_on"])]

    def __str__(self) -> str:
        return f"{self.course_id}/{self.student_id}"
