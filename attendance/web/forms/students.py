"""A student, and the end of an enrolment."""

import datetime as dt
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from attendance.models import Course, Student
from attendance.services.errors import InvalidValue
from attendance.web.forms.base import DateInput, ServiceFormMixin


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


class MoveForm(forms.Form):
    """Another course, and the first day there."""

    to = forms.ModelChoiceField(Course.objects.none(), label=gettext_lazy("Course"))
    first_day = forms.DateField(label=gettext_lazy("First day there"), widget=DateInput())

    def __init__(self, data: Any = None, *, courses: QuerySet[Course], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        to = self.fields["to"]
        if isinstance(to, forms.ModelChoiceField):
            to.queryset = courses

    def move(self) -> dict[str, Any]:
        """Give what ``rosters.move_student`` takes beside the enrolment.

        Raises:
            InvalidValue: no such day, or a course that is not offered.
        """
        if not self.is_valid():
            raise InvalidValue(_("Choose another course, and the first day there as YYYY-MM-DD."))
        return self.cleaned_data


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
