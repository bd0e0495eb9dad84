"""A connection that moves to another server: agents never send the new key to the old server."""

from collections.abc import Iterator

import pytest

from services.internal_admin.callers.identity import Scope
from tests.integration.internal_admin.connections.conftest import KEY, Operator
from tests.support.api_tokens import make_token
from tests.support.builders import unique
from tests.support.control_plane import ControlPlane
from tests.support.far_ends import FarEnd, far_end, provider
from tests.support.world import World

SCOPES = (
    Scope.CONNECTIONS_READ,
    Scope.CONNECTIONS_WRITE,
    Scope.AGENTS_READ,
    Scope.AGENTS_WRITE,
    Scope.AGENTS_PUBLISH,
    Scope.SECRETS_READ,
)


@pytest.fixture(scope="module")
def operator(world: World, plane: ControlPlane) -> Operator:
    """An operator who also publishes agents."""
    return Operator(plane, make_token(world, SCOPES).secret)


@pytest.fixture
def other() -> Iterator[FarEnd]:
    """Another server."""
    with far_end(provider("key-of-another-server")) as running:
        yield running


def publish(operator: Operator, agent_id: str, active: int | None) -> None:
    """Publishes the draft of the first revision, and activates the version."""
    body = {"expected_revision": 1}
    version = operator.call("POST", f"agents/{agent_id}/publish", body).json()["version"]
    asked = {"version": version, "expected_active_version": active}
    answer = operator.call("POST", f"agents/{agent_id}/activate", asked)
    assert answer.status_code == 200, answer.text


def openable(world: World, agent_id: str) -> list[tuple[str, int]]:
    """The secrets that nodes may open for the agent."""
    rows = world.database.execute(
        "select secret_id, version from config_heads join config_secrets on manifest_digest = digest where reader = $1",
        agent_id,
    )
    return [(row["secret_id"], row["version"]) for row in rows]


def states(world: World, name: str) -> dict[str, tuple[str, bool]]:
    """Name of each secret of the connection, and whether it is deleted, by its id."""
    rows = world.database.execute(
        "select secret_id, secrets.name, deleted_at is not null as is_deleted from secrets"
        " join connections on scope_id = connection_id where connections.name = $1 order by secret_id",
        name,
    )
    return {row["secret_id"]: (row["name"], row["is_deleted"]) for row in rows}


def test_a_key_for_another_server_is_another_secret_until_agents_are_published(
    world: World, operator: Operator, end: FarEnd, other: FarEnd, name: str
) -> None:
    pool = unique("pool-")
    world.database.execute("insert into node_pools values ($1, clock_now())", pool)
    operator.put(name, end.url)
    draft = {"model": {"connection": name, "model": "model-1"}}
    made = operator.call("POST", "agents", {"name": unique("agent-"), "pools": [pool], "draft": draft}).json()
    agent_id = made["agent"]["agent_id"]
    publish(operator, agent_id, None)
    [(old, version)] = openable(world, agent_id)
    assert version == 1

    assert operator.put(name, other.url, "wrong", expected=1).json()["outcome"] == "refused"
    assert operator.put(name, other.url, "key-of-another-server", expected=2).json()["outcome"] == "accepted"
    assert openable(world, agent_id) == [(old, 1)]
    publish(operator, agent_id, 1)
    [(new, version)] = openable(world, agent_id)
    assert (new != old, version) == (True, 1)
    assert operator.put(name, other.url, "key-of-another-server", expected=3).json()["outcome"] == "accepted"
    assert openable(world, agent_id) == [(new, 2)]
    assert states(world, name)[old] == ("API_KEY", True)
    assert [secret for secret, (_, is_deleted) in states(world, name).items() if not is_deleted] == [new]


def test_a_secret_that_no_agent_names_goes_when_its_connection_moves(
    world: World, operator: Operator, end: FarEnd, other: FarEnd, name: str
) -> None:
    operator.put(name, end.url)
    assert operator.put(name, other.url, "key-of-another-server", expected=1).json()["outcome"] == "accepted"
    assert list(states(world, name).values()) == [("API_KEY", True), ("API_KEY_2", False)]
    assert operator.put(name, other.url, None, expected=2).json()["outcome"] == "accepted"
    assert operator.put(name, end.url, KEY, expected=3).json()["outcome"] == "accepted"
    assert [state for state in states(world, name).values() if not state[1]] == [("API_KEY_4", False)]
