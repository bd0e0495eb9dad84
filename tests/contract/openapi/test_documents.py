"""The OpenAPI documents are valid, agree with the error table, and their examples and the vectors agree with them."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from contracts.errors import ERRORS, ErrorCode
from services.internal_admin.domain.access import ACCESS, Scoped
from tests.contract.openapi.documents import NAMES, load, operations, raw
from tests.contract.vectors import cases

# Said once in each document's introduction: no operation that exists can answer with them.
ABOUT_NO_OPERATION = {ErrorCode.METHOD_NOT_ALLOWED}
# Goes with contracts/openapi/control_plane.yaml, which is being written.
OF_THE_CONTROL_PLANE = {code for code in ErrorCode if code.startswith("password_")} | {
    ErrorCode.INSECURE_TRANSPORT, ErrorCode.TOKEN_NOT_FOUND, ErrorCode.OWNER_EXISTS,
    ErrorCode.ONBOARDING_OUT_OF_ORDER, ErrorCode.SETTINGS_CONFLICT, ErrorCode.IDEMPOTENCY_CONFLICT,
}  # fmt: skip


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The node itself, or what its `$ref` points to."""
    while "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def validator(document: dict[str, Any], schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Checks values against a schema of the document."""
    return jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]}, validate_formats=True)


def examples_of(media: dict[str, Any]) -> list[Any]:
    return [media["example"]] if "example" in media else [each["value"] for each in media.get("examples", {}).values()]


def answers(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each answer of each operation, with its status."""
    document = raw(name)
    for operation in operations(name).values():
        for status, response in operation["responses"].items():
            yield status, resolved(document, response)


def media_of(name: str) -> Iterator[dict[str, Any]]:
    """Each JSON body, of requests and of answers."""
    document = raw(name)
    for operation in operations(name).values():
        if "requestBody" in operation:
            yield operation["requestBody"]["content"]["application/json"]
    for _, response in answers(name):
        if "application/json" in response["content"]:
            yield resolved(document, response)["content"]["application/json"]


def codes_of(document: dict[str, Any], response: dict[str, Any]) -> set[str]:
    """The error codes that an answer may have."""
    schema = resolved(document, response["content"]["application/json"]["schema"])
    code = schema["properties"]["error"]["properties"]["code"]
    return set(code["enum"]) if "enum" in code else {code["const"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_valid_openapi(name: str) -> None:
    load(name).validate()


@pytest.mark.parametrize("name", NAMES)
def test_every_body_has_an_example_and_every_example_fits_its_schema(name: str) -> None:
    document = raw(name)
    for media in media_of(name):
        examples = examples_of(media)
        assert examples
        for example in examples:
            validator(document, media["schema"]).validate(example)


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_declares_its_headers(name: str) -> None:
    for status, response in answers(name):
        assert {"X-Request-Id", "Cache-Control"} <= response["headers"].keys()
        assert ("Retry-After" in response["headers"]) == (status in {"429", "500"} or is_unavailable(response))


def is_unavailable(response: dict[str, Any]) -> bool:
    """503 of an operation, not of `readyz`, which repeats itself."""
    return (
        response["content"]
        .get("application/json", {})
        .get("schema", {})
        .get("$ref", "")
        .endswith("/ServiceUnavailableError")
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_error_has_the_status_of_the_table(name: str) -> None:
    document = raw(name)
    for status, response in answers(name):
        if status != "200" and "Unreadiness" not in str(response):
            assert {ERRORS[ErrorCode(code)].status for code in codes_of(document, response)} == {int(status)}


def test_every_stable_code_is_documented_and_no_other() -> None:
    documented = {
        code
        for name in NAMES
        for status, response in answers(name)
        if status != "200" and "Unreadiness" not in str(response)
        for code in codes_of(raw(name), response)
    }
    assert documented == {code.value for code in set(ErrorCode) - ABOUT_NO_OPERATION - OF_THE_CONTROL_PLANE}


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_may_fail_as_any_can(name: str) -> None:
    for operation in operations(name).values():
        if operation["path"].startswith("/api/"):
            assert {"200", "400", "500", "503"} <= operation["responses"].keys()
            assert ({"413", "415"} <= operation["responses"].keys()) == (operation["method"] == "POST")


def test_each_internal_operation_names_the_scope_that_the_guard_asks_for() -> None:
    for operation in operations("internal_admin").values():
        if operation["path"].startswith("/api/"):
            access = ACCESS[operation["method"], operation["path"]]
            assert isinstance(access, Scoped)
            assert operation["security"] == [{}, {"token": [access.scope.value]}]
            assert {"401", "403", "429"} <= operation["responses"].keys()


def test_both_documents_say_the_same_of_what_they_share() -> None:
    public, internal = (raw(name)["components"] for name in NAMES)
    shared = {"InvalidRequest", "RequestTooLarge", "UnsupportedMediaType", "InternalError", "ServiceUnavailable"}
    assert public["headers"] == internal["headers"]
    assert all(public["responses"][name] == internal["responses"][name] for name in shared)
    errors = {f"{name}Error".replace("ErrorError", "Error") for name in shared}
    assert all(public["schemas"][name] == internal["schemas"][name] for name in errors)


@pytest.mark.parametrize("exchange", cases("exchanges", "exchanges"))
def test_every_golden_exchange_fits_its_operation(exchange: dict[str, Any]) -> None:
    name = "public_auth" if "/public/" in exchange["path"] else "internal_admin"
    document, operation = raw(name), operations(name)[exchange["operation"]]
    template = re.sub(r"\{\w+\}", "[^/]+", operation["path"])
    assert operation["method"] == exchange["method"]
    assert re.fullmatch(template, exchange["path"])
    response = resolved(document, operation["responses"][str(exchange["status"])])
    validator(document, response["content"]["application/json"]["schema"]).validate(exchange["response"])
    if "request" in exchange:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        validator(document, schema).validate(exchange["request"])


def test_every_operation_of_the_api_has_a_golden_exchange() -> None:
    golden = {case.values[0]["operation"] for case in cases("exchanges", "exchanges")}
    documented = {
        operation_id
        for name in NAMES
        for operation_id, operation in operations(name).items()
        if operation["path"].startswith("/api/")
    }
    assert documented == golden
