"""The walk-through shows the calls of the contract's examples, to the letter."""

import pytest

from authsession.walk_through import walk_through
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Scope
from shared.kernel.address import EVERY_INTERFACE, Address, TcpAddress, UnixAddress
from tests.support.declared_routes import ACCESS

# As printed in the contract's examples; only spaces between words may differ.
EXAMPLES = [
    """curl -X POST http://127.0.0.1:8080/api/v1/public/auth/send-email-code -H 'Content-Type: application/json'
       -d '{"email":"pilot@example.com"}'""",
    """curl -X POST http://127.0.0.1:8080/api/v1/public/auth/confirm-email-code -H 'Content-Type: application/json'
       -d '{ "challenge_id": "challenge-123", "code": "123456",
             "client_public_key": "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no=" }'""",
    "curl http://127.0.0.1:8081/api/v1/internal/sessions/device-session-123",
    """curl -X POST http://127.0.0.1:8081/api/v1/internal/sessions/device-session-123/revoke
       -H 'Content-Type: application/json' -d '{"reason_code":"admin_revoke","actor":{"type":"system"}}'""",
    """curl -X POST http://127.0.0.1:8081/api/v1/internal/user-blocks -H 'Content-Type: application/json'
       -d '{"email":"pilot@example.com","reason_code":"policy_blocked","actor":{"type":"admin","id":"admin-1"}}'""",
]


def words(text: str) -> str:
    return " ".join(text.replace("\\\n", " ").split())


def test_every_example_is_there_in_order_and_the_last_step_removes_the_block() -> None:
    text = words(walk_through(TcpAddress(EVERY_INTERFACE, 8080), TcpAddress("127.0.0.1", 8081)))
    places = [text.index(words(example)) for example in EXAMPLES]
    assert places == sorted(places)
    assert text.index("/user-blocks/remove") > places[-1]


@pytest.mark.parametrize(
    ("address", "call"),
    [
        (TcpAddress("0.0.0.0", 80), "curl -X POST http://127.0.0.1:80/"),  # noqa: S104
        (TcpAddress("::", 80), "curl -X POST http://[::1]:80/"),
        (TcpAddress("auth.test", 80), "curl -X POST http://auth.test:80/"),
        (UnixAddress("/run/a"), "curl --unix-socket /run/a -X POST http://localhost/"),
    ],
)
def test_the_calls_go_where_the_service_listens(address: Address, call: str) -> None:
    assert call in walk_through(address, TcpAddress("127.0.0.1", 8081))


def test_where_the_internal_api_asks_for_a_token_its_calls_carry_one_and_the_public_ones_none() -> None:
    text = walk_through(TcpAddress("127.0.0.1", 8080), TcpAddress("127.0.0.1", 8081), requires_token=True)
    calls = [line for line in text.splitlines() if line.startswith("curl")]
    assert [("Authorization: Bearer" in call) for call in calls] == ["8081" in call for call in calls]
    needed = {
        access.scope
        for (method, path), access in ACCESS.items()
        if isinstance(access, Scoped) and _shows(text, method, path)
    }
    assert {Scope(word) for word in text.split() if word in set(Scope)} == needed


def _shows(text: str, method: str, path: str) -> bool:
    """Whether one of the calls is of this route."""
    url = "http://127.0.0.1:8081" + path.replace("{device_session_id}", "device-session-123")
    calls = [line.split(" \\")[0] for line in text.splitlines()]
    return any(call.endswith(url) and ("-X POST" in call) == (method == "POST") for call in calls)
