"""Who signs in, and who is looked for in a photo."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import PermissionsMixin, UserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a person may do; a teacher sees only their own courses."""

    ADMIN = "ADMIN", _("Admin")
    TEACHER = "TEACHER", _("Teacher")
    STUDENT = "STUDENT", _("Student")


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in. The name is one field: not everybody has a first and a last one."""

    username = models.CharField(_("user name"), max_length=150, unique=True, validators=[UnicodeUsernameValidator()])
    name = models.CharField(_("name"), max_length=200, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.STUDENT)
    is_staff = models.BooleanField(_("may open the back office"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.username

    @property
    def is_admin(self) -> bool:
        """Whether this person runs the school's site."""
        return self.is_active and (self.role == Role.ADMIN or self.is_superuser)

    @property
    def is_teacher(self) -> bool:
        """Whether this person teaches."""
        return self.is_active and self.role == Role.TEACHER


class Student(models.Model):
    """Somebody who can be on a roster; two students may share a name.

    ``wrapped_key`` is this student's own data key under the master key: without it nobody reads the sealed selfies and
    templates. A backup of before holds it until that backup is deleted.
    """

    name = models.CharField(_("name"), max_length=200)
    sort_key = models.CharField(_("sorted as"), max_length=200)
    preferred_name = models.CharField(_("preferred name"), max_length=200, blank=True)
    pronunciation = models.CharField(_("pronunciation"), max_length=200, blank=True)
    school_id = models.CharField(_("school id"), max_length=64, unique=True, null=True, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    user = models.OneToOneField(User, models.SET_NULL, null=True, blank=True, related_name="student")
    by_hand_only = models.BooleanField(_("marked by hand only"), default=False)
    wrapped_key = models.BinaryField(null=True, editable=False)
    erased_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("student")
        verbose_name_plural = _("students")
        ordering = ["sort_key", "pk"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(name=""), name="student_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(erased_at=None) | models.Q(wrapped_key=None),
                name="erased_student_has_no_key",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """What the teacher calls this student."""
        return self.preferred_name or self.name
