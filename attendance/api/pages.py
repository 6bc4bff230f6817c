"""Pages of a list."""

from typing import Any

from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from attendance.api.serializers.strict import PageSerializer, checked


class Pages(PageNumberPagination):
    """``?page=2&page_size=50``; a list without parameters starts with its first 100 rows."""

    page_size = 100
    max_page_size = 500
    page_size_query_param = "page_size"

    def get_page_size(self, request: Request) -> int:
        """Give the size asked for; a wrong one is an error and not silently another size."""
        own = {name: value for name, value in request.query_params.items() if name in ("page", "page_size")}
        size: int = checked(PageSerializer, own).get("page_size", self.page_size)
        return size

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page in OpenAPI 3.1, which spells "or null" otherwise than the framework does."""
        address = {"type": ["string", "null"], "format": "uri", "example": None}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {
                "count": {"type": "integer", "description": "Rows on all pages together.", "example": 1},
                "next": {**address, "description": "The next page; null on the last one."},
                "previous": {**address, "description": "The page before; null on the first one."},
                "results": schema,
            },
        }
