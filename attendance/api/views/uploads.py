"""Class photos in parts, by the tus protocol: begun, gone on with after a break, given up.

The session page's own script uses these addresses too, with its cookie and its CSRF token.
"""

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import http_date
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance import tasks
from attendance.api import tus
from attendance.api.base import ApiView, person
from attendance.api.problems import BodyTooLarge
from attendance.api.schema import header, location, problems
from attendance.api.throttles import PartThrottle
from attendance.api.views.sessions import load_session
from attendance.models import PartialUpload
from attendance.permissions import visible_uploads
from attendance.services import partial_uploads

_VERSION_HEADER = header("Tus-Resumable", f"Always `{tus.VERSION}`; anything else is answered with 412.")
_OFFSET_HEADER = header("Upload-Offset", "Where the part begins: the number of bytes that the server has.")
_CHECKSUM_HEADER = header(
    "Upload-Checksum", "`sha256` or `sha1`, a space and the part's digest in base64; a part that differs is 460."
)


def _answer_header(name: str, description: str, status: int) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description, response=[status])


class TusView(ApiView):
    """What every answer of the protocol carries.

    Attributes:
        upload: the one that is asked about, once it is known.
    """

    upload: PartialUpload | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Take the method from the header where a proxy lets only POST through; the CSRF check sees the real one."""
        meant = request.headers.get("X-HTTP-Method-Override", "").upper()
        if request.method == "POST" and meant in {"PATCH", "DELETE"}:
            request.method = meant
        return super().dispatch(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Say where the upload stands, errors included, so that no client has to ask once more."""
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        final["Tus-Resumable"] = tus.VERSION
        if final.status_code == tus.OtherVersion.status_code:
            final["Tus-Version"] = tus.VERSION
        if self.upload is not None:
            _describe(self.upload, final)
        return final

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Tell what this server can do."""
        offers = {
            "Tus-Version": tus.VERSION,
            "Tus-Extension": tus.EXTENSIONS,
            "Tus-Max-Size": str(settings.MAX_PHOTO_MB * 1_000_000),
            "Tus-Checksum-Algorithm": ",".join(tus.CHECKSUMS),
        }
        return Response(status=204, headers=offers)


def _describe(upload: PartialUpload, response: HttpResponseBase) -> None:
    response["Upload-Offset"] = str(upload.offset)
    response["Upload-Length"] = str(upload.length)
    response["Upload-Expires"] = http_date(upload.expires_at.timestamp())
    if upload.metadata:
        response["Upload-Metadata"] = upload.metadata
    if upload.snapshot is not None:
        response["Rollcall-Photo"] = str(upload.snapshot.public_id)
        response["Rollcall-Photo-New"] = "true" if upload.is_new_photo else "false"


class UploadsView(TusView):
    """Photos that are sent to a session in parts."""

    @extend_schema(
        operation_id="begin_upload",
        parameters=[
            _VERSION_HEADER,
            header("Upload-Length", "Bytes of the whole file."),
            header("Upload-Metadata", "`filename` and `sha256` (of the whole file, as hex), values in base64."),
            location(201, "Where the parts go to."),
            _answer_header("Upload-Expires", "Until when the last part must have come.", 201),
        ],
        request=None,
        responses={201: None, **problems(400, 404, 409, 412, 413, 503, 507)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Begin to send a photo in parts (tus 1.0.0): for networks that break off."""
        session = load_session(request, pk)
        tus.require_version(request)
        metadata = tus.metadata_in(request)
        upload = partial_uploads.begin(
            session=session,
            by=person(request),
            length=tus.number_in(request, "Upload-Length"),
            sha256=metadata.get("sha256", b"").decode("ascii", "replace").lower(),
            metadata=request.headers.get("Upload-Metadata", ""),
        )
        self.upload = upload
        return Response(status=201, headers={"Location": reverse("api:upload", args=[upload.public_id])})


class UploadView(TusView):
    """One photo on its way in."""

    throttle_classes: Any = [PartThrottle]

    @property
    def max_body_bytes(self) -> int:
        """The largest photo in one part."""
        return int(settings.MAX_PHOTO_MB) * 1_000_000

    def _load(self, request: Request, public_id: uuid.UUID) -> PartialUpload:
        uploads = visible_uploads(person(request)).select_related("session", "snapshot")
        upload = get_object_or_404(uploads, public_id=public_id)
        tus.require_version(request)
        self.upload = upload
        return upload

    def head(self, request: Request, public_id: uuid.UUID) -> Response:
        """Tell how many bytes have arrived."""
        upload = self._load(request, public_id)
        partial_uploads.require_alive(upload)
        return Response(status=204)

    @extend_schema(
        operation_id="send_part",
        parameters=[
            _VERSION_HEADER,
            _OFFSET_HEADER,
            _CHECKSUM_HEADER,
            _answer_header("Upload-Offset", "How many bytes the server has now.", 204),
            _answer_header("Rollcall-Photo", "The photo's id, once the last part has come.", 204),
            _answer_header("Rollcall-Photo-New", "`false` where the session had this very photo already.", 204),
        ],
        request={tus.PART_TYPE: OpenApiTypes.BINARY},
        responses={204: None, **problems(400, 404, 409, 410, 412, 413, 415, 503, 507)},
    )
    def patch(self, request: Request, public_id: uuid.UUID) -> Response:
        """Send a part; the last one makes the photo. After a break, HEAD tells in `Upload-Offset` where to go on."""
        upload = self._load(request, public_id)
        announced, start = tus.announced_bytes(request), tus.number_in(request, "Upload-Offset")
        checksum = tus.checksum_in(request)
        partial_uploads.require_going_on(upload, start=start)
        if start + announced > upload.length:
            raise BodyTooLarge("This part has more bytes than the photo still lacks.")
        body = tus.require_checksum(tus.read_body(request._request, announced=announced), checksum)
        partial_uploads.add_part(upload=upload, start=start, data=body.data, by=person(request))
        if body.data and upload.snapshot is not None:
            tasks.wake(upload.snapshot)
        if body.was_slow:
            raise tus.TooSlow
        return Response(status=204)

    @extend_schema(
        operation_id="cancel_upload",
        parameters=[_VERSION_HEADER],
        request=None,
        responses={204: None, **problems(404, 409, 412)},
    )
    def delete(self, request: Request, public_id: uuid.UUID) -> Response:
        """Give an upload up: after 204 no photo comes of it. After 409 it is one, which `Rollcall-Photo` names."""
        partial_uploads.cancel(upload=self._load(request, public_id))
        self.upload = None
        return Response(status=204)
