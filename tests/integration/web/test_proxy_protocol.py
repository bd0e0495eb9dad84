"""A listener behind a balancer that speaks the PROXY protocol: scripted bytes always, HAProxy where it is installed."""

import shutil
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network
from pathlib import Path

import pytest
import trio

from authsession.embedded.child import free_port
from shared.web.server import places
from shared.web.server.http_connection import Rules
from tests.integration.web.served import Client, Server, running
from tests.integration.web.test_http_rules import get, post
from tests.unit.http.test_proxy_protocol import V4, V6, WHOLE

RULES = Rules(trusted_proxies=(ip_network("127.0.0.1"),), expects_proxy_protocol=True)
CONFIGURATION = """
defaults
    mode tcp
    timeout connect 2s
    timeout client 5s
    timeout server 5s
listen authsession
    bind 127.0.0.1:{port}
    server one 127.0.0.1:{server} {way}
"""


async def test_the_header_names_the_client_of_a_request() -> None:
    async with running(rules=RULES) as server:
        for header, source in WHOLE.items():
            client = await server.connect()
            await client.send(header + post())
            assert (await client.answer()).status == 200
            await client.send(get("/things/1"))
            assert (await client.answer()).status == 200
            asked = server.seen[-2:]
            assert [request.client.address for request in asked] == [source[0] if source else "127.0.0.1"] * 2


async def test_addresses_forwarded_by_the_client_of_the_header_are_not_believed() -> None:
    async with running(rules=RULES) as server:
        client = await server.connect()
        await client.send(V4 + post("/echo", b"{}", "X-Forwarded-For: 198.51.100.1"))
        assert (await client.answer()).status == 200
        assert server.seen[0].client.address == "192.0.2.7"


async def test_a_header_that_drips_is_read_and_one_that_stops_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.web.server.http_connection.HEAD_SECONDS", 0.3)
    async with running(rules=RULES) as server:
        client, stopped = await server.connect(), await server.connect()
        for byte in V6 + post():
            await client.send(bytes([byte]))
        assert (await client.answer()).status == 200
        await stopped.send(V6[:20])
        assert await stopped.is_closed_within(2)


@pytest.mark.parametrize("data", [post(), b"PROXY nonsense\r\n", b"\x16\x03\x01", V4[:12] + b"\xff" * 20])
async def test_a_connection_without_a_header_is_ended_without_an_answer(data: bytes) -> None:
    async with running(rules=RULES) as server:
        client = await server.connect()
        await client.send(data)
        with trio.fail_after(2):
            with suppress(trio.BrokenResourceError):
                assert await client.stream.receive_some() == b""
        assert server.seen == []


async def test_a_peer_that_is_no_trusted_proxy_is_not_heard() -> None:
    async with running(rules=RULES) as server:
        stranger = await server.connect(source="127.0.0.2")
        await stranger.send(V4 + post())
        with trio.fail_after(2):
            with suppress(trio.BrokenResourceError):
                assert await stranger.stream.receive_some() == b""
        assert server.seen == []


async def test_a_header_is_a_malformed_request_where_the_protocol_is_off(server: Server) -> None:
    for header in (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 8080\r\n", V4):
        assert (await server.ask(header + post())).code == "invalid_request"


async def test_places_are_counted_for_the_network_of_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MAX_CONNECTIONS", 8)
    async with running(rules=RULES) as server:
        many: list[Client] = []
        for _ in range(6):
            many.append(await server.connect())
            await many[-1].send(V4)
            await trio.sleep(0.02)
        for client in many[:2]:
            assert await client.is_closed_within(1)
        other = await server.connect()
        await other.send(V6 + post())
        assert (await other.answer()).status == 200
        assert not await many[-1].is_closed_within(0.1)


@asynccontextmanager
async def haproxy(folder: Path, server: Server, way: str) -> AsyncGenerator[int]:
    port = free_port()
    configuration = folder / "haproxy.cfg"
    await trio.Path(configuration).write_text(CONFIGURATION.format(port=port, server=server.port, way=way))
    process = subprocess.Popen(["haproxy", "-db", "-q", "-f", configuration])  # noqa: ASYNC220 - it only starts
    try:
        yield port
    finally:
        process.terminate()
        await trio.to_thread.run_sync(process.wait)


@pytest.mark.skipif(
    shutil.which("haproxy") is None,
    reason="needs HAProxy, which .ci/run installs; the other tests of this file send the header as bytes, everywhere",
)
@pytest.mark.parametrize("way", ["send-proxy", "send-proxy-v2"])
async def test_haproxy_is_understood(tmp_path: Path, way: str) -> None:
    async with running(rules=RULES) as server, haproxy(tmp_path, server, way) as port:
        with trio.fail_after(10):
            while True:
                try:
                    stream = await trio.open_tcp_stream("127.0.0.1", port, local_address="127.0.0.9")
                    break
                except OSError:
                    await trio.sleep(0.05)
        client = Client(stream)
        for request in (post(), get("/things/1")):
            await client.send(request)
            assert (await client.answer()).status == 200
        await stream.aclose()
        assert [request.client.address for request in server.seen] == ["127.0.0.9"] * 2
