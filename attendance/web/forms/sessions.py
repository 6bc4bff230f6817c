"""A session, its marks and its end."""

from django import forms
from django.utils.translation import gettext_lazy

from attendance.models import Status
from attendance.services.marks import no_such_status
from attendance.web.forms.base import MomentInput, ServiceFormMixin
from attendance.web.registers import CLEAR


class SessionForm(ServiceFormMixin, forms.Form):
    """A session at another time than now; the times are the school's."""

    starts_at = forms.DateTimeField(label=gettext_lazy("Starts"), widget=MomentInput())
    ends_at = forms.DateTimeField(label=gettext_lazy("Ends"), widget=MomentInput())
    title = forms.CharField(label=gettext_lazy("Title, if it helps"), max_length=200, required=False)


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


class FinaliseForm(forms.Form):
    """Whether who was not seen becomes absent."""

    mark_absent = forms.BooleanField(required=False)
