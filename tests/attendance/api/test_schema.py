"""The description of the API is whole, valid, open, and shown under our own content policy."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # published without types
from rest_framework.test import APIClient

from attendance.api.urls import urlpatterns
from tests.attendance.api.operations import OPERATIONS, SCHEMA
from tests.attendance.conftest import World


def test_schema_is_valid_and_has_no_warning() -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", stdout=StringIO())


def test_schema_is_openapi_3_1_and_public(client: Client, db: None) -> None:
    answer = client.get("/api/v1/schema/")
    assert answer.status_code == 200
    assert json.loads(answer.content)["openapi"] == "3.1.0"


def test_every_address_is_described() -> None:
    described = {re.sub(r"\{\w+\}", "{}", path) for path in SCHEMA["paths"]}
    silent = {"schema", "docs", "nothing_here"}
    assert get_resolver().namespace_dict["api"]
    for pattern in urlpatterns:
        name = getattr(pattern, "name", None)
        if name not in silent:
            assert "/api/v1/" + re.sub(r"<[^>]+>", "{}", str(pattern.pattern)) in described, name


@pytest.mark.parametrize(
    "operation", [entry[2] for entry in OPERATIONS], ids=[entry[2]["operationId"] for entry in OPERATIONS]
)
def test_every_operation_says_what_it_does_and_how_it_fails(operation: dict[str, Any]) -> None:
    assert operation["description"]
    errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
    assert errors.keys() >= {"401", "429"}
    for answer in errors.values():
        assert list(answer["content"]) == ["application/problem+json"]
        assert answer["content"]["application/problem+json"]["examples"]


def test_docs_page_needs_no_exception_from_the_content_policy(client: Client, db: None) -> None:
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    html = page.content.decode()
    assert "<style" not in html
    assert not re.search(r"<script(?! src=)", html)
    script = re.search(r'<script src="(/api/v1/docs/\?script=[^"]*)"', html)
    assert script is not None
    assert client.get(script[1]).headers["Content-Type"].startswith("application/javascript")


def matches(value: Any, schema: dict[str, Any]) -> None:
    """Raise where a value is not what a part of the schema says."""
    Draft202012Validator({**schema, "components": SCHEMA["components"]}).validate(value)


def test_every_example_is_what_the_schema_says() -> None:
    bodies = [
        body
        for _, _, operation in OPERATIONS
        for part in (operation.get("requestBody", {}), *operation["responses"].values())
        for body in part.get("content", {}).values()
    ]
    examples = [(body["schema"], shown["value"]) for body in bodies for shown in body.get("examples", {}).values()]
    assert len(examples) > 100
    for schema, value in examples:
        matches(value, schema)


def test_every_answer_is_what_the_schema_says(api: APIClient, world: World) -> None:
    checked = 0
    for method, path, operation in OPERATIONS:
        content = operation["responses"].get("200", {}).get("content", {})
        if method == "get" and "application/json" in content and operation["operationId"] != "my_records":
            matches(api.get(world.fill(path)).json(), content["application/json"]["schema"])
            checked += 1
    assert checked >= 15
