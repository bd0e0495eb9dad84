"""Values of secrets from the database to a node: nobody between reads one, and each opening has its row."""

import base64
import json
import os
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx
import pytest
import trio

from authsession.embedded.postgres import postgres_binaries
from clients.node import NodeSettings, Timing, open_node
from clients.node.conformance.loopback import Answered, Asked, Loopback
from contracts.node.names import SECRETS_PATH
from contracts.node.secrets import SecretVersion
from tests.support.builders import unique
from tests.support.collector import Collector, open_collector
from tests.support.database import Database
from tests.support.node_secrets import Stored, asked_for, body_for, name_in_manifest, opened, store
from tests.support.nodes import Node, make_node
from tests.support.secret_spellings import found_in
from tests.support.stack import RunningStack, open_stack, wait_for

API = "/api/control-plane"
MARKED = 100


class Proxy:
    """A proxy that ends TLS: it sees every request and answer in plain text, and keeps them."""

    def __init__(self, target: str) -> None:
        self.seen: list[bytes] = []
        self._http = httpx.Client(base_url=target, timeout=30)
        self.server = Loopback(self._handle)

    def close(self) -> None:
        self._http.close()

    def _handle(self, asked: Asked) -> Answered:
        headers = {name: value for name, value in asked.headers.items() if name not in ("host", "connection")}
        answer = self._http.request(asked.method, asked.target, headers=headers, content=asked.body)
        self.seen += [repr(asked).encode(), asked.body, answer.content]
        kept = {name: answer.headers[name] for name in ("content-type", "retry-after") if name in answer.headers}
        return Answered(answer.status_code, answer.content, kept)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with open_collector() as running:
        yield running


@pytest.fixture(scope="module")
def stack(database: Database, collector: Collector) -> Generator[RunningStack]:
    with open_stack(database, CONTROL_PLANE_AUTH_MODE="open", **collector.environment) as running:
        yield running


@pytest.fixture(scope="module")
def operator(stack: RunningStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.internal_url + API, timeout=30) as client:
        yield client


@pytest.fixture
def proxy(stack: RunningStack) -> Iterator[Proxy]:
    proxy = Proxy(stack.internal_url)
    proxy.server.start()
    yield proxy
    proxy.server.stop()
    proxy.close()


@pytest.fixture
def pool() -> str:
    return unique("pool-")


def call(operator: httpx.Client, method: str, path: str, body: object) -> Any:
    answer = operator.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def activate(operator: httpx.Client, pool: str) -> None:
    """Gives the pool a gateway configuration, so that its manifest names the secrets of the pool."""
    body: dict[str, Any] = {"name": unique("config-"), "pools": [pool], "draft": {}}
    made = call(operator, "POST", "/gateway-configs", body)["gateway_config"]
    path = f"/gateway-configs/{made['gateway_config_id']}"
    version = call(operator, "POST", f"{path}/publish", {"expected_revision": made["revision"]})["version"]
    call(operator, "POST", f"{path}/activate", {"version": version, "expected_active_version": None})


def put(operator: httpx.Client, pool: str, number: int, value: str) -> Stored:
    """Writes a secret of the pool as an operator does."""
    path = f"/pools/{pool}/secrets/MARKED_{number}"
    written = call(operator, "PUT", path, {"value": value, "expected_version": 0})
    assert value not in json.dumps(written)
    return Stored(SecretVersion(written["secret_id"], written["version"]), value.encode())


def request_to(stack: RunningStack, node: Node, body: bytes, request_id: str) -> bytes:
    """The bytes of a signed request."""
    headers = {
        **node.headers("POST", SECRETS_PATH, body, request_id=request_id),
        "host": "nodes.example", "content-type": "application/json", "content-length": str(len(body)),
    }  # fmt: skip
    lines = [f"POST {SECRETS_PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def rows(stack: RunningStack, request_ids: list[str]) -> Counter[tuple[str, str]]:
    """How many rows of an opening each request has for each secret."""
    found = stack.database.execute(
        "select request_id, subject from audit_events where event = 'security.open_secret' and outcome = 'opened'"
        " and request_id = any ($1)",
        request_ids,
    )
    return Counter((row["request_id"], row["subject"]) for row in found)


def test_no_value_is_in_a_dump_a_log_a_trace_a_metric_or_the_traffic(
    stack: RunningStack, collector: Collector, operator: httpx.Client, proxy: Proxy, pool: str, tmp_path: Path
) -> None:
    join_string = call(operator, "POST", "/node-join-tokens", {"pool": pool})["secret"]
    activate(operator, pool)
    stored = [put(operator, pool, number, token_urlsafe(24 + number)) for number in range(MARKED)]
    timing = Timing(poll_wait=1)
    settings = NodeSettings(
        (proxy.server.url,), tmp_path / "node", "node-1", join_string=join_string, timing=timing
    )  # fmt: skip
    assert trio.run(open_all, settings) == {tuple(each.version): each.value for each in stored}
    time.sleep(1.2)  # longer than the longest wait of an export
    assert any(span.name == f"POST {SECRETS_PATH}" for span in collector.spans())
    dump = [postgres_binaries() / "pg_dump", "--dbname", stack.database.owner_dsn]
    places = {
        "pg_dump": subprocess.run(dump, capture_output=True, timeout=60, check=True).stdout,
        "Redis": content_of(Path(stack.redis_server.folder)),
        "logs": "\n".join(line for lines in stack.lines.values() for line in lines).encode(),
        "metrics": httpx.get(stack.internal_url + "/metrics", timeout=30).content,
        "traces, logs and metrics exported": b"\n".join(body for _, body in collector.received.copy()),
        "traffic": b"\n".join(proxy.seen),
        "the node's folder": content_of(settings.folder),
    }
    assert all(places.values()), {place: len(text) for place, text in places.items()}
    assert b"authsession_secrets_opened_total 100" in places["metrics"]
    assert stored[0].secret_id.encode() in places["pg_dump"]
    assert SECRETS_PATH.encode() in places["traffic"]
    assert found_in(places, [each.value for each in stored]) == []


def test_the_search_finds_a_value_in_each_spelling() -> None:
    value = os.urandom(24)
    texts = [before + value + b"after" for before in (b"", b"x", b"xy", b"xyz")]
    for text in (*texts, *map(base64.b64encode, texts), *map(base64.urlsafe_b64encode, texts), value.hex().encode()):
        assert found_in({"planted": text}, [value]) == ["planted"]
        assert found_in({"planted": text}, [os.urandom(24)]) == []


async def open_all(settings: NodeSettings) -> dict[tuple[str, int], bytes]:
    """All values that the configuration names, as a node opens them."""

    async def apply(_: object) -> None:
        pass

    async with open_node(settings, apply) as node:
        with trio.fail_after(15):
            await node.ready()
        configuration = node.configuration
        assert configuration is not None
        named = [(each.secret_id, each.version) for each in configuration.manifest.secrets]
        opened = await node.open_secrets(named, "gateway", task_id="task-1")
        return {version: secret.bytes() for version, secret in opened.items()}


def content_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_client_that_hangs_up_leaves_one_row(stack: RunningStack, pool: str) -> None:
    node = make_node(stack.database, pool=pool)
    secret = store(stack.database, scope=("pool", pool))
    name_in_manifest(stack.database, pool, secret)
    request_ids = [unique("hung-up-") for _ in range(20)]
    for request_id in request_ids:
        with socket.create_connection(("127.0.0.1", stack.ports[1]), timeout=5) as connection:
            connection.sendall(request_to(stack, node, body_for(secret), request_id))
    wait_for(lambda: len(rows(stack, request_ids)) == len(request_ids))
    assert set(rows(stack, request_ids).values()) == {1}


def test_a_killed_process_leaves_a_row_for_each_value_that_it_handed_out(stack: RunningStack, pool: str) -> None:
    """A kill between commit and answer leaves a row too many for the client, and never one too few or twice."""
    stored = [store(stack.database, scope=("pool", pool)) for _ in range(5)]
    name_in_manifest(stack.database, pool, *stored)
    nodes = [make_node(stack.database, pool=pool) for _ in range(4)]
    answered: list[str] = []
    asked: list[str] = []
    is_over = threading.Event()

    def ask(node: Node) -> None:
        with httpx.Client(base_url=stack.internal_url, timeout=10) as http:
            while not is_over.is_set():
                request_id = unique("killed-")
                asked.append(request_id)
                if _values(http, node, stored, request_id) is not None:
                    answered.append(request_id)
                else:
                    time.sleep(0.1)

    with ThreadPoolExecutor(len(nodes)) as threads:
        running = [threads.submit(ask, node) for node in nodes]
        wait_for(lambda: len(answered) >= 20)
        stack.kill("internal")
        stack.start("internal")
        is_over.set()
        for each in running:
            each.result()
    counted = rows(stack, asked)
    assert set(counted.values()) == {1}
    assert {(request_id, each.secret_id) for request_id in answered for each in stored} <= counted.keys()


def _values(http: httpx.Client, node: Node, stored: list[Stored], request_id: str) -> list[bytes] | None:
    """The opened values; None if the process was killed meanwhile."""
    body = body_for(*stored)
    try:
        headers = {
            **node.headers("POST", SECRETS_PATH, body, request_id=request_id),
            "content-type": "application/json",
        }
        answer = http.post(SECRETS_PATH, content=body, headers=headers)
    except httpx.TransportError:
        return None
    if answer.status_code != 200:
        assert answer.status_code in (429, 503), answer.text
        return None
    values = list(opened(answer.content, asked_for(*stored), node, request_id).values())
    assert values == [each.value for each in stored]
    return values
