"""Class photos: sent, watched, looked at, taken back."""

import uuid
from typing import Any, ClassVar

from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance import tasks
from attendance.api import examples
from attendance.api.base import ApiView, ListView, UploadView, person
from attendance.api.idempotency import KEY_HEADER, idempotency_key, seen_before
from attendance.api.schema import location, problems
from attendance.api.serializers.sessions import ImageParameters, PhotoSerializer, PhotoUploadSerializer
from attendance.api.uploads import photo_bytes_of
from attendance.api.views.sessions import load_session
from attendance.models import DetectedFace, Snapshot
from attendance.permissions import visible_snapshots
from attendance.services import snapshots


def _photos(request: Request) -> QuerySet[Snapshot]:
    """Photos that the caller may see, each with the counts of its faces."""
    named = Q(faces__outcome=DetectedFace.Outcome.MARKED) | Q(faces__decision=DetectedFace.Decision.STUDENT)
    open_question = Q(faces__outcome=DetectedFace.Outcome.UNCERTAIN, faces__decision=DetectedFace.Decision.NONE)
    photos = visible_snapshots(person(request)).annotate(
        named_count=Count("faces", filter=named), uncertain_count=Count("faces", filter=open_question)
    )
    measures = DetectedFace.objects.only("snapshot", "width", "quality", "decision")
    return photos.prefetch_related(Prefetch("faces", measures)).order_by("uploaded_at", "pk")


def load_photo(request: Request, public_id: uuid.UUID) -> Snapshot:
    """Give a photo that the caller may see."""
    return get_object_or_404(_photos(request).select_related("session__course"), public_id=public_id)


class PhotosView(UploadView, ListView):
    """The photos of a session."""

    @extend_schema(
        operation_id="photos",
        responses={200: PhotoSerializer(many=True), **problems(400, 404)},
        examples=[examples.PHOTO],
    )
    def get(self, request: Request, pk: int) -> Response:
        """List a session's photos and where they stand, in the order of their arrival."""
        session = load_session(request, pk)
        return self.page(_photos(request).filter(session=session), PhotoSerializer)

    @extend_schema(
        operation_id="send_photo",
        parameters=[KEY_HEADER, location(200, "Where to watch it."), location(202, "Where to watch it.")],
        request={"multipart/form-data": PhotoUploadSerializer},
        responses={
            200: OpenApiResponse(PhotoSerializer, description="The session has this very photo already."),
            202: OpenApiResponse(PhotoSerializer, description="Stored; a worker will find the faces."),
            **problems(400, 404, 409, 413, 415, 503, 507),
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Send a photo; the answer comes as soon as it is stored."""
        session = load_session(request, pk)
        data, key = photo_bytes_of(request), idempotency_key(request)
        repeated = seen_before(key, by=person(request))
        added = snapshots.add_snapshot(session=session, data=data, by=person(request), key=key)
        if added.created:
            tasks.wake(added.snapshot)
        photo = load_photo(request, added.snapshot.public_id)
        address = reverse("api:photo", args=[photo.public_id])
        status = 202 if added.created or repeated else 200
        return Response(PhotoSerializer(photo).data, status=status, headers={"Location": address})


class PhotoView(ApiView):
    """One photo."""

    @extend_schema(operation_id="photo", responses={200: PhotoSerializer, **problems(404)}, examples=[examples.PHOTO])
    def get(self, request: Request, public_id: uuid.UUID) -> Response:
        """Tell where a photo stands; ask again until ``state`` is DONE or FAILED."""
        return Response(PhotoSerializer(load_photo(request, public_id)).data)

    @extend_schema(operation_id="delete_photo", request=None, responses={204: None, **problems(404, 409)})
    def delete(self, request: Request, public_id: uuid.UUID) -> Response:
        """Take a photo back, with its faces."""
        snapshots.delete_snapshot(snapshot=load_photo(request, public_id), by=person(request))
        return Response(status=204)


class RetryView(ApiView):
    """Another try."""

    @extend_schema(operation_id="retry_photo", request=None, responses={202: PhotoSerializer, **problems(404, 409)})
    def post(self, request: Request, public_id: uuid.UUID) -> Response:
        """Queue a failed photo once more."""
        snapshots.retry_snapshot(snapshot=load_photo(request, public_id), by=person(request))
        again = load_photo(request, public_id)
        tasks.wake(again)
        return Response(PhotoSerializer(again).data, status=202)


class ImageView(ApiView):
    """The picture itself."""

    parameters: ClassVar[Any] = ImageParameters

    @extend_schema(
        operation_id="photo_image",
        parameters=[ImageParameters],
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY, **problems(400, 404)},
    )
    def get(self, request: Request, public_id: uuid.UUID) -> HttpResponse:
        """Give the picture, upright and without EXIF; each look is written to the audit log."""
        snapshot = load_photo(request, public_id)
        data = snapshots.photo_bytes(snapshot=snapshot, by=person(request), long_side=self.asked.get("long_side"))
        name = f'inline; filename="{public_id}.jpg"'
        return HttpResponse(data, content_type="image/jpeg", headers={"Content-Disposition": name})
