"""Class photos, selfies, and how large a picture a page asks for."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from attendance.services.errors import BadPhoto, PhotoTooLarge, TooManyPhotos


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


class SizeForm(forms.Form):
    """How large a picture the page needs; only a few sizes, so that few are made."""

    size = forms.TypedChoiceField(choices=[(n, n) for n in (320, 1000, 1600, 2800)], coerce=int, required=False)

    def long_side(self) -> int | None:
        """Give the long side in pixels, or None for the whole photo."""
        return self.cleaned_data["size"] or None if self.is_valid() else 1600
