"""The school: its name, what students are told, and its audit log."""

from django import forms
from django.utils.translation import gettext_lazy

from attendance.models import SchoolSettings, User
from attendance.web.forms.base import DateInput, ServiceFormMixin


class SchoolForm(ServiceFormMixin, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The school's name."""

    class Meta:
        model = SchoolSettings
        fields = ["name"]


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


class AuditForm(forms.Form):
    """Which part of the audit log to show."""

    action = forms.CharField(label=gettext_lazy("What"), required=False, max_length=40)
    actor = forms.ModelChoiceField(
        User.objects.order_by("name", "username"),
        label=gettext_lazy("Who"),
        required=False,
        empty_label=gettext_lazy("everybody"),
    )
    first_day = forms.DateField(label=gettext_lazy("From"), required=False, widget=DateInput())
    last_day = forms.DateField(label=gettext_lazy("To"), required=False, widget=DateInput())
