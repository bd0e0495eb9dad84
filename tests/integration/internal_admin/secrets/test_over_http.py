"""Secrets over HTTP: values go in, sealed or not, and never come out."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.control_plane.secrets import value_frame
from tests.support.builders import unique
from tests.support.control_plane import ControlPlane, SignedIn, open_control_plane
from tests.support.hpke import seal
from tests.support.world import World

SECRETS = "/api/control-plane/secrets"
VALUE = "a value that nobody shows, ümläut \n"


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def owner(plane: ControlPlane) -> SignedIn:
    return plane.claim_owner()


def new_name() -> str:
    return unique("NAME_").upper().replace("-", "_")


def put(plane: ControlPlane, owner: SignedIn, name: str, body: Any, status: int = 200, key: str | None = None) -> Any:
    headers = None if key is None else {"idempotency-key": key}
    answer = plane.call("PUT", f"{SECRETS}/{name}", body, token=owner.session_token, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def sealed_for(plane: ControlPlane, owner: SignedIn, name: str, value: bytes) -> dict[str, str]:
    key = plane.get(f"{SECRETS}/public-key", token=owner.session_token).json()
    frame = value_frame(key["key_id"], "installation", "", name)
    sealed = seal(value, base64.b64decode(key["public_key"]), frame, X25519PrivateKey.generate())
    return {"sealed_value": base64.b64encode(sealed).decode(), "key_id": key["key_id"]}


def test_no_answer_shows_a_value_or_its_length(plane: ControlPlane, owner: SignedIn) -> None:
    shown: list[set[str]] = []
    for value in ("x", VALUE * 100):
        made = put(plane, owner, new_name(), {"value": value})
        answer = plane.get(f"{SECRETS}/{made['secret_id']}", token=owner.session_token)
        assert VALUE.strip() not in answer.text
        shown.append({f"{name}" for name in answer.json()["secret"]})
        assert len(answer.json()["secret"]["versions"]) == 1
    assert shown[0] == shown[1]


def test_a_value_sealed_by_another_implementation_is_taken_in_its_place_alone(
    plane: ControlPlane, owner: SignedIn
) -> None:
    name, other = new_name(), new_name()
    body = sealed_for(plane, owner, name, VALUE.encode())
    assert put(plane, owner, name, body)["outcome"] == "created"
    for moved in (other, name):
        wrong = body if moved == other else {**body, "key_id": "k99"}
        assert put(plane, owner, moved, wrong, 400)["error"]["code"] == "invalid_request"
    assert put(plane, owner, other, sealed_for(plane, owner, other, b""), 400)["error"]["code"] == "invalid_request"


def test_a_repeat_under_one_key_writes_once_and_keeps_no_guessable_digest(
    plane: ControlPlane, owner: SignedIn, world: World
) -> None:
    name, key, body = new_name(), unique("key-"), {"value": "hunter2", "expected_version": 0}
    answers = [put(plane, owner, name, body, key=key) for _ in range(2)]
    assert answers[0] == answers[1]
    other = put(plane, owner, name, {**body, "value": "hunter3"}, 409, key=key)
    assert other["error"]["code"] == "idempotency_conflict"
    [row] = world.database.execute(
        "select request_hash, body from idempotency_keys where key_hash = $1", hashlib.sha256(key.encode()).digest()
    )
    sent = b'{"value":"hunter2","expected_version":0}'
    guess = hashlib.sha256(f"PUT {SECRETS}/{name}\n".encode() + sent).digest()
    spaced = hashlib.sha256(
        f"PUT {SECRETS}/{name}\n".encode() + sent.replace(b":", b": ").replace(b",", b", ")
    ).digest()
    assert row["request_hash"] not in (guess, spaced)
    assert b"hunter2" not in row["body"]


def test_an_unknown_owner_of_a_secret_is_404(plane: ControlPlane, owner: SignedIn) -> None:
    for path, code in (
        ("agents/agent-01arz3ndektsv4rrffq69g5fav", "agent_not_found"),
        ("agents/nobody@example.com", "agent_not_found"),
        ("pools/nowhere", "pool_not_found"),
        ("pools/No%20Where", "pool_not_found"),
    ):
        answer = plane.call("PUT", f"/api/control-plane/{path}/secrets/KEY", {"value": "x"}, token=owner.session_token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


def test_a_value_has_at_most_64_kib(plane: ControlPlane, owner: SignedIn) -> None:
    name = new_name()
    assert put(plane, owner, name, {"value": "ü" * 32_768})["version"] == 1
    assert put(plane, owner, name, {"value": "ü" * 32_768 + "x"}, 400)["error"]["code"] == "invalid_request"
    assert put(plane, owner, name, {"value": "x" * 400_000}, 413)["error"]["code"] == "request_too_large"
