"""A connection is accepted in three steps: stored, verified outside of every transaction, then made to serve."""

import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.internal_admin.callers.identity import Scope
from shared.kernel.keyring import NO_KEYS
from tests.integration.internal_admin.connections.conftest import KEY, Audit, Operator
from tests.support.api_tokens import make_token
from tests.support.builders import unique
from tests.support.control_plane import open_control_plane
from tests.support.far_ends import BODY_MARK, FarEnd, always, far_end, provider
from tests.support.world import World


def test_a_right_key_is_accepted(operator: Operator, end: FarEnd, name: str, audit: Audit) -> None:
    answer = operator.put(name, end.url)
    assert answer.status_code == 200, answer.text
    accepted = answer.json()
    assert (accepted["outcome"], accepted["revision"]) == ("accepted", 1)
    assert accepted["verification"].items() >= {"result": "verified", "detail": "verified"}.items()
    shown = operator.shown(name)
    assert (shown["accepted"]["revision"], shown["accepted"]["secrets"]) == (1, ["api_key"])
    assert shown["accepted"]["settings"] == {"base_url": end.url}
    assert "candidate" not in shown
    assert audit() == [("write_connection", "stored"), ("write_connection", "accepted")]
    assert [asked.headers.get("authorization") for asked in end.requests] == [f"Bearer {KEY}", None]


def test_a_wrong_key_is_refused_although_the_health_of_the_provider_is_green(
    world: World, operator: Operator, end: FarEnd, name: str
) -> None:
    """The accepted revision with its key goes on serving; the candidate is kept for correction."""
    operator.put(name, end.url)
    refused = operator.put(name, end.url, "wrong-key", expected=1)
    assert refused.status_code == 200
    assert (refused.json()["outcome"], refused.json()["revision"]) == ("refused", 2)
    assert refused.json()["verification"]["result"] == "invalid_credentials"
    assert refused.json()["verification"]["detail"] == "status_401"
    assert BODY_MARK not in refused.text
    shown = operator.shown(name)
    assert (shown["accepted"]["revision"], shown["candidate"]["revision"]) == (1, 2)
    assert _versions(world, name) == [(1, "enabled", True), (2, "enabled", False)]
    corrected = operator.put(name, end.url, expected=2)
    assert corrected.json()["outcome"] == "accepted"
    assert _versions(world, name) == [(1, "enabled", False), (2, "destroyed", False), (3, "enabled", True)]


def _versions(world: World, name: str) -> list[tuple[int, str, bool]]:
    """Number and state of each version of the key, and whether it is the current one."""
    rows = world.database.execute(
        "select version, state, version = current_version as is_current"
        " from secret_versions join secrets using (secret_id)"
        " join connections on scope_id = connection_id where connections.name = $1 order by version",
        name,
    )
    return [tuple(row) for row in rows]


def test_a_far_end_that_is_down_refuses_the_revision_unless_the_caller_accepts_it(
    operator: Operator, name: str, audit: Audit
) -> None:
    """Unverified it serves, and shows so, until a verification succeeds."""
    with far_end(provider(KEY)) as end:
        url = end.url
    refused = operator.put(name, url).json()
    assert (refused["outcome"], refused["verification"]["result"]) == ("refused", "unreachable")
    taken = operator.put(name, url, expected=1, accept_unverified=True).json()
    assert (taken["outcome"], taken["verification"]["result"]) == ("accepted", "unreachable")
    assert operator.shown(name)["accepted"]["unverified"] is True
    assert operator.call("POST", f"connections/{name}/verify").json()["outcome"] == "accepted"
    assert operator.shown(name)["accepted"]["unverified"] is True
    with far_end(provider(KEY), port=end.port):
        assert operator.call("POST", f"connections/{name}/verify").json()["verification"]["result"] == "verified"
    assert operator.shown(name)["accepted"]["unverified"] is False
    assert [outcome for _, outcome in audit()] == ["stored", "refused", "stored", "accepted", "accepted", "accepted"]


def test_a_correction_of_the_candidate_keeps_its_key(operator: Operator, end: FarEnd, name: str) -> None:
    operator.put(name, end.url, "old-key", accept_unverified=True)
    assert operator.put(name, f"{end.url}/wrong", "wrong-key", expected=1).json()["outcome"] == "refused"
    again = operator.put(name, end.url, None, expected=2).json()
    assert again["outcome"] == "refused"
    assert end.requests[-1].headers["authorization"] == "Bearer wrong-key"
    operator.put(name, end.url, None, expected=1)
    assert end.requests[-1].headers["authorization"] == "Bearer old-key"


def test_a_verification_on_demand_accepts_the_candidate(operator: Operator, name: str) -> None:
    with far_end(always(503)) as end:
        assert operator.put(name, end.url).json()["outcome"] == "refused"
        end.judge = provider(KEY)
        assert operator.call("POST", f"providers/{name}/connection/verify").json()["outcome"] == "accepted"
    shown = operator.shown(name)
    assert (shown["accepted"]["revision"], "candidate" in shown) == (1, False)


def test_a_stored_key_goes_to_no_other_server(operator: Operator, end: FarEnd, name: str) -> None:
    operator.put(name, end.url)
    with far_end(always(200)) as thief:
        answer = operator.put(name, thief.url, None, expected=1)
        assert (answer.status_code, answer.json()["error"]["message"]) == (
            400,
            "secrets.api_key is required: the stored one is for another server",
        )
        assert thief.requests == []
    assert operator.put(name, f"{end.url}/", None, expected=1).json()["outcome"] == "accepted"


def test_a_connection_keeps_its_kind(operator: Operator, end: FarEnd, name: str) -> None:
    operator.put(name, end.url)
    body = {"kind": "user_service", "settings": {"base_url": end.url}, "expected_revision": 1}
    answer = operator.call("PUT", f"connections/{name}", body)
    assert answer.json()["error"]["message"] == "kind must be openai_compatible: a connection keeps its kind"
    key = operator.call("PUT", f"providers/{name}/connection/api-key", {
        "settings": {"base_url": end.url}, "api_key": KEY, "expected_revision": 1, "kind": "anthropic"})  # fmt: skip
    assert key.status_code == 400


def test_the_name_of_a_provider_suggests_its_kind(operator: Operator, end: FarEnd) -> None:
    body = {"settings": {"base_url": end.url}, "api_key": KEY, "expected_revision": 0}
    assert operator.call("PUT", "providers/anthropic/connection/api-key", body).json()["outcome"] == "accepted"
    assert operator.shown("anthropic")["kind"] == "anthropic"
    assert end.requests[0].path == "/v1/models?limit=1"


@pytest.mark.parametrize("expected", [2, 3, 7])
def test_a_caller_who_read_another_revision_changes_nothing(
    operator: Operator, end: FarEnd, name: str, expected: int
) -> None:
    operator.put(name, end.url)
    answer = operator.put(name, end.url, "other", expected=expected)
    assert (answer.status_code, answer.json()["error"]) == (
        409,
        {"code": "revision_conflict", "message": "revision 1 is accepted"},
    )
    assert len(end.requests) == 2
    unknown = operator.put(unique("connection-"), end.url, expected=expected)
    assert unknown.json()["error"]["code"] == "revision_conflict"
    assert operator.put(name, end.url, expected=0).status_code == 409


def test_two_writes_at_once_verify_one(operator: Operator, end: FarEnd, name: str) -> None:
    """Eight callers read the same revision. One makes the next revision, and the others conflict."""
    operator.put(name, end.url)
    for revision in range(1, 4):
        barrier = threading.Barrier(8)

        def write(_: int, revision: int = revision, barrier: threading.Barrier = barrier) -> int:
            barrier.wait()
            return operator.put(name, end.url, expected=revision).status_code

        with ThreadPoolExecutor(8) as callers:
            codes = Counter(callers.map(write, range(8)))
        assert codes == {200: 1, 409: 7}
        assert operator.shown(name)["accepted"]["revision"] == revision + 1


def test_eight_creations_at_once_make_one_connection(operator: Operator, end: FarEnd, name: str) -> None:
    with ThreadPoolExecutor(8) as callers:
        codes = Counter(answer.status_code for answer in callers.map(operator.put, [name] * 8, [end.url] * 8))
    assert codes == {200: 1, 409: 7}


def test_a_repeat_under_a_key_calls_no_far_end(operator: Operator, end: FarEnd, name: str) -> None:
    key = {"idempotency-key": unique("key-")}
    body = {"kind": "openai_compatible", "settings": {"base_url": end.url}, "secrets": {"api_key": KEY},
            "expected_revision": 0}  # fmt: skip
    first = operator.call("PUT", f"connections/{name}", body, headers=key)
    calls = len(end.requests)
    again = operator.call("PUT", f"connections/{name}", body, headers=key)
    assert (first.status_code, again.content, len(end.requests)) == (200, first.content, calls)
    other = operator.call("PUT", f"connections/{name}", body | {"expected_revision": 1}, headers=key)
    assert other.json()["error"]["code"] == "idempotency_conflict"


def test_no_secret_and_no_text_of_a_far_end_is_kept(
    world: World, operator: Operator, end: FarEnd, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for secret in (KEY, "another-key-of-tests"):
            answer = operator.put(name, end.url, secret, accept_unverified=True)
            assert secret not in answer.text
            assert BODY_MARK not in answer.text
    rows = world.database.execute("select details::text as text from audit_events where details->>'name' = $1", name)
    kept = world.database.execute("select settings::text || secrets::text || coalesce(detail, '') as text"
                                  " from connection_revisions")  # fmt: skip
    text = " ".join([caplog.text, *(row["text"] for row in (*rows, *kept))])
    assert rows
    assert kept
    assert not [word for word in (KEY, "another-key-of-tests", BODY_MARK) if word in text]


def test_without_keys_of_secrets_nothing_with_a_secret_is_written(world: World, end: FarEnd, name: str) -> None:
    with open_control_plane(world, requires_token=True, secret_keys=NO_KEYS) as plane:
        keyless = Operator(plane, make_token(world, [Scope.CONNECTIONS_READ, Scope.CONNECTIONS_WRITE]).secret)
        answer = keyless.put(name, end.url)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "secret_keys_missing")
        assert keyless.call("GET", f"connections/{name}").status_code == 404
        assert end.requests == []
