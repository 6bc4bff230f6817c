"""All operations of the API, as its own schema lists them: what is added tomorrow is tested tomorrow."""

from typing import Any, Final

from drf_spectacular.generators import SchemaGenerator

SCHEMA: Final[dict[str, Any]] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]

OPERATIONS: Final = [
    (method, path, operation) for path, item in SCHEMA["paths"].items() for method, operation in item.items()
]


def named(operations: list[tuple[str, str, dict[str, Any]]]) -> dict[str, Any]:
    """Arguments of ``parametrize`` with the operations' own names as test ids."""
    return {
        "argnames": ("method", "path"),
        "argvalues": [(method, path) for method, path, _ in operations],
        "ids": [operation["operationId"] for _, _, operation in operations],
    }
