"""The OpenAPI documents are valid, agree with the error table, and their examples and the vectors agree with them."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import jsonschema_rs
import pytest

from contracts.errors import ERRORS, ErrorCode
from services.internal_admin.callers.access import Anyone, OperatorOnly, Scoped
from services.internal_admin.callers.identity import Scope
from tests.contract.openapi.documents import GUARDED, NAMES, load, operations, raw, resolved
from tests.contract.vectors import cases
from tests.support.declared_routes import ACCESS, NODE_ACCESS

# Said once in each document's introduction: no operation that exists can answer with them.
ABOUT_NO_OPERATION = {ErrorCode.METHOD_NOT_ALLOWED}


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
        may_be_repeated = status in {"429", "500"} or is_unavailable(response) or is_to_wait(response)
        assert ("Retry-After" in response["headers"]) == may_be_repeated


def is_unavailable(response: dict[str, Any]) -> bool:
    """503 of an operation, not of `readyz`, which repeats itself."""
    return (
        response["content"].get("application/json", {}).get("schema", {}).get("$ref", "").endswith("UnavailableError")
    )


def is_to_wait(response: dict[str, Any]) -> bool:
    """403 of a node that an operator may still approve."""
    return "NodeNotApprovedError" in str(response)


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
    assert documented == {code.value for code in set(ErrorCode) - ABOUT_NO_OPERATION}


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_may_fail_as_any_can(name: str) -> None:
    for operation in operations(name).values():
        if operation["path"].startswith(("/api/", "/v1/")):
            assert {"200", "400", "500", "503"} <= operation["responses"].keys()
            assert ({"413", "415"} <= operation["responses"].keys()) == ("requestBody" in operation)


def test_the_documents_of_the_internal_listener_have_the_routes_of_the_access_table() -> None:
    documented = {
        (operation["method"], operation["path"])
        for name in GUARDED
        for operation in operations(name).values()
        if operation["path"].startswith(("/api/", "/v1/"))
    }
    assert documented == ACCESS.keys()


OPERATOR: list[dict[str, list[str]]] = [{"operator_session": []}, {"operator_cookie": []}]


def credentials_of(access: OperatorOnly | Scoped, *, of_internal_api: bool) -> list[dict[str, list[str]]]:
    """The security that a document must name for a route with this access; `{}` is none at all."""
    if isinstance(access, OperatorOnly):
        return OPERATOR
    token, break_glass = {"token": [access.scope.value]}, {"break_glass": list[str]()}
    return [{}, token, *OPERATOR, break_glass] if of_internal_api else [*OPERATOR, token, break_glass]


def test_the_document_of_nodes_has_their_routes() -> None:
    documented = {(operation["method"], operation["path"]) for operation in operations("node").values()}
    assert documented == NODE_ACCESS.keys()


@pytest.mark.parametrize("name", GUARDED)
def test_each_operation_names_the_credentials_that_the_guard_asks_for(name: str) -> None:
    for operation in operations(name).values():
        access = ACCESS.get((operation["method"], operation["path"]))
        if access is None:
            assert operation["path"] in {"/healthz", "/readyz", "/metrics"}
        elif isinstance(access, Anyone):
            assert operation["security"][:1] in ([], [{}])
        else:
            expected = credentials_of(access, of_internal_api=name == "internal_admin")
            cure = f"{name}.yaml: {operation['method']} {operation['path']} needs `security: {expected}`"
            assert operation["security"] == expected, cure
            assert {"401", "403", "429"} <= operation["responses"].keys()


def test_the_documented_scopes_are_those_of_a_token() -> None:
    documented = raw("control_plane")["components"]["schemas"]["Scope"]["enum"]
    assert documented == list(Scope), "the schema Scope of control_plane.yaml differs from callers/identity.py"


def test_every_mutation_of_the_internal_api_takes_an_idempotency_key() -> None:
    for operation in operations("internal_admin").values():
        references = [parameter["$ref"].rpartition("/")[2] for parameter in operation.get("parameters", [])]
        is_mutation = operation["method"] != "GET"
        assert ("IdempotencyKey" in references) == is_mutation == ("409" in operation["responses"])


@pytest.mark.parametrize("part", ["headers", "schemas", "securitySchemes"])
def test_a_name_in_two_documents_means_the_same(part: str) -> None:
    for one, other in combinations([raw(name)["components"].get(part, {}) for name in NAMES], 2):
        for name in one.keys() & other.keys():
            assert one[name] == other[name], name


def test_the_documents_say_the_same_of_the_refusals_they_share() -> None:
    everywhere = {"InvalidRequest", "RequestTooLarge", "UnsupportedMediaType", "InternalError", "ServiceUnavailable"}
    for names, shared in ((NAMES, everywhere), (GUARDED, {"InvalidCredentials", "Forbidden"})):
        first, *rest = (raw(name)["components"]["responses"] for name in names)
        assert all(first[name] == other[name] for name in shared for other in rest)


VECTORS = (
    "exchanges",
    "control_plane",
    "node_telemetry",
    "node_config",
    "node",
    "node_redis_users",
    "secret_deliveries",
)
GOLDEN = [case for name in VECTORS for case in cases(name, "exchanges")]


@pytest.mark.parametrize("exchange", GOLDEN)
def test_every_golden_exchange_fits_its_operation(exchange: dict[str, Any]) -> None:
    name = next(name for name in NAMES if exchange["operation"] in operations(name))
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
    golden = {case.values[0]["operation"] for case in GOLDEN}
    documented = {
        operation_id
        for name in NAMES
        for operation_id, operation in operations(name).items()
        if operation["path"].startswith(("/api/", "/v1/"))
    }
    assert documented == golden
