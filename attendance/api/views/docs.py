"""The description of the API for programs and people, and the answer where there is nothing.

Both are public: they hold no data, say nothing that the source does not say, and a client generator has no token.
"""

from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from attendance.api.base import ApiView


class SchemaView(SpectacularJSONAPIView):
    """OpenAPI 3.1 as JSON."""

    authentication_classes = ()


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI, from our own files, under the same strict content policy as every page."""

    authentication_classes = ()
    url_name = "api:schema"
    template_name = "api/docs.html"


class NothingHereView(ApiView):
    """Any other address under the API: a problem like all others, and no web page."""

    permission_classes = [AllowAny]
    authentication_classes = ()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Say so, whatever the method."""
        super().initial(request, *args, **kwargs)
        raise NotFound("There is nothing at this address. Addresses end in a slash; see /api/v1/docs/.")
