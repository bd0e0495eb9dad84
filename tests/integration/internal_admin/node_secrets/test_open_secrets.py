"""Secrets that nodes open: readable by the node that asked alone, for whom it is granted, and each opening recorded."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from clients.node.trust import NotTrusted
from contracts.node.names import SECRETS_PATH
from contracts.node.secrets import SecretVersion
from services.internal_admin.callers.identity import Caller, NodeCaller
from services.internal_admin.node_secrets.flow import SecretOpener
from shared.kernel.config_keys import NO_CONFIG_KEYS
from shared.kernel.faults import Overloaded
from shared.kernel.keyring import NO_KEYS, KeyRing
from tests.support import node_secrets
from tests.support.builders import unique
from tests.support.node_secrets import (
    CONFIG,
    SECRET_KEYS,
    Ask,
    Stored,
    add_version,
    asked_for,
    body_for,
    grant,
    open_api,
    opened,
    rows,
)
from tests.support.nodes import Node, make_node, send, with_new_keys
from tests.support.world import World

AGENT = "agent-01hzyqk3m8v5d2w7n4c6b9x1ta"
OTHER_KEYS = KeyRing.parse("test", "s2:YW5vdGhlci1rZXktb2Ytc2VjcmV0cy0zMi1ieXRlcyEhISE=")


@pytest.fixture(scope="module")
def client(world: World) -> httpx.AsyncClient:
    return open_api(world)


@pytest.fixture
def pool() -> str:
    return unique("pool-")


@pytest.fixture
def node(world: World, pool: str) -> Node:
    return make_node(world.database, pool=pool)


@pytest.fixture
def ask(world: World, client: httpx.AsyncClient, node: Node) -> Ask:
    return Ask(world, client, node)


@pytest.fixture
def store(world: World, pool: str) -> Callable[..., Stored]:
    def store(value: bytes | None = None, scope: tuple[str, str] | None = None) -> Stored:
        return node_secrets.store(world.database, value, scope=scope or ("pool", pool))

    return store


@pytest.fixture
def named(world: World, pool: str) -> Callable[..., None]:
    def named(*stored: Stored, reader: str = "gateway") -> None:
        node_secrets.name_in_manifest(world.database, pool, *stored, reader=reader)

    return named


REFUSED = (403, "secret_not_granted")


def test_values_come_in_the_asked_order_and_are_recorded(
    world: World, ask: Ask, store: Callable[..., Stored], named: Callable[..., None]
) -> None:
    stored = [store(), store(bytes(range(256))), store(b"x" * 65536)]
    named(*stored)
    assert ask.values(*reversed(stored), task_id="task-7") == [each.value for each in reversed(stored)]
    (row, *others) = world.database.execute(
        "select * from audit_events where subject = any ($1) order by audit_id", [each.secret_id for each in stored]
    )
    assert len(others) == 2
    assert (row["outcome"], row["caller"], row["network"]) == ("opened", ask.node.node_id, "192.0.2.9")
    assert json.loads(row["details"]) == {"version": 1, "reader": "gateway", "task_id": "task-7"}
    opens = world.database.execute(
        "select opened_by from secret_opens where secret_id = any ($1)", [each.secret_id for each in stored]
    )
    assert [each["opened_by"] for each in opens] == [ask.node.node_id] * 3


def test_only_the_node_that_asked_can_use_the_answer(
    world: World, ask: Ask, store: Callable[..., Stored], named: Callable[..., None], node: Node
) -> None:
    secret = store()
    named(secret)
    answer = ask.raw(secret)
    request_id = answer.request.headers["galaxy-request-id"]
    other = make_node(world.database, pool=node.pool)
    for reader, answered_to in ((other, request_id), (with_new_keys(node), request_id), (node, "another")):
        with pytest.raises(NotTrusted, match="untrusted_secret"):
            opened(answer.content, asked_for(secret), reader, answered_to)
    assert secret.value not in answer.content


@pytest.mark.parametrize(
    ("scope", "grantee", "reader", "may"),
    [
        ("pool", None, "gateway", True),
        ("pool", None, AGENT, True),
        ("other pool", None, "gateway", False),
        ("other pool", "pool", "gateway", True),
        ("other pool", "agent", AGENT, True),
        ("other pool", "agent", "gateway", False),
        ("agent", None, AGENT, True),
        ("agent", None, "gateway", False),
        ("other agent", None, AGENT, False),
        ("other agent", "agent", AGENT, True),
        ("installation", None, "gateway", False),
        ("installation", "pool", AGENT, True),
        ("connection", None, AGENT, True),
        ("connection", None, "gateway", False),
    ],
)
def test_a_reader_opens_its_own_its_pools_and_granted_secrets(
    world: World, ask: Ask, named: Callable[..., None], scope: str, grantee: str | None, reader: str, *, may: bool
) -> None:
    """The manifest names the secret for the reader each time."""
    pool = ask.node.pool
    scopes = {
        "pool": ("pool", pool), "other pool": ("pool", "elsewhere"), "agent": ("agent", AGENT),
        "other agent": ("agent", AGENT[:-1] + "b"), "installation": ("installation", ""),
        "connection": ("connection", "connection-1"),
    }  # fmt: skip
    secret = node_secrets.store(world.database, scope=scopes[scope])
    named(secret, reader=reader)
    if grantee is not None:
        grant(world.database, secret, grantee, pool if grantee == "pool" else reader if reader == AGENT else AGENT)
    answer = ask.raw(secret, reader=reader)
    assert answer.status_code == (200 if may else 403)
    assert rows(world, secret) == [(secret.secret_id, "opened" if may else "secret_not_granted")]


def test_a_secret_that_no_manifest_of_the_pool_names_is_refused(
    world: World, ask: Ask, store: Callable[..., Stored], named: Callable[..., None]
) -> None:
    named_one, unnamed, for_an_agent = store(), store(), store()
    named(named_one)
    unknown = Stored(named_one.version._replace(secret_id="secret-" + "0" * 26), b"")
    assert ask.refusal(named_one, unnamed, unknown) == REFUSED
    node_secrets.name_in_manifest(world.database, ask.node.pool, for_an_agent, reader=AGENT)
    assert ask.refusal(for_an_agent) == REFUSED
    assert ask.refusal(named_one) == REFUSED
    assert rows(world, named_one) == [(named_one.secret_id, "secret_not_granted")]
    assert rows(world, unnamed) == [(unnamed.secret_id, "secret_not_granted")]
    assert rows(world, unknown)[-1:] == [(unknown.secret_id, "secret_not_granted")]
    assert world.database.execute("select from secret_opens where secret_id = $1", named_one.secret_id) == []


def test_a_stage_serves_the_secrets_of_both_manifests(
    world: World, ask: Ask, store: Callable[..., Stored], named: Callable[..., None], pool: str
) -> None:
    old, new = store(), store()
    named(old)
    digest = bytes.fromhex(node_secrets.activate(world.database, pool, documents={}, percent=50).digest)
    world.database.execute("insert into config_secrets values ($1, $2, 'gateway', 1)", digest, new.secret_id)
    assert ask.values(old, new) == [old.value, new.value]
    named(new)
    assert ask.refusal(old) == REFUSED


CHANGES = {
    "the grant is withdrawn": "delete from secret_grants where secret_id = $1",
    "the secret is deleted": "update secrets set deleted_at = clock_now() where secret_id = $1",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_right_that_ends_is_refused_at_once_also_while_the_manifest_names_it(
    world: World, ask: Ask, named: Callable[..., None], change: str
) -> None:
    secret = node_secrets.store(world.database, scope=("installation", ""))
    named(secret)
    assert ask.refusal(secret) == REFUSED
    grant(world.database, secret, "pool", ask.node.pool)
    assert ask.values(secret) == [secret.value]
    world.database.execute(CHANGES[change], secret.secret_id)
    assert ask.refusal(secret) == REFUSED


def test_a_disabled_and_a_destroyed_version_are_gone(
    world: World, ask: Ask, store: Callable[..., Stored], named: Callable[..., None]
) -> None:
    """An enabled older version still opens. One that was never accepted is no version of the secret yet."""
    first = store()
    second = add_version(world.database, first, b"second")
    candidate = add_version(world.database, first, b"candidate", is_current=False)
    never = Stored(first.version._replace(version=9), b"")
    named(first)
    assert ask.values(first, second) == [first.value, b"second"]
    for gone in (candidate, never):
        assert ask.refusal(gone) == (410, "secret_version_gone")
    disable = "update secret_versions set state = 'disabled' where (secret_id, version) = ($1, 1)"
    world.database.execute(disable, first.secret_id)
    assert ask.refusal(first, second) == (410, "secret_version_gone")
    world.database.execute(
        "update secret_versions set state = 'destroyed', wrapped_key = null, ciphertext = null"
        " where (secret_id, version) = ($1, 1)",
        first.secret_id,
    )
    assert ask.refusal(first) == (410, "secret_version_gone")
    assert ask.values(second) == [b"second"]
    gone = [outcome for _, outcome in rows(world, first)]
    assert gone == ["opened", "opened", *["secret_version_gone"] * 4, "opened"]


def test_rows_that_were_swapped_are_refused_with_their_ids(
    world: World, ask: Ask, store: Callable[..., Stored], named: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """Values, names and wrapped keys that were changed by SQL open nothing, and nothing wrong is delivered."""
    one, two, good, renamed = store(b"one"), store(b"two"), store(b"good"), store(b"renamed")
    named(one, two, good, renamed)
    world.database.execute(
        "update secret_versions as v set wrapped_key = o.wrapped_key, ciphertext = o.ciphertext from secret_versions o"
        " where v.secret_id = any ($1) and o.secret_id = any ($1) and v.secret_id <> o.secret_id",
        [one.secret_id, two.secret_id],
    )
    world.database.execute("update secrets set name = 'ANOTHER' where secret_id = $1", renamed.secret_id)
    for bad in (one, two, renamed):
        answer = ask.raw(good, bad)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
        assert answer.headers["retry-after"] == "60"
        assert rows(world, bad) == [(bad.secret_id, "unreadable")]
        assert bad.secret_id in [getattr(record, "secret_id", None) for record in caplog.records]
    assert rows(world, good) == []
    assert ask.values(good) == [b"good"]


def test_without_keys_nothing_is_opened_or_recorded(
    world: World, node: Node, store: Callable[..., Stored], named: Callable[..., None]
) -> None:
    secret = store()
    named(secret)
    for keys, code in (
        ((NO_KEYS, CONFIG), "secret_keys_missing"),
        ((OTHER_KEYS, CONFIG), "secret_keys_missing"),
        ((SECRET_KEYS, NO_CONFIG_KEYS), "signing_keys_missing"),
    ):
        answer = Ask(world, open_api(world, *keys), node).raw(secret)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, code)
        assert answer.headers["retry-after"] == "60"
    assert rows(world, secret) == []


def test_a_full_memory_refuses_an_opening_before_it_is_recorded(
    world: World, node: Node, store: Callable[..., Stored], named: Callable[..., None]
) -> None:
    """A large answer counts until it is sent. What is counted is never less than the answer."""
    secrets = [store(b"x" * size) for size in (1, 65536)]
    named(*secrets)
    counted: list[int] = []

    def keep(size: int) -> None:
        counted.append(size)
        if len(counted) > 1:
            raise Overloaded

    keys = node.keys
    caller = NodeCaller(node.node_id, node.pool, node.node_name, 1, keys.encryption_key, unique("request-"), 0)
    opener = SecretOpener(world.internal, SECRET_KEYS, CONFIG)
    arguments = asked_for(*secrets), caller, Caller(node.node_id, None, caller.request_id), keep
    body = world.call(opener.open, *arguments)
    assert len(body) <= counted[0] < len(body) + 8192
    with pytest.raises(Overloaded):
        world.call(opener.open, *arguments)
    assert len(rows(world, *secrets)) == 2


def test_nodes_that_open_the_same_secrets_at_once_lock_each_other_out_of_nothing(
    world: World, client: httpx.AsyncClient, pool: str, store: Callable[..., Stored], named: Callable[..., None]
) -> None:
    """Each opening has one row, and the order in which secrets are asked for makes no deadlock."""
    stored = [store() for _ in range(8)]
    named(*stored)
    nodes = [make_node(world.database, pool=pool) for _ in range(8)]

    def ask(number: int) -> Sequence[bytes]:
        asked = stored[number:] + stored[:number]
        return Ask(world, client, nodes[number]).values(*asked)

    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(ask, range(8)))
    assert all(sorted(each) == sorted(secret.value for secret in stored) for each in values)
    assert sorted(rows(world, *stored)) == sorted([(each.secret_id, "opened") for each in stored] * 8)
    assert (
        world.database.execute("select deadlocks from pg_stat_database where datname = current_database()")[0][0] == 0
    )


def test_a_node_opens_six_hundred_secrets_a_minute(world: World, client: httpx.AsyncClient, node: Node) -> None:
    """Each secret counts, not each request, so that the audit rows of a node are bounded."""
    fifty = [Stored(SecretVersion(f"secret-{number:026d}", 1), b"") for number in range(50)]
    signed = [node.headers("POST", SECRETS_PATH, body_for(*fifty)) for _ in range(13)]
    statuses = [send(world, client, "POST", SECRETS_PATH, body_for(*fifty), each).status_code for each in signed]
    assert statuses == [403] * 12 + [429]
    assert Ask(world, client, make_node(world.database, pool=node.pool)).raw(fifty[0]).status_code == 403
