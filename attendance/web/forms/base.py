"""What the forms of all nouns share."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms

from attendance.services.errors import ServiceError

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


class SwitchForm(forms.Form):
    """One switch: a value is on, an empty one is off."""

    on = forms.CharField(required=False)

    def is_on(self) -> bool:
        """Whether it was switched on."""
        return self.is_valid() and bool(self.cleaned_data["on"])
