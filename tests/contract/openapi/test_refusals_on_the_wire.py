"""The refusals of the vectors as the running processes answer them: edge and codec together."""

from typing import Any

import httpx
import pytest

from contracts.signed_request import Envelope, encode_envelope
from tests.contract.openapi.documents import NAMES, operations
from tests.contract.openapi.operators import Owner, from_new_network
from tests.contract.vectors import body_of, load
from tests.support.stack import RunningStack


@pytest.mark.parametrize("name", [name for name in NAMES if name != "node"])
def test_every_malformed_request_of_the_vectors_is_refused_by_the_process(
    running_stack: RunningStack, owner: Owner, name: str
) -> None:
    documented = operations(name)
    base_url = running_stack.public_url if name == "public_auth" else running_stack.internal_url
    refusals = [case for case in load("refusals")["refusals"] if case["operation"] in documented]
    assert refusals
    with httpx.Client(base_url=base_url, timeout=30) as http:
        for case in refusals:
            answer = send(http, documented[case["operation"]], case, owner)
            assert answer.status_code == 400, (case, answer.text)
            assert answer.json()["error"]["code"] == "invalid_request"
            assert case.get("names", "") in answer.json()["error"]["message"]


NAMED = {
    "user_id": "user-123", "device_session_id": "device-session-123", "node_id": "node-123", "pool": "edge",
    "gateway_config_id": "gateway-config-123", "secret": "MODEL_KEY", "secret_id": "secret-123", "name": "models",
    "secret_key": "MODEL_KEY", "agent_id": "agent-123", "provider_id": "models", "connection_key": "model",
}  # fmt: skip
"""Parameters of paths. A malformed body is refused before anything is looked for."""


def send(http: httpx.Client, operation: dict[str, Any], case: dict[str, Any], owner: Owner) -> httpx.Response:
    """The request of a case, its bytes exactly as the vector has them, by somebody who may."""
    path = operation["path"].format_map(NAMED)
    headers = owner.bearer | from_new_network()
    if operation.get("security") == [{"device_signature": []}]:
        headers |= encode_envelope(Envelope("device-session-123", 0, "request-1", bytes(32), bytes(64)))
    if "query" in case:
        return http.get(httpx.URL(path, query=case["query"].encode()), headers=headers)
    headers["Content-Type"] = "application/json"
    return http.request(operation["method"], path, content=body_of(case), headers=headers)
