"""A course, the term that it belongs to, and the days that a report covers."""

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from attendance.models import Course, Role, Term, User
from attendance.services.errors import InvalidValue
from attendance.web.forms.base import DateInput, ServiceFormMixin


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


class TermForm(ServiceFormMixin, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A term."""

    class Meta:
        model = Term
        fields = ["name", "starts_on", "ends_on"]
        widgets = {"starts_on": DateInput(), "ends_on": DateInput()}


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
