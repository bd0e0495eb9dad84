"""Every route behind the guard refuses on the wire as its document says."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from typing import Any

import httpx
import pytest

from services.internal_admin.callers.access import Anyone, Scoped
from services.internal_admin.callers.identity import Scope
from services.internal_admin.routes import ROUTES
from shared.web.exchange import JSON_BODY
from tests.contract.openapi.documents import GUARDED, load, operations, raw, resolved
from tests.contract.openapi.operators import AUTH, Owner, from_new_network
from tests.support.declared_routes import ACCESS
from tests.support.stack import RunningStack

NEEDING_CREDENTIALS = [access for access in ACCESS.values() if not isinstance(access, Anyone)]

LIMITS = {
    (route.method, route.path): (route.body or JSON_BODY).max_bytes
    for route in ROUTES
    if route.accepts_body or route.body
}
"""The largest body of each route that accepts one."""
TOO_LARGE = b"a byte more than the route accepts"

document = cache(load)


def guarded() -> list[tuple[str, dict[str, Any]]]:
    """Each operation behind the guard, with its document's name."""
    return [
        (name, operation)
        for name in GUARDED
        for operation in operations(name).values()
        if (operation["method"], operation["path"]) in ACCESS
    ]


def refusals_of(stack: RunningStack, ask: Callable[[httpx.Client, str, dict[str, Any]], httpx.Response | None]) -> int:
    """How many operations refused what `ask` asks of them, each as its document says. They are asked at once, since
    many refusals take 300 ms."""
    with httpx.Client(base_url=stack.internal_url, timeout=30) as http, ThreadPoolExecutor(8) as threads:

        def answer_of(named: tuple[str, dict[str, Any]]) -> httpx.Response | None:
            return ask(http, path_of(named[1]), named[1])

        asked = guarded()
        answers = threads.map(answer_of, asked)
        refused = [(each, answer) for each, answer in zip(asked, answers, strict=True) if answer is not None]
    for (name, operation), answer in refused:
        document(name).find_operation_by_id(operation["operationId"]).validate_response(answer)
    return len(refused)


def path_of(operation: dict[str, Any]) -> str:
    return re.sub(r"\{\w+\}", "nobody-123", operation["path"])


def is_refused(answer: httpx.Response, status: int, code: str) -> bool:
    return (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_bad_credentials_are_401_wherever_some_are_taken(running_stack: RunningStack) -> None:
    def ask(http: httpx.Client, path: str, operation: dict[str, Any]) -> httpx.Response | None:
        if isinstance(ACCESS[operation["method"], operation["path"]], Anyone):
            return None
        headers = {"Authorization": "Bearer nobody", **from_new_network()}
        answer = http.request(operation["method"], path, headers=headers)
        assert is_refused(answer, 401, "invalid_credentials"), answer.text
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.elapsed >= timedelta(milliseconds=300)
        return answer

    assert refusals_of(running_stack, ask) == len(NEEDING_CREDENTIALS)


def test_a_token_without_the_scope_is_403_and_one_can_do_nothing_of_an_operator(
    running_stack: RunningStack, owner: Owner
) -> None:
    def secret(scopes: list[str]) -> str:
        wanted = {"name": "all but one", "scopes": scopes}
        answer = httpx.post(
            f"{running_stack.internal_url}{AUTH}/tokens", json=wanted, headers=owner.bearer | from_new_network()
        )
        return answer.json()["secret"]

    lacking = {scope: secret([other.value for other in Scope if other is not scope]) for scope in Scope}

    def ask(http: httpx.Client, path: str, operation: dict[str, Any]) -> httpx.Response | None:
        access = ACCESS[operation["method"], operation["path"]]
        if isinstance(access, Anyone):
            return None
        token = lacking[access.scope if isinstance(access, Scoped) else Scope.AUDIT_READ]
        headers = {"Authorization": f"Bearer {token}", **from_new_network()}
        answer = http.request(operation["method"], path, headers=headers)
        assert is_refused(answer, 403, "forbidden"), answer.text
        return answer

    assert refusals_of(running_stack, ask) == len(NEEDING_CREDENTIALS)


@pytest.mark.parametrize(
    ("media_type", "body", "status", "code"),
    [
        ("text/plain", b"{}", 415, "unsupported_media_type"),
        ("application/json", TOO_LARGE, 413, "request_too_large"),
        ("application/json", b'{"unheard_of":1}', 400, "invalid_request"),
        ("application/json", b"[]", 400, "invalid_request"),
        ("application/json", b"", 400, "invalid_request"),
    ],
)
def test_a_body_that_is_none_is_refused_by_every_operation_that_takes_one(
    running_stack: RunningStack, owner: Owner, media_type: str, body: bytes, status: int, code: str
) -> None:
    def ask(http: httpx.Client, path: str, operation: dict[str, Any]) -> httpx.Response | None:
        if "requestBody" not in operation:
            return None
        headers = {**owner.bearer, **from_new_network(), "Content-Type": media_type}
        content = b" " * (LIMITS[operation["method"], operation["path"]] + 1) if body == TOO_LARGE else body
        answer = http.request(operation["method"], path, content=content, headers=headers)
        assert is_refused(answer, status, code), answer.text
        return answer

    assert refusals_of(running_stack, ask) == len(LIMITS)


def test_an_unknown_parameter_is_400_wherever_some_are_taken(running_stack: RunningStack, owner: Owner) -> None:
    def ask(http: httpx.Client, path: str, operation: dict[str, Any]) -> httpx.Response | None:
        described = raw(next(name for name in GUARDED if operation["operationId"] in operations(name)))
        parameters = [resolved(described, parameter) for parameter in operation.get("parameters", [])]
        if not any(parameter["in"] == "query" for parameter in parameters):
            return None
        headers = owner.bearer | from_new_network()
        answer = http.request(operation["method"], f"{path}?unheard_of=1", headers=headers)
        assert is_refused(answer, 400, "invalid_request"), answer.text
        return answer

    with_query = [each for name, each in guarded() if document(name).find_operation_by_id(each["operationId"]).query]
    assert refusals_of(running_stack, ask) == len(with_query) >= 6


def test_another_method_is_405_with_those_there_are(running_stack: RunningStack) -> None:
    by_path: dict[str, set[str]] = {}
    for _, operation in guarded():
        by_path.setdefault(path_of(operation), set()).add(operation["method"])
    with httpx.Client(base_url=running_stack.internal_url, timeout=30) as http:
        for path, methods in by_path.items():
            other = next(method for method in ("PUT", "PATCH", "DELETE") if method not in methods)
            answer = http.request(other, path, headers=from_new_network())
            assert is_refused(answer, 405, "method_not_allowed"), answer.text
            assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == methods
