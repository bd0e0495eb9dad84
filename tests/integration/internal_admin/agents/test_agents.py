"""Agents on real servers: racing writers, names that become ids, deleted secrets, routes under a key."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from authsession.embedded.postgres import postgres_binaries
from contracts.agent_document import decode_agent_document
from services.internal_admin.agents.kind import agents_of
from services.internal_admin.agents.store import read_prompt
from services.internal_admin.callers.identity import Scope
from services.internal_admin.publication.store import heads, subjects
from services.internal_admin.publication.store.references import SecretReferences
from services.internal_admin.secrets.domain.secret import INSTALLATION, SecretScope
from services.internal_admin.secrets.store import values
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_connection_id
from tests.support.api_tokens import make_token
from tests.support.builders import unique
from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.public_flow import race
from tests.support.publication import KEYS, Publisher
from tests.support.secret_spellings import found_in
from tests.support.secrets import Keeper
from tests.support.world import World

AGENTS = "/api/control-plane/agents"
PROMPT: dict[str, Any] = {"sections": [{"key": "role", "text": "You are {{name}}."}], "variables": {"name": "Ada"}}


@pytest.fixture(scope="module")
def publisher(world: World, wide_pool: Postgres) -> Publisher:
    return Publisher(world, wide_pool, kind=agents_of(KEYS))


@pytest.fixture(scope="module")
def keeper(world: World) -> Keeper:
    return Keeper(world)


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, requires_token=True) as control_plane:
        yield control_plane


def names(outcomes: list[Any]) -> Counter[str]:
    return Counter(outcome.name for outcome in outcomes)


def findings(publisher: Publisher, agent_id: str) -> list[str]:
    checks = publisher.run(subjects.check_subject, publisher.kind, agent_id)
    return [f"{each.level} {each.name}" for each in checks if each.name not in ("model", "pool_nodes", "allowed_users")]


def add_connection(world: World, kind: str = "openai_compatible", *, is_accepted: bool = True) -> tuple[str, str]:
    """Id and name of a connection whose key is a secret of its own."""
    connection_id, name = new_connection_id(SystemClock(), SystemEntropy()), unique("models-")
    secret = Keeper(world).insert(SecretScope("connection", connection_id), "API_KEY", b"key", make_current=True)
    world.database.execute(
        "insert into connections (connection_id, name, kind, last_revision, accepted_revision, created_at, updated_at)"
        " values ($1, $2, $3, 1, $4, clock_now(), clock_now())",
        connection_id, name, kind, 1 if is_accepted else None,
    )  # fmt: skip
    world.database.execute(
        "insert into connection_revisions (connection_id, revision, settings, secrets, created_by, created_at)"
        " values ($1, 1, $2::text::jsonb, jsonb_build_object('API_KEY', jsonb_build_array($3::text, 1)), 'tests',"
        " clock_now())",
        connection_id, '{"base_url": "https://models.example/v1"}', secret.secret_id,
    )  # fmt: skip
    return connection_id, name


def test_of_40_writers_who_read_one_revision_one_writes(publisher: Publisher) -> None:
    agent_id = publisher.create([], **PROMPT)
    for number in range(6):
        publisher.change(agent_id, description=f"{number}")
    writers = [publisher.change_of(agent_id, 7, variables={"name": str(number)}) for number in range(40)]
    outcomes = publisher.world.call(race, *writers)
    assert names(outcomes) == {"changed": 1, "revision_conflict": 39}
    [number] = [place for place, outcome in enumerate(outcomes) if outcome.name == "changed"]
    assert publisher.read(agent_id).draft["variables"] == {"name": str(number)}


def test_of_20_publishes_of_one_draft_one_makes_a_version(publisher: Publisher) -> None:
    agent_id = publisher.create([publisher.pool()], **PROMPT)
    reviewed = publisher.read(agent_id).revision
    publisher.change(agent_id, description="another")
    assert publisher.world.call(publisher.publish_of(agent_id, reviewed)).name == "revision_conflict"
    outcomes = publisher.world.call(race, *[publisher.publish_of(agent_id, reviewed + 1)] * 20)
    assert names(outcomes) == {"published": 1, "unchanged": 19}
    assert publisher.read(agent_id).last_version == 1


def test_checks_know_connections_and_secrets_as_they_are(world: World, publisher: Publisher, keeper: Keeper) -> None:
    connection_id, name = add_connection(world)
    _, refused = add_connection(world, is_accepted=False)
    _, mail = add_connection(world, "smtp")
    pool = publisher.pool()
    model = {"connection": name, "model": "gpt-test"}
    agent_id = publisher.create([pool], **PROMPT, model=model, secrets=["TOKEN"])
    assert findings(publisher, agent_id) == ["error secret_exists"]
    installation = keeper.insert(INSTALLATION, "TOKEN", b"1", usage="grantable", make_current=True).secret_id
    assert findings(publisher, agent_id) == ["error secret_granted"]
    grant = "insert into secret_grants values ($1, $2, $3, 'tests', clock_now())"
    world.database.execute(grant, installation, "pool", pool)
    assert findings(publisher, agent_id) == []
    of_pool = keeper.insert(SecretScope("pool", pool), "TOKEN", b"2", usage="grantable", make_current=True).secret_id
    publisher.publish(agent_id)
    named = "select secret_id from subject_version_secrets where subject_id = $1 and version = $2"
    assert of_pool in {row["secret_id"] for row in world.database.execute(named, agent_id, 1)}
    own = keeper.insert(SecretScope("agent", agent_id), "TOKEN", b"3", usage="grantable", make_current=True).secret_id
    publisher.activate(agent_id, publisher.publish(agent_id))
    assert own in {row["secret_id"] for row in world.database.execute(named, agent_id, 2)}
    assert len(world.database.execute(named, agent_id, 2)) == 2  # the connection's key too

    world.database.execute("update connection_revisions set settings = '{}' where connection_id = $1", connection_id)
    world.database.execute(
        "insert into connection_states (connection_id, status, since, next_probe_at)"
        " values ($1, 'failing', clock_now(), clock_now())",
        connection_id,
    )
    assert findings(publisher, agent_id) == ["warning connection_health", "warning connection_changed"]
    integrations = [{"connection": each, "allow": ["*"]} for each in ("gone", refused, mail)]
    publisher.change(agent_id, model=None, integrations=integrations)
    expected = ["error connection_exists", "error connection_accepted", "error connection_kind"]
    assert findings(publisher, agent_id) == expected


def test_a_prompt_above_the_setting_is_not_published(world: World, publisher: Publisher) -> None:
    agent_id = publisher.create([publisher.pool()], sections=[{"key": "a", "text": "x" * 4_004}])
    world.database.execute("update settings set max_prompt_tokens = 1000")
    try:
        assert findings(publisher, agent_id) == ["error prompt_budget"]
    finally:
        world.database.execute("update settings set max_prompt_tokens = 100000")
    assert findings(publisher, agent_id) == []


def test_the_prompt_of_a_draft_has_the_digest_of_the_published_document(publisher: Publisher) -> None:
    agent_id = publisher.create([publisher.pool()], **PROMPT)
    shown = publisher.run(read_prompt, publisher.kind, agent_id, "draft")
    found = publisher.run(subjects.read_version, agent_id, publisher.publish(agent_id))
    assert (shown.text, shown.digest) == ("You are Ada.", found.version.digest.hex())
    assert decode_agent_document(found.document).prompt == shown.text
    assert publisher.run(read_prompt, publisher.kind, agent_id, 1) == shown


def test_no_version_manifest_diff_export_or_dump_shows_the_value_of_a_secret(
    world: World, publisher: Publisher, keeper: Keeper
) -> None:
    """The secret was named by versions 1 to 5 and opened by nobody. It is deleted first and destroyed later."""
    value = unique("value-of-a-secret-").encode()
    pool = publisher.pool()
    agent_id = publisher.create([pool], secrets=["TOKEN"])
    scope = SecretScope("agent", agent_id)
    version = keeper.insert(scope, "TOKEN", value, usage="grantable", make_current=True)
    for number in range(1, 6):
        publisher.change(agent_id, description=str(number))
        publisher.activate(agent_id, publisher.publish(agent_id))
    assert [each.secret_id for each in publisher.manifest(pool).secrets] == [version.secret_id]
    assert keeper.run(values.delete_secrets_of, SecretReferences(KEYS).refresh, scope) == (version.secret_id,)
    assert publisher.manifest(pool).secrets == ()
    shown = [publisher.run(heads.read_bundle, pool), publisher.run(subjects.read_sides, publisher.kind, agent_id, 1, 5)]
    shown += [publisher.run(subjects.read_version, agent_id, number) for number in range(1, 6)]
    places = {
        "the answers": b"".join(repr(each).encode() + getattr(each, "document", b"") for each in shown),
        "a dump after the deletion": dump(world),
    }
    assert keeper.run(values.destroy_versions, keeper.vault, version.secret_id, [1]) == (1,)
    places["a dump after the destruction"] = dump(world)
    assert all(version.secret_id.encode() in text for text in places.values())
    assert found_in(places, [value]) == []
    sealed = "select wrapped_key, ciphertext from secret_versions where secret_id = $1"
    assert [tuple(row) for row in world.database.execute(sealed, version.secret_id)] == [(None, None)]


def dump(world: World) -> bytes:
    """Everything that the database holds."""
    command = [postgres_binaries() / "pg_dump", "--dbname", world.database.owner_dsn]
    return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout


def test_an_archived_agent_takes_its_secrets_from_other_readers_too(
    world: World, publisher: Publisher, keeper: Keeper
) -> None:
    pool = publisher.pool()
    owner = publisher.create([pool])
    scope = SecretScope("agent", owner)
    secret_id = keeper.insert(scope, "SHARED", b"1", usage="grantable", make_current=True).secret_id
    world.database.execute("insert into secret_grants values ($1, 'pool', $2, 'tests', clock_now())", secret_id, pool)
    reader = publisher.activated([pool], secrets=["SHARED"])
    assert reader in {each.reader for each in publisher.manifest(pool).secrets}
    assert publisher.world.call(publisher.archive_of(owner)).name == "archived"
    assert publisher.manifest(pool).secrets == ()
    [row] = world.database.execute("select deleted_at from secrets where secret_id = $1", secret_id)
    assert row["deleted_at"] is not None


def test_agents_of_one_pool_are_active_side_by_side(publisher: Publisher) -> None:
    pool = publisher.pool()
    agents = [publisher.create([pool], **PROMPT) for _ in range(6)]
    contenders = [publisher.activate_of(each, publisher.publish(each), None) for each in agents]
    assert names(publisher.world.call(race, *contenders)) == {"activated": 6}
    assert len(publisher.manifest(pool).documents) == publisher.served(pool).head.position.sequence == 6
    pauses = publisher.world.call(race, *[publisher.pause_of(each) for each in agents])
    assert names(pauses) == {"paused": 6}
    assert publisher.manifest(pool).documents == ()


def test_a_request_under_a_key_happens_once_and_is_audited_once(world: World, plane: ControlPlane) -> None:
    token = make_token(world, [Scope.AGENTS_READ, Scope.AGENTS_WRITE]).secret
    headers, body = {"idempotency-key": unique("key-")}, {"name": unique("agent-"), "draft": PROMPT}
    first, second = (plane.post(AGENTS, body, token=token, headers=headers) for _ in range(2))
    assert (first.status_code, first.content) == (200, second.content)
    agent_id = first.json()["agent"]["agent_id"]
    path = f"{AGENTS}/{agent_id}"
    assert plane.post(f"{path}/publish", {"expected_revision": 1}, token=token).status_code == 403
    assert plane.get(f"{path}/compiled-prompt", token=token, **{"from": "draft"}).json()["text"] == "You are Ada."
    page = plane.get(AGENTS, token=token, limit=1).json()
    assert (page["agents"][0]["agent_id"], "next_cursor" in page) == (agent_id, True)
    rows = world.database.execute("select event, outcome from audit_events where subject = $1", agent_id)
    assert [tuple(row) for row in rows] == [("security.create_agent", "created")]
