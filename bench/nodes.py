"""Nodes that wait for configuration: `python -m bench.nodes`.

Simulated nodes in a process of their own sign each request and poll one internal process. Printed are the time from an
activation to the answer and to the recorded status, the CPU and memory of waiting, and the time of a revocation.
"""

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.clients import Answer, HttpClient
from bench.processes import cpu_seconds, resident_mebibytes
from clients.gateway.signature import Signer
from contracts.node.manifest import decode_statement
from contracts.node.names import CONFIG_PATH, STATUS_PATH
from contracts.node.poll import Poll, decode_poll_answer, encode_poll
from contracts.node.status import ConfigOutcome, Status, encode_status
from contracts.signed_request import encode_envelope, http_message_type
from tests.support.database import Database, cloned_database, create_template
from tests.support.published import activate
from tests.support.servers import temporary_postgres
from tests.support.stack import RunningStack, open_stack

CROWDS = (1, 100, 2000)
REVOCATIONS = 200
IDLE_SECONDS = 20.0
_POOL = "bench-{}"
_CONFIGS = "/api/control-plane/gateway-configs"
_REVOKED = 401


def key_of(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"bench {number}".encode()).digest())


def node_id_of(number: int) -> str:
    return f"node-{number:026d}"


class SimulatedNode:
    """A node that polls, and reports what it got. `answered` and `applied` are times of the machine's clock."""

    def __init__(self, number: int, port: int, *, reports: bool) -> None:
        self.answered: list[float] = []
        self.applied: list[float] = []
        self.refused: list[tuple[float, int]] = []
        self._number = number
        self._signer = Signer(node_id_of(number), key_of(number))
        self._client = HttpClient("127.0.0.1", port)
        self._reports = reports
        self._have: str | None = None
        self._requests = 0

    async def run(self) -> None:
        """Poll again and again. A connection that the listener had no place for is opened anew."""
        await asyncio.sleep(self._number % 100 / 20)
        while True:
            try:
                if await self._poll() == _REVOKED:
                    return
            except ConnectionError:
                await asyncio.sleep(0.5)

    async def _poll(self) -> int:
        """One poll, and the status after it. Returns the status of the answer."""
        query = encode_poll(Poll(have=self._have, wait=50))
        answer = await self._send("GET", f"{CONFIG_PATH}?{query}")
        now = time.monotonic()
        if answer.status != 200:
            self.refused.append((now, answer.status))
            await asyncio.sleep(1)
            return answer.status
        decoded = decode_poll_answer(answer.body)
        statement = decode_statement(decoded.statement.payload)
        if decoded.manifest is None or statement.digest is None:
            return answer.status
        self.answered.append(now)
        self._have = statement.digest
        if self._reports:
            outcome = ConfigOutcome(statement.position, statement.digest, "applied")
            await self._send("PUT", STATUS_PATH, encode_status(Status("boot-of-a-bench-node", outcome)))
            self.applied.append(time.monotonic())
        return answer.status

    async def _send(self, method: str, target: str, body: bytes = b"") -> Answer:
        self._requests += 1
        path, _, query = target.partition("?")
        envelope = self._signer.sign(
            http_message_type(method, path.encode(), query.encode()),
            body,
            timestamp_ms=int(time.time() * 1000),
            request_id=f"{self._signer.device_session_id}-{self._requests}-{time.monotonic_ns()}",
        )
        lines = [f"{name}: {value}" for name, value in encode_envelope(envelope).items()]
        if body:
            lines += ["content-type: application/json", f"content-length: {len(body)}"]
        return await self._client.send(f"{method} {target} HTTP/1.1", *lines, payload=body)


def crowd(numbers: Sequence[int], port: int, pipe: Connection, *, reports: bool) -> None:
    """The process of simulated nodes. It answers each word on the pipe with what happened since the last."""

    async def run() -> None:
        nodes = [SimulatedNode(number, port, reports=reports) for number in numbers]
        tasks = [asyncio.create_task(node.run()) for node in nodes]
        while True:
            await asyncio.to_thread(pipe.recv)
            pipe.send((
                [at for node in nodes for at in node.answered],
                [at for node in nodes for at in node.applied],
                [at for node in nodes for at in node.refused],
            ))  # fmt: skip
            for node in nodes:
                for told in (node.answered, node.applied, node.refused):
                    told.clear()
            assert tasks

    asyncio.run(run())


class Crowd:
    """Simulated nodes of one pool, in another process."""

    def __init__(self, stack: RunningStack, database: Database, first: int, count: int, *, reports: bool) -> None:
        self.pool, self.count = _POOL.format(first), count
        self.numbers = range(first, first + count)
        make_nodes(database, self.pool, self.numbers)
        activate(database, self.pool)
        self._pipe, far = multiprocessing.Pipe()
        arguments = (self.numbers, stack.ports[1], far)
        self._process = multiprocessing.get_context("spawn").Process(
            target=crowd, args=arguments, kwargs={"reports": reports}, daemon=True
        )
        self._process.start()
        self.await_all("answered")

    def events(self) -> tuple[list[float], list[float], list[tuple[float, int]]]:
        self._pipe.send("tell")
        return self._pipe.recv()

    def await_all(self, what: str) -> tuple[list[float], list[float]]:
        """The times of answers and of recorded statuses, once there is one of each node."""
        answered: list[float] = []
        applied: list[float] = []
        deadline = time.monotonic() + 120
        while True:
            more_answered, more_applied, _ = self.events()
            answered += more_answered
            applied += more_applied
            found = applied if what == "applied" else answered
            if len(found) >= self.count:
                return answered, applied
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(found)} of {self.count} nodes {what}")
            time.sleep(0.2)

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


def make_nodes(database: Database, pool: str, numbers: Sequence[int]) -> None:
    ids = [node_id_of(number) for number in numbers]
    keys = [key_of(number).public_key().public_bytes_raw() for number in numbers]
    database.execute("insert into node_pools values ($1, clock_now()) on conflict do nothing", pool)
    database.execute(
        "insert into nodes (node_id, pool, node_name, status, created_at)"
        " select id, $2, id, 'active', clock_now() from unnest($1::text[]) as id", ids, pool,
    )  # fmt: skip
    database.execute(
        "insert into node_keys select key, id, 1, key, clock_now() from unnest($1::text[], $2::bytea[]) as n (id, key)",
        ids, keys,
    )  # fmt: skip


def spread(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    shares = {"p50": 0.5, "p99": 0.99, "most": 1.0}
    shown = {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in shares.items()}
    return "   ".join(f"{name} {value * 1000:7.1f} ms" for name, value in shown.items()) + f"   ({len(ordered)})"


def activations(database: Database, group: Crowd, rounds: int) -> None:
    """The activation is written to Postgres as another process would, and nobody is woken: the look finds it."""
    answered: list[float] = []
    applied: list[float] = []
    for _ in range(rounds):
        time.sleep(6)
        group.events()
        activate(database, group.pool)
        at = time.monotonic()
        one, other = group.await_all("applied")
        answered += [each - at for each in one]
        applied += [each - at for each in other]
    print(f"\nactivation, {group.count} nodes, found by the look (without Redis):")
    print(f"  answered {spread(answered)}\n  applied  {spread(applied)}")


def operator_activations(stack: RunningStack, group: Crowd, rounds: int) -> None:
    """An operator activates one of two versions in turn. The times begin with the operator's request."""
    answered: list[float] = []
    applied: list[float] = []
    with httpx.Client(base_url=stack.internal_url, timeout=30) as client:

        def call(method: str, path: str, body: dict[str, object]) -> dict[str, Any]:
            network = f"10.2.{len(answered) >> 8 & 255}.{len(answered) & 255}"
            answer = client.request(method, _CONFIGS + path, json=body, headers={"x-forwarded-for": network})
            answer.raise_for_status()
            return answer.json()

        made = call("POST", "", {"name": group.pool, "pools": [group.pool], "draft": {"freshness_window": 20}})
        path = f"/{made['gateway_config']['gateway_config_id']}"
        call("POST", f"{path}/publish", {"expected_revision": 1})
        call("PATCH", path, {"expected_revision": 1, "draft": {"freshness_window": 30}})
        call("POST", f"{path}/publish", {"expected_revision": 2})
        active: int | None = None
        for number in range(rounds):
            time.sleep(0.6)
            group.events()
            version = number % 2 + 1
            at = time.monotonic()
            call("POST", f"{path}/activate", {"version": version, "expected_active_version": active})
            one, other = group.await_all("applied")
            active = version
            answered += [each - at for each in one]
            applied += [each - at for each in other]
    print(f"\nactivation by an operator, {group.count} nodes:")
    print(f"  answered {spread(answered)}\n  applied  {spread(applied)}")


def idle(stack: RunningStack, group: Crowd, before: float) -> None:
    """CPU and memory of waiting; each node polls again every 50 s, and its polls count."""
    pid = stack.child("internal").pid
    time.sleep(5)
    after = resident_mebibytes(pid)
    started = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    share = (cpu_seconds(pid) - started) / IDLE_SECONDS
    print(f"\n{group.count} held polls: {share:.1%} of a core, {(after - before) * 1024 / group.count:.1f} KiB each")


def revocations(stack: RunningStack, group: Crowd) -> None:
    """Each revokes a node through the API of operators, and waits for the end of its held poll."""
    times: list[float] = []
    body = {"reason_code": "bench", "actor": {"type": "system"}}
    with httpx.Client(base_url=stack.internal_url) as client:
        for number in list(group.numbers)[:REVOCATIONS]:
            group.events()
            at = time.monotonic()
            answer = client.post(
                f"/api/control-plane/nodes/{node_id_of(number)}/revoke",
                content=json.dumps(body),
                headers={
                    "content-type": "application/json",
                    "x-forwarded-for": f"10.1.{number >> 8 & 255}.{number & 255}",
                },
            )
            answer.raise_for_status()
            while not (found := group.events()[2]):
                time.sleep(0.005)
            times.append(found[0][0] - at)
    print(f"\nrevocation to the end of a held poll: {spread(times)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.nodes", description=__doc__)
    parser.add_argument("--most", type=int, default=CROWDS[-1], help="the largest crowd")
    parser.add_argument("--least", type=int, default=CROWDS[0], help="the smallest crowd")
    arguments = parser.parse_args()
    most: int = arguments.most
    least: int = arguments.least
    settings = {"CONTROL_PLANE_AUTH_MODE": "open", "AUTHSESSION_TRUSTED_PROXIES": "127.0.0.1/32"}
    with temporary_postgres(durable=True) as server:
        create_template(server)
        with cloned_database(server) as database, open_stack(database, **settings) as stack:
            first = 1
            for count in [count for count in CROWDS if least <= count <= most]:
                before = resident_mebibytes(stack.child("internal").pid)
                group = Crowd(stack, database, first, count, reports=True)
                first += count
                activations(database, group, rounds=5)
                operator_activations(stack, group, rounds=100 if count == 1 else 5)
                if count == most:
                    idle(stack, group, before)
                    revocations(stack, group)
                group.stop()
                time.sleep(2)


if __name__ == "__main__":
    main()
