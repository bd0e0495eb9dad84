"""Candidates that nobody corrects, far ends that hang, defaults, users of a connection, and its end."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from contracts.control_plane.connections import decode_put_connection
from services.internal_admin.callers.identity import Caller
from services.internal_admin.connections import flow, store
from services.internal_admin.connections.domain import Target, WriteCandidate
from services.internal_admin.connections.expiry import CandidateExpiry
from services.internal_admin.publication.store.references import SecretReferences
from services.internal_admin.secrets.store.values import Vault
from shared.kernel.clock import SystemClock
from shared.kernel.config_keys import NO_CONFIG_KEYS
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_connection_id
from tests.integration.internal_admin.connections.conftest import KEY, Operator
from tests.support.builders import unique
from tests.support.control_plane import SECRET_KEYS
from tests.support.far_ends import FarEnd, always, far_end
from tests.support.world import World

CALLER = Caller("operator-1", "192.0.2.7", "request-1")
VAULT = Vault(SECRET_KEYS, SecretReferences(NO_CONFIG_KEYS).refresh, SystemClock(), SystemEntropy())


def killed_in_verification(world: World, name: str, url: str, expected: int) -> Target:
    """The state that a process leaves which was killed while it waited for the far end."""
    body = f'{{"kind":"openai_compatible","settings":{{"base_url":"{url}"}},"secrets":{{"api_key":"new-key"}}'
    asked = decode_put_connection(f'{body},"expected_revision":{expected}}}'.encode())
    command = WriteCandidate(new_connection_id(VAULT.clock, VAULT.entropy), name, asked, CALLER)
    target = world.call(world.internal.unit_of_work, store.write_candidate, VAULT, command)
    assert isinstance(target, Target)
    return target


def secrets_of(world: World, connection_id: str) -> Counter[tuple[str, bool]]:
    """The versions of the secrets of a connection: state, and whether it is the current one."""
    rows = world.database.execute(
        "select state, version = current_version as is_current from secret_versions join secrets using (secret_id)"
        " where scope_id = $1",
        connection_id,
    )
    return Counter((row["state"], row["is_current"]) for row in rows)


def test_a_killed_verification_accepts_nothing_and_expires(world: World, operator: Operator, end: FarEnd) -> None:
    """The accepted revision serves all the time. After half a minute the candidate can be replaced."""
    name, other = unique("connection-"), unique("connection-")
    operator.put(name, end.url)
    target = killed_in_verification(world, name, end.url, 1)
    new = killed_in_verification(world, other, end.url, 0)
    conflict = operator.put(name, end.url, "third-key", expected=1)
    assert conflict.json()["error"]["message"].startswith("revision 2 is being verified")
    shown = operator.shown(name)
    assert (shown["accepted"]["revision"], shown["candidate"]["revision"]) == (1, 2)
    assert "verification" not in shown["candidate"]
    world.travel(timedelta(seconds=31))
    assert operator.put(name, end.url, "third-key", expected=1).json()["revision"] == 3
    assert secrets_of(world, target.connection_id) == {
        ("enabled", True): 1, ("enabled", False): 1, ("destroyed", False): 1,
    }  # fmt: skip
    world.travel(timedelta(minutes=15))
    assert "candidate" not in operator.shown(name)
    assert world.call(CandidateExpiry(world.internal, VAULT).step) == 2
    assert world.call(CandidateExpiry(world.internal, VAULT).step) == 0
    assert operator.shown(name)["accepted"]["revision"] == 1
    assert secrets_of(world, target.connection_id) == {("enabled", True): 1, ("destroyed", False): 2}
    assert operator.call("GET", f"connections/{other}").status_code == 404
    assert secrets_of(world, new.connection_id) == {("destroyed", False): 1}
    assert operator.put(name, end.url, None, expected=1).json()["outcome"] == "accepted"
    assert end.requests[-2].headers["authorization"] == f"Bearer {KEY}"


def test_a_verification_whose_connection_is_deleted_meanwhile_conflicts(world: World, operator: Operator) -> None:
    name = unique("connection-")
    with far_end(always(0)) as end, ThreadPoolExecutor(1) as caller:
        answer = caller.submit(operator.put, name, end.url)
        while not end.requests:
            threading.Event().wait(0.01)
        assert operator.call("DELETE", f"connections/{name}").status_code == 200
        end.release.set()
        assert answer.result().json()["error"]["code"] == "revision_conflict"
    assert operator.call("GET", f"connections/{name}").status_code == 404


def test_far_ends_that_hang_take_no_more_than_their_places(operator: Operator, end: FarEnd) -> None:
    """With nineteen of them another verification is as fast as ever. With twenty it is refused, and stores nothing."""
    with far_end(always(0)) as hanging, ThreadPoolExecutor(flow.MAX_VERIFICATIONS) as callers:
        names = [unique("connection-") for _ in range(flow.MAX_VERIFICATIONS)]
        waiting = [callers.submit(operator.put, name, hanging.url) for name in names[1:]]
        wait_for_calls(hanging, flow.MAX_VERIFICATIONS - 1)
        assert operator.put(names[0], end.url).json()["outcome"] == "accepted"
        waiting.append(callers.submit(operator.put, names[0], hanging.url, KEY, 1))
        wait_for_calls(hanging, flow.MAX_VERIFICATIONS)
        refused = operator.put("one-too-many", end.url)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
        assert operator.call("GET", "connections/one-too-many").status_code == 404
        hanging.release.set()
        assert Counter(each.result().json()["outcome"] for each in waiting) == {"refused": flow.MAX_VERIFICATIONS}
    assert operator.put(unique("connection-"), end.url).json()["outcome"] == "accepted"


def wait_for_calls(end: FarEnd, number: int) -> None:
    while len(end.requests) < number:
        threading.Event().wait(0.01)


@pytest.fixture
def agent(world: World) -> Iterator[Any]:
    """Writes an agent with this draft."""
    made: list[str] = []

    def write(draft: str) -> str:
        name, agent_id = unique("agent-"), unique("agent-01")
        world.database.execute(
            "insert into subjects"
            " (subject_id, kind, name, pools, draft, revision, field_revisions, created_at, updated_at)"
            " values ($1, 'agent', $2, '{}', $3::jsonb, 1, '{}', clock_now(), clock_now())",
            agent_id, name, draft,
        )  # fmt: skip
        made.append(agent_id)
        return name

    yield write
    for agent_id in made:
        for table in ("subject_version_secrets", "subject_versions", "subjects"):
            world.database.execute(f"delete from {table} where subject_id = $1", agent_id)


def publish_with_secrets_of(world: World, agent: str, connection_id: str) -> None:
    """Makes the version 1 of the agent active, which took its connection from a default."""
    world.database.execute(
        "insert into subject_versions"
        " (subject_id, version, revision, pools, draft, document, digest, created_by, created_at)"
        " select subject_id, 1, 1, '{}', '{}', '', sha256(''), 'operator-1', clock_now() from subjects where name = $1",
        agent,
    )
    world.database.execute(
        "insert into subject_version_secrets (subject_id, version, secret_id)"
        " select subject_id, 1, secret_id from subjects, secrets where subjects.name = $1 and scope_id = $2",
        agent, connection_id,
    )  # fmt: skip
    world.database.execute("update subjects set active_version = 1, last_version = 1 where name = $1", agent)


def test_a_connection_in_use_is_not_deleted(world: World, operator: Operator, end: FarEnd, agent: Any) -> None:
    """The refusal names its users: drafts of agents by their model or an integration, active versions, and defaults."""
    name = unique("connection-")
    operator.put(name, end.url)
    by_model = agent(f'{{"model":{{"connection":"{name}"}}}}')
    by_tool = agent(f'{{"integrations":[{{"connection":"other"}},{{"connection":"{name}","allow":[]}}]}}')
    agent('{"model":"nonsense","integrations":7}')
    by_default = agent("{}")
    publish_with_secrets_of(world, by_default, operator.shown(name)["connection_id"])
    assert operator.call("PUT", "connections/defaults/model", {"connection": name}).json()["outcome"] == "set"
    refused = operator.call("DELETE", f"connections/{name}").json()["error"]
    assert refused["code"] == "connection_in_use"
    for user in (f"the agent {by_model}", f"the agent {by_tool}", f"the agent {by_default}", "the default for model"):
        assert user in refused["message"]
    operator.call("DELETE", "connections/defaults/model")


def test_the_end_of_a_connection_is_the_end_of_its_secrets(world: World, operator: Operator, end: FarEnd) -> None:
    name = unique("connection-")
    operator.put(name, end.url)
    connection_id = operator.shown(name)["connection_id"]
    assert operator.call("DELETE", f"connections/{name}").json() == {"outcome": "deleted", "name": name}
    assert operator.call("DELETE", f"connections/{name}").status_code == 404
    assert secrets_of(world, connection_id) == {("disabled", True): 1}
    assert operator.put(name, end.url).json()["revision"] == 1


def test_a_default_needs_an_accepted_connection_of_a_fitting_kind(operator: Operator, end: FarEnd) -> None:
    name, draft = unique("connection-"), unique("connection-")
    operator.put(name, end.url)
    operator.put(draft, end.url, "wrong-key")
    for body, path, expected in (
        ({"connection": name}, "mail", (400, "invalid_request")),
        ({"connection": draft}, "model", (409, "not_active")),
        ({"connection": unique("none-")}, "model", (404, "connection_not_found")),
        ({"connection": name}, "tea", (404, "default_not_found")),
    ):
        answer = operator.call("PUT", f"connections/defaults/{path}", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == expected
    outcomes = [
        operator.call("PUT", "connections/defaults/model", {"connection": name}).json()["outcome"] for _ in range(2)
    ]
    assert outcomes == ["set", "unchanged"]
    assert operator.shown(name)["default_for"] == ["model"]
    assert operator.call("DELETE", "connections/defaults/model").json()["outcome"] == "removed"
    assert operator.call("DELETE", "connections/defaults/model").json()["error"]["code"] == "default_not_found"


def test_the_public_role_can_read_no_connection(world: World) -> None:
    for table in (
        "connections",
        "connection_revisions",
        "connection_defaults",
        "connection_states",
        "connection_health",
    ):
        (row,) = world.database.execute("select has_table_privilege('authsession_public', $1, 'select')", table)
        assert row[0] is False
