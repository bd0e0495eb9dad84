"""The example gateway as a node, beside a small control plane: joined, configured, and revoked."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from clients.gateway.configured import ConfiguredGateway, Limits
from clients.gateway.middleware import SignedRequests
from clients.node.conformance.control_plane import ControlPlane, Head, sign
from clients.node.conformance.loopback import Answered, Asked
from contracts.encoding import encode
from contracts.gateway_configuration import KIND
from contracts.node.manifest import COMPATIBILITY, Document, Manifest, Position, digest_of, encode_manifest
from contracts.node.signed import MANIFEST_MARKER
from contracts.node.status import ConfigError
from examples.collector.telemetry import decoded, lines
from examples.gateway.app import app
from examples.gateway.membership import Membership, described, open_membership
from examples.gateway.redis_login import OwnLogin
from examples.gateway.traces import Traces
from shared.kernel.clock import SystemClock
from tests.integration.gateway.test_signed_requests import Person
from tests.support.asgi import call
from tests.support.backends import on_both_backends
from tests.support.gateway_redis import GatewayRedis, ready_cache, until

NAME = "edge-config"
REASON = "max_body_bytes is 2000001, and the limit of this gateway is 2000000"


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    made = ControlPlane()
    made.server.start()
    yield made
    made.server.stop()


def activate(plane: ControlPlane, sequence: int, **document: Any) -> None:
    """Makes this gateway configuration the current one of the pool."""
    content = encode(document)
    now = SystemClock().now()
    listed = Document(KIND, NAME, sequence, digest_of(content), len(content))
    position = Position(1, sequence)
    keys = tuple(key.public for key in plane.ring)
    manifest = Manifest("edge", position, now, now + timedelta(days=30), COMPATIBILITY, keys, (listed,))
    signed = sign(plane.ring, MANIFEST_MARKER, encode_manifest(manifest))
    plane.put(Head(position, signed, {digest_of(content): content}))


def membership(plane: ControlPlane, folder: Path) -> Membership:
    return Membership(plane.server.url, folder / "node", "gateway-1", plane.join_string)


@asynccontextmanager
async def member(
    redis: GatewayRedis, wanted: Membership, revoked: anyio.Event | None = None
) -> AsyncGenerator[tuple[SignedRequests, ConfiguredGateway, Traces]]:
    async def on_revoked() -> None:
        if revoked is not None:
            revoked.set()

    async with ready_cache(redis) as cache:
        gateway, traces = ConfiguredGateway(cache, limits=Limits(body_bytes=2_000_000)), Traces()
        async with open_membership(wanted, gateway, traces, OwnLogin(wanted.folder), on_revoked):
            yield SignedRequests(app, gateway), gateway, traces


@on_both_backends
async def test_a_joined_gateway_takes_its_configuration_and_rejects_a_bad_one(
    gateway_redis: GatewayRedis, tmp_path: Path, capsys: pytest.CaptureFixture[str], plane: ControlPlane
) -> None:
    person = Person(gateway_redis)
    async with member(gateway_redis, membership(plane, tmp_path)) as (guarded, gateway, _):
        await until(lambda: plane.nodes)
        assert (await call(guarded, "POST", "/", person.headers("POST /", b"12"), [b"12"])).status == 200
        activate(plane, 1, mode="fail_static", serve_known_for=60, freshness_window=60, max_body_bytes=1)
        await until(lambda: gateway.current.configuration.freshness_window == 60)
        assert (await call(guarded, "POST", "/", person.headers("POST /", b"12"), [b"12"])).status == 413
        activate(plane, 2, max_body_bytes=2_000_001)
        await until(lambda: [s for s in plane.statuses if s.config is not None and s.config.outcome == "rejected"])
        assert gateway.current.configuration.freshness_window == 60
        status = plane.statuses[-1]
    assert status.config is not None
    assert status.config.error == ConfigError("cannot_apply", REASON, f"{KIND}/{NAME}")
    assert status.applied is not None
    assert status.applied.position == Position(1, 1)
    told = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("reached")]
    assert told == [
        f"joined      {next(iter(plane.nodes))} in the pool edge",
        f"applied     sequence 1 from control_plane: {described(gateway.current.configuration)}",
        f"rejected    sequence 2: {REASON}",
    ]


@on_both_backends
async def test_a_restarted_gateway_serves_with_the_configuration_of_its_folder(
    gateway_redis: GatewayRedis, tmp_path: Path, plane: ControlPlane
) -> None:
    wanted = membership(plane, tmp_path)
    assert not replace(wanted, join_string=None).is_wanted
    activate(plane, 1, mode="fail_static", serve_known_for=60)
    async with member(gateway_redis, wanted) as (_, gateway, _):
        await until(lambda: gateway.current.configuration.mode == "fail_static")
        await until((wanted.folder / "applied.json").exists)
    plane.server.stop()
    again = replace(wanted, join_string=None)
    assert again.is_wanted
    async with member(gateway_redis, again) as (_, gateway, _):
        assert gateway.current.configuration.mode == "fail_static"


@on_both_backends
async def test_a_revoked_gateway_is_told_once_and_its_traces_go_along_until_then(
    gateway_redis: GatewayRedis, tmp_path: Path, plane: ControlPlane
) -> None:
    arrived: list[str] = []

    def take_traces(asked: Asked, honest: Answered) -> Answered:
        if asked.path.endswith("/v1/traces"):
            arrived.extend(lines("traces", decoded("traces", asked.body, asked.headers["content-type"])))
        return honest

    plane.answer_instead = take_traces
    revoked = anyio.Event()
    async with member(gateway_redis, membership(plane, tmp_path), revoked) as (guarded, _, traces):
        await call(traces.around(guarded), "GET", "/whoami?secret=1")
        await until(lambda: plane.nodes)
        await until(lambda: arrived, seconds=10)
        plane.set_status("revoked")
        with anyio.fail_after(5):
            await revoked.wait()
    (line,) = arrived
    assert line.startswith("trace  example-gateway  GET ")
    assert line.endswith(" ms url.path=/whoami http.response.status_code=400")
