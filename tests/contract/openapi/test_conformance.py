"""The running processes do what the OpenAPI documents say: schemathesis sends what fits and what does not."""

import re
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from hypothesis import Phase, settings
from schemathesis import Case as CaseOf
from schemathesis import CheckContext, Response
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks

from contracts.self_service import SESSIONS_PATH
from shared.web.connection import MAX_BODY_BYTES
from tests.contract.openapi.documents import DURATIONS, load, register_formats
from tests.contract.openapi.operators import Owner, from_new_network, log_in
from tests.support.health_checks import SLOW_BY_NATURE
from tests.support.json_values import is_list, is_object
from tests.support.stack import RunningStack

Case = CaseOf[Any]
Test = TypeVar("Test", bound=Callable[..., None])


class Parametrizing(Protocol):
    """A schema of schemathesis, whose own types do not say what its decorator returns."""

    def parametrize(self) -> Callable[..., Any]: ...


register_formats()
load_all_checks()
PUBLIC = load("public_auth")
INTERNAL = load("internal_admin")
PLANE = load("control_plane")
AUTHENTICATING = [
    "exchange_setup_code", "register_owner", "log_in", "recover_password", "change_password",
    "regenerate_recovery_codes",
]  # fmt: skip
"""Their refusals come after 300 ms, so few of them are tried, by chance alone."""

SETTINGS = settings(
    deadline=None,
    derandomize=True,
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=SLOW_BY_NATURE,
)


def edge_headers(_context: CheckContext, response: Response, _case: Case) -> None:
    """The promises of SPEC §2.1 for every answer, 404, 405 and 500 included."""
    assert response.headers["cache-control"] == ["no-store"]
    assert response.headers["x-request-id"][0]
    assert "server" not in response.headers


def is_beyond_words(case: Case) -> bool:
    """Requests that fit the schema and may yet be refused.

    A device must sign. A label may be white space. A proof is right for one challenge, a sealed value for one key, and
    settings fit a connection's kind. No schema says "not both", nor how long a body may be, nor a duration. For JSON
    Schema 1.0 is an integer.
    """
    body, query = case.body, case.query or {}
    return (
        {"email", "user_id"} <= query.keys()
        or (case.path.endswith("/users") and "email" in query and len(query) > 1)
        or (is_object(body) and not body.keys().isdisjoint({"client_key_proof", "device_label"}))
        or (case.method == "PUT" and "/secrets/" in case.path and not has_plain_value(body))
        or (case.method == "PUT" and case.path.endswith(("/connections/{name}", "/api-key")))
        or has_float(body)
        or is_without_revision(case)
        or case.path.startswith(SESSIONS_PATH)
        or (is_object(body) and "node_name" in body and body.get("uses", 1) != 1)
        or (case.path.endswith("/nodes") and "pool" in query)
        or (is_object(body) and "node_public_key" in body)
        or case.path.endswith("/notices/revoke")  # no token but a letter's is taken
        or len(str(body)) > MAX_BODY_BYTES
        or not set(re.findall(r"'([0-9]+[smhd])'", str(body))) <= {*DURATIONS, "400d"}
    )


def has_plain_value(body: object) -> bool:
    return is_object(body) and {"value", "sealed_value", "key_id"} & body.keys() == {"value"}


def is_without_revision(case: Case) -> bool:
    """A draft is changed or published without the revision that was read, or with one in a header as well."""
    is_needed = case.path.endswith(("_config_id}", "/{agent_id}")) and case.method == "PATCH"
    is_needed = is_needed or case.path.endswith(("/publish", "/revert"))
    named = is_object(case.body) and case.body.get("expected_revision") is not None
    return is_needed and (not named or "If-Match" in (case.headers or {}))


def has_float(value: object) -> bool:
    if is_object(value):
        return any(map(has_float, value.values()))
    if is_list(value):
        return any(map(has_float, value))
    return isinstance(value, float)


def check(case: Case, base_url: str) -> None:
    """Send it, and hold the answer to the document and to SPEC §2.1."""
    excluded: list[Any] = [checks.positive_data_acceptance] if is_beyond_words(case) else []
    # That credentials are needed is tried in test_refusals_on_the_wire, once a route: each refusal takes 300 ms.
    case.call_and_validate(
        base_url=base_url, additional_checks=[edge_headers], excluded_checks=[checks.ignored_auth, *excluded]
    )


def each_case_of(schema: Parametrizing) -> Callable[[Test], Test]:
    """The test is run with cases of each operation."""
    return schema.parametrize()


@each_case_of(PUBLIC)
@SETTINGS
def test_the_public_process_conforms(case: Case, running_stack: RunningStack) -> None:
    check(case, running_stack.public_url)


@each_case_of(INTERNAL)
@SETTINGS
def test_the_internal_process_conforms(case: Case, running_stack: RunningStack) -> None:
    check(case, running_stack.internal_url)


@each_case_of(PLANE.exclude(operation_id=[*AUTHENTICATING, "log_out"]))
@SETTINGS
def test_the_control_plane_conforms(case: Case, running_stack: RunningStack, owner: Owner) -> None:
    case.headers.update(owner.bearer | from_new_network())
    check(case, running_stack.internal_url)


@each_case_of(PLANE.include(operation_id=AUTHENTICATING))
@settings(SETTINGS, max_examples=5, phases=[Phase.generate])
def test_authentication_conforms(case: Case, running_stack: RunningStack, owner: Owner) -> None:
    case.headers.update(owner.bearer | from_new_network())
    check(case, running_stack.internal_url)


@each_case_of(PLANE.include(operation_id="log_out"))
@settings(SETTINGS, max_examples=3, phases=[Phase.generate])
def test_log_out_conforms(case: Case, running_stack: RunningStack, owner: Owner) -> None:
    assert owner
    case.headers.update(log_in(running_stack) | from_new_network())
    check(case, running_stack.internal_url)
