"""What pages may send. A form checks shapes; what is allowed is the services' word."""

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from attendance.models import Course, DetectedFace, Role, SchoolSettings, Status, Student, Term, User
from attendance.services.errors import BadPhoto, InvalidValue, PhotoTooLarge, ServiceError, TooManyPhotos
from attendance.services.marks import no_such_status
from attendance.web.registers import CLEAR

T = TypeVar("T")


class ServiceFormMixin(forms.BaseForm):
    """A form whose values go to one service, whose refusal comes back as the form's error."""

    def submit(self, service: Callable[..., T], **more: Any) -> T | None:
        """Call the service with the form's values; None where something was wrong with them."""
        if not self.is_valid():
            return None
        try:
            return service(**self.cleaned_data, **more)
        except ServiceError as error:
            self.add_error(None, str(error))
            return None

    @property
    def status(self) -> int:
        """HTTP status of the page that shows this form."""
        return 400 if self.is_bound and self.errors else 200


def check_size(file: "UploadedFile[bytes]") -> None:
    """Refuse a picture by its size, before a byte of it is read.

    Raises:
        PhotoTooLarge: more bytes than the limit.
    """
    limit_mb: int = settings.MAX_PHOTO_MB
    if (file.size or 0) > limit_mb * 1_000_000:
        raise PhotoTooLarge(_("A photo may have %(n)d MB at most.") % {"n": limit_mb})


def read_file(file: "UploadedFile[bytes]") -> bytes:
    """Read an uploaded picture.

    Raises:
        PhotoTooLarge: more bytes than the limit.
    """
    check_size(file)
    data: bytes = file.read()
    return data


class ManyFilesInput(forms.ClearableFileInput):
    """A file input that takes many."""

    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Any number of files."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[bytes]]":
        """Give the files as a list."""
        many = data if isinstance(data, list | tuple) else [data]
        return [super(ManyFilesField, self).clean(one, initial) for one in many if one]


class UploadForm(forms.Form):
    """Class photos."""

    photos = ManyFilesField(allow_empty_file=True)

    def checked_photos(self) -> "list[UploadedFile[bytes]]":
        """Give the files, not read yet: twenty at once would be half a gigabyte.

        Raises:
            BadPhoto: no file at all.
            TooManyPhotos: more than one upload may hold.
            PhotoTooLarge: one is larger than the limit.
        """
        self.is_valid()
        files: list[UploadedFile[bytes]] = self.cleaned_data.get("photos") or []
        if not files:
            raise BadPhoto(_("Choose at least one photo."))
        if len(files) > settings.MAX_PHOTOS_PER_UPLOAD:
            raise TooManyPhotos(
                _("At most %(most)d photos in one go; send the rest after them.")
                % {"most": settings.MAX_PHOTOS_PER_UPLOAD}
            )
        for file in files:
            check_size(file)
        return files


class SelfieForm(forms.Form):
    """One selfie; on the one-time link with the student's yes."""

    photo = forms.FileField(allow_empty_file=True)
    consent = forms.BooleanField(required=False)

    def photo_bytes(self) -> bytes:
        """Give the selfie's bytes.

        Raises:
            BadPhoto: no file.
            PhotoTooLarge: larger than the limit.
        """
        self.is_valid()
        file = self.cleaned_data.get("photo")
        if file is None:
            raise BadPhoto(_("Take or choose a photo first."))
        return read_file(file)


class MarkForm(forms.Form):
    """One mark, and the version of the record that the teacher saw."""

    status = forms.ChoiceField(choices=[*Status.choices, (CLEAR, CLEAR)])
    version = forms.IntegerField(min_value=0, required=False)

    def mark(self) -> tuple[str, int | None]:
        """Give the chosen status and the version.

        Raises:
            InvalidValue: no such status or version.
        """
        if not self.is_valid():
            raise no_such_status()
        return self.cleaned_data["status"], self.cleaned_data["version"]


class FaceForm(forms.Form):
    """The teacher's word on a face."""

    decision = forms.ChoiceField(choices=DetectedFace.Decision.choices, required=False)
    student = forms.ModelChoiceField(Student.objects.none(), required=False)
    other = forms.ModelChoiceField(Student.objects.none(), required=False)

    def __init__(self, data: Any, *, roster: QuerySet[Student]) -> None:
        super().__init__(data)
        for name in ("student", "other"):
            field = self.fields[name]
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = roster

    def decision_and_student(self) -> tuple[DetectedFace.Decision, Student | None]:
        """Give the decision, and the student where it is one.

        Raises:
            InvalidValue: nobody chosen, or somebody who is not on the roster.
        """
        if not self.is_valid():
            raise InvalidValue(_("Choose somebody who is on this roster."))
        decision = self.cleaned_data["decision"] or DetectedFace.Decision.STUDENT
        if decision != DetectedFace.Decision.STUDENT:
            return DetectedFace.Decision(decision), None
        student = self.cleaned_data["student"] or self.cleaned_data["other"]
        if student is None:
            raise InvalidValue(_("Choose who this is."))
        return DetectedFace.Decision.STUDENT, student


class FinaliseForm(forms.Form):
    """Whether who was not seen becomes absent."""

    mark_absent = forms.BooleanField(required=False)


class SizeForm(forms.Form):
    """How large a picture the page needs; only a few sizes, so that few are made."""

    size = forms.TypedChoiceField(choices=[(n, n) for n in (320, 1000, 1600, 2800)], coerce=int, required=False)

    def long_side(self) -> int | None:
        """Give the long side in pixels, or None for the whole photo."""
        return self.cleaned_data["size"] or None if self.is_valid() else 1600


class DateInput(forms.DateInput):
    """The browser's own calendar."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class MomentInput(forms.DateTimeInput):
    """The browser's own date and time."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class SessionForm(ServiceFormMixin, forms.Form):
    """A session at another time than now; the times are the school's."""

    starts_at = forms.DateTimeField(label=gettext_lazy("Starts"), widget=MomentInput())
    ends_at = forms.DateTimeField(label=gettext_lazy("Ends"), widget=MomentInput())
    title = forms.CharField(label=gettext_lazy("Title, if it helps"), max_length=200, required=False)


class PeriodForm(forms.Form):
    """The first and last day of a report; empty means the term."""

    first_day = forms.DateField(label=gettext_lazy("From"), required=False, widget=DateInput())
    last_day = forms.DateField(label=gettext_lazy("To"), required=False, widget=DateInput())

    def period(self, term: Term) -> tuple[dt.date, dt.date]:
        """Give both days.

        Raises:
            InvalidValue: a day that does not exist.
        """
        if not self.is_valid():
            raise InvalidValue(_("Give days as YYYY-MM-DD."))
        return self.cleaned_data["first_day"] or term.starts_on, self.cleaned_data["last_day"] or term.ends_on

    def days(self) -> tuple[dt.date, dt.date]:
        """Give both days, which must be there.

        Raises:
            InvalidValue: a day is missing, does not exist, or the last one lies before the first.
        """
        if not self.is_valid() or not (self.cleaned_data["first_day"] and self.cleaned_data["last_day"]):
            raise InvalidValue(_("Give both days as YYYY-MM-DD."))
        first_day, last_day = self.cleaned_data["first_day"], self.cleaned_data["last_day"]
        if last_day < first_day:
            raise InvalidValue(_("The last day lies before the first."))
        return first_day, last_day


class SwitchForm(forms.Form):
    """One switch: a value is on, an empty one is off."""

    on = forms.CharField(required=False)

    def is_on(self) -> bool:
        """Whether it was switched on."""
        return self.is_valid() and bool(self.cleaned_data["on"])


class EndForm(forms.Form):
    """The last day of an enrolment."""

    last_day = forms.DateField(label=gettext_lazy("Last day"), widget=DateInput())

    def day(self) -> dt.date:
        """Give the day.

        Raises:
            InvalidValue: no such day.
        """
        if not self.is_valid():
            raise InvalidValue(_("Give the last day as YYYY-MM-DD."))
        day: dt.date = self.cleaned_data["last_day"]
        return day


class EraseForm(forms.Form):
    """The student's name, typed, so that no slip of a finger erases anybody."""

    name = forms.CharField()

    def confirm(self, expected: str) -> None:
        """Accept the exact name only.

        Raises:
            InvalidValue: another name.
        """
        if not self.is_valid() or self.cleaned_data["name"] != expected:
            raise InvalidValue(_("The typed name is not this student's name. Nothing was erased."))


class StudentForm(ServiceFormMixin, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A student's names and ids."""

    sort_key = forms.CharField(
        label=gettext_lazy("Sorted as"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Empty: by the last word of the name."),
    )

    class Meta:
        model = Student
        fields = ["name", "sort_key", "preferred_name", "pronunciation", "school_id", "email"]


class StudentOnRosterForm(StudentForm):
    """A new student, and the first day on the roster."""

    from_day = forms.DateField(label=gettext_lazy("On the roster from"), widget=DateInput())


class CourseForm(ServiceFormMixin, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A course, and how its percentage is counted."""

    class Meta:
        model = Course
        fields = [
            *("name", "code", "term", "teachers", "late_after_minutes", "late_weight"),
            *("excused_counts", "unmarked_counts", "suggestions_only"),
        ]
        widgets = {"teachers": forms.CheckboxSelectMultiple()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teachers = self.fields["teachers"]
        if isinstance(teachers, forms.ModelMultipleChoiceField):
            teachers.queryset = User.objects.filter(role=Role.TEACHER, is_active=True).order_by("name", "username")


class PolicyForm(ServiceFormMixin, forms.Form):
    """What students are told, by what right, and for how long things are kept."""

    text = forms.CharField(label=gettext_lazy("What students read"), widget=forms.Textarea(attrs={"rows": 14}))
    lawful_basis = forms.CharField(
        label=gettext_lazy("Lawful basis"),
        max_length=300,
        help_text=gettext_lazy(
            "For example explicit consent (GDPR Art. 9(2)(a)). Some places do not accept consent in schools: "
            "ask your data protection officer."
        ),
    )
    photo_retention_days = forms.IntegerField(
        label=gettext_lazy("Days a class photo is kept"), min_value=1, max_value=3650
    )
    template_retention_days = forms.IntegerField(
        label=gettext_lazy("Days a face template is kept"), min_value=1, max_value=3650
    )
    keeps_confirmed = forms.BooleanField(
        label=gettext_lazy("A teacher's confirmation may add face data"),
        required=False,
        help_text=gettext_lazy("For who agrees to this version, which then says so: up to three faces, half a year."),
    )


class SchoolForm(ServiceFormMixin, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The school's name."""

    class Meta:
        model = SchoolSettings
        fields = ["name"]


class TermForm(ServiceFormMixin, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A term."""

    class Meta:
        model = Term
        fields = ["name", "starts_on", "ends_on"]
        widgets = {"starts_on": DateInput(), "ends_on": DateInput()}


class AuditForm(forms.Form):
    """Which part of the audit log to show."""

    action = forms.CharField(label=gettext_lazy("What"), required=False, max_length=40)
    actor = forms.ModelChoiceField(User.objects.order_by("name", "username"), label=gettext_lazy("Who"), required=False)
    first_day = forms.DateField(label=gettext_lazy("From"), required=False, widget=DateInput())
    last_day = forms.DateField(label=gettext_lazy("To"), required=False, widget=DateInput())


class PersonForm(ServiceFormMixin, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Somebody who signs in."""

    password = forms.CharField(
        label=gettext_lazy("First password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 10 characters. Leave empty to keep the present one."),
    )
    student = forms.ModelChoiceField(
        Student.objects.filter(erased_at=None),
        label=gettext_lazy("Is this student"),
        required=False,
        help_text=gettext_lazy("For an account of the role student: whose record they see."),
    )

    class Meta:
        model = User
        fields = ["username", "name", "email", "role", "is_active"]
