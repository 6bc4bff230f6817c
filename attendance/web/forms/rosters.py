"""A roster file in two steps: what the preview showed comes back signed, so that nothing else is written."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from attendance.models import Course
from attendance.services.errors import BadRoster
from attendance.services.roster_files import FileRow

LARGEST_FILE_BYTES: Final = 10_000_000
VALID_SECONDS: Final = 3600


class RosterForm(forms.Form):
    """A roster file, to be looked at first."""

    file = forms.FileField(
        label=gettext_lazy("CSV or Excel file"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
        allow_empty_file=True,
    )


class RosterConfirmForm(forms.Form):
    """What the preview showed, signed, and whose enrolment ends."""

    rows = forms.CharField()
    leave = forms.TypedMultipleChoiceField(coerce=int, required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        leave = self.fields["leave"]
        if isinstance(leave, forms.TypedMultipleChoiceField):
            leave.choices = [(value, value) for value in data.getlist("leave") if value.isdecimal()]

    def signed_rows(self, course: Course) -> list[FileRow]:
        """Give the rows that this site showed for this course within the last hour.

        Raises:
            BadRoster: others, or older ones.
        """
        if not self.is_valid():
            raise BadRoster(_("Choose the file again: something was missing."))
        try:
            rows = signing.loads(self.cleaned_data["rows"], salt=_salt(course), max_age=VALID_SECONDS)
        except signing.BadSignature as error:
            raise BadRoster(_("This preview is too old. Choose the file again.")) from error
        return [FileRow(line=line, fields=fields, errors=tuple(errors)) for line, fields, errors in rows]


def sign_rows(course: Course, rows: Sequence[FileRow]) -> str:
    """Give the rows as text that nobody can change."""
    return signing.dumps([(row.line, row.fields, row.errors) for row in rows], salt=_salt(course), compress=True)


def read_roster(file: "UploadedFile[bytes]") -> bytes:
    """Read a roster file, refusing by its size first.

    Raises:
        BadRoster: more bytes than any roster has.
    """
    if (file.size or 0) > LARGEST_FILE_BYTES:
        raise BadRoster(_("A roster file may have %(n)d MB at most.") % {"n": LARGEST_FILE_BYTES // 1_000_000})
    data: bytes = file.read()
    return data


def _salt(course: Course) -> str:
    return f"roster-of-course-{course.pk}"
