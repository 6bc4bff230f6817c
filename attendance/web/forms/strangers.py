"""What the page of unknown faces may send: one word on several faces."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _

from attendance.services.errors import InvalidValue
from attendance.services.strangers import MOST_ANSWERED
from attendance.web.forms.faces import FaceForm

_LARGEST_ID: Final = 2**63 - 1


class FaceIdsField(forms.CharField):
    """Ids of faces with commas between them: one field, since a request may not have as many as a group has faces."""

    def clean(self, value: Any) -> list[int]:
        """Give the ids.

        Raises:
            ValidationError: one of them cannot be an id, or they are too many.
        """
        texts = [text for text in super().clean(value).split(",") if text]
        if len(texts) > MOST_ANSWERED or not all(_is_id(text) for text in texts):
            raise forms.ValidationError(_("Choose at least one face."))
        return [int(text) for text in texts]


class GroupForm(FaceForm):
    """The teacher's word on a group of faces."""

    faces = FaceIdsField()

    def word(self) -> dict[str, Any]:
        """Give what ``strangers.answer`` takes.

        Raises:
            InvalidValue: no faces, nobody chosen, or somebody who is not on the roster.
        """
        if "faces" in self.errors:
            raise InvalidValue(_("Choose at least one face."))
        return super().word() | {"face_ids": self.cleaned_data["faces"]}


class AnsweredForm(forms.Form):
    """Which faces were answered last, in the address of the page that says so."""

    said = FaceIdsField(required=False)

    def face_ids(self) -> list[int]:
        """Give the ids, or none."""
        return self.cleaned_data["said"] if self.is_valid() else []


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST_ID)) and int(text) <= _LARGEST_ID
