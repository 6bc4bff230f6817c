"""Who signs in."""

from django import forms
from django.utils.translation import gettext_lazy

from attendance.models import Student, User
from attendance.web.forms.base import ServiceFormMixin


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
