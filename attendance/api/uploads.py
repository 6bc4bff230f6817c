"""The one photo of an upload."""

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from attendance.api.serializers.sessions import PhotoUploadSerializer
from attendance.api.serializers.strict import checked


def photo_bytes_of(request: Request) -> bytes:
    """Give the bytes of the field ``photo``.

    Raises:
        ValidationError: there is no such field, several of them, or another one.
    """
    if len(request.FILES.getlist("photo")) > 1:
        raise ValidationError({"photo": "Send one photo a request."})
    data: bytes = checked(PhotoUploadSerializer, request.data)["photo"].read()
    return data
