"""Calls to far ends that came in over the API, with real listeners that count connections (SPEC §18.4)."""
# ruff: noqa: S104 - no address here is bound

import logging
import socket
import ssl
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import trio

from shared.io import egress_dial
from shared.io.egress import MAX_ANSWER_BYTES, Egress, EgressAnswer, NoEgress
from shared.io.egress_dial import Resolve, SystemResolver
from shared.io.smtp import Accepted, Envelope, Failure, NotAccepted, SmtpServer
from shared.kernel.address import TcpAddress
from shared.kernel.egress_rules import EgressRules
from shared.kernel.network import IpAddress
from tests.integration.io.tls import Certificate, create_certificate
from tests.support.smtp_peer import PASSWORD, USERNAME, smtp_peer

PATIENT = timedelta(seconds=10)
SHORT = timedelta(seconds=0.3)
LOOPBACK = ip_network("127.0.0.0/8")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
NAME = "far.example.com"
Serve = Callable[[trio.abc.Stream], Awaitable[None]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return create_certificate(tmp_path_factory.mktemp("certificate"), NAME)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return create_certificate(tmp_path_factory.mktemp("stranger"), NAME)


@pytest.fixture(autouse=True)
def authorities(monkeypatch: pytest.MonkeyPatch, certificate: Certificate) -> None:
    """The far ends' own certificate is the only authority. The system's many would take a while to load."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))


def to(*addresses: str) -> Resolve:
    """A resolver that gives every name these addresses."""

    async def resolve(_: str) -> Sequence[IpAddress]:
        await trio.lowlevel.checkpoint()
        return [ip_address(each) for each in addresses]

    return resolve


def egress(
    resolve: Resolve | None = None, *, own: Sequence[TcpAddress] = (), proxy: TcpAddress | None = None
) -> Egress:
    """An egress of development in which loopback is open."""
    rules = EgressRules((LOOPBACK,), is_development=True)
    return Egress(rules, own=own, proxy=proxy, resolve=resolve or to("127.0.0.1"))


@dataclass
class FarEnd:
    """A listener on loopback that counts its connections and keeps the bytes that arrived."""

    port: int = 0
    connections: int = 0
    arrived: bytearray = field(default_factory=bytearray)


@asynccontextmanager
async def far_end(
    serve: Serve, host: str = "127.0.0.1", *, port: int = 0, tls: Certificate | None = None
) -> AsyncGenerator[FarEnd]:
    """A far end that reads the head of a request, then does `serve`, then closes."""
    seen = FarEnd()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if tls is not None:
        context.load_cert_chain(tls.chain, tls.key)

    async def handle(plain: trio.SocketStream) -> None:
        seen.connections += 1
        stream = plain if tls is None else trio.SSLStream(plain, context, server_side=True, https_compatible=True)
        try:
            while b"\r\n\r\n" not in seen.arrived and (data := await stream.receive_some()):
                seen.arrived += data
            await serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        await trio.aclose_forcefully(plain)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, host=host), handle, port)
        seen.port = listeners[0].socket.getsockname()[1]
        yield seen
        nursery.cancel_scope.cancel()


def saying(*parts: bytes, then: Serve | None = None) -> Serve:
    """A far end that says these bytes, and then does `then`."""

    async def serve(stream: trio.abc.Stream) -> None:
        for part in parts:
            await stream.send_all(part)
        if then is not None:
            await then(stream)

    return serve


async def hanging(_: trio.abc.Stream) -> None:
    await trio.sleep_forever()


def dripping(drop: bytes) -> Serve:
    """A far end that sends a few bytes again and again, without an end."""

    async def serve(stream: trio.abc.Stream) -> None:
        while True:
            await stream.send_all(drop)
            await trio.sleep(0.01)

    return serve


async def get(through: Egress, url: str, timeout: timedelta = PATIENT) -> EgressAnswer | NoEgress:
    return await through.call("GET", url, timeout=timeout)


async def test_a_sound_call_is_answered_and_names_its_host() -> None:
    async with far_end(saying(OK)) as far:
        url = f"http://{NAME}:{far.port}/v1/models?limit=1"
        answer = await egress().call("POST", url, timeout=PATIENT, headers={"authorization": "Bearer k"}, body=b"[1]")
    assert answer == EgressAnswer(200, b"{}")
    head, _, body = bytes(far.arrived).partition(b"\r\n\r\n")
    lines = [line.lower() for line in head.split(b"\r\n")]
    assert lines[0] == b"post /v1/models?limit=1 http/1.1"
    assert {f"host: {NAME}:{far.port}".encode(), b"authorization: bearer k", b"content-length: 3"} < set(lines)
    assert body == b"[1]"
    assert b"traceparent" not in head


@pytest.mark.parametrize(
    "host",
    ["127.1", "0x7f000001", "2130706433", "127.0.0.1", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
     "[::ffff:127.0.0.1]", "[example.com]", "u@h", "①②⑦.⓪.⓪.①", "ex%61mple.com", "127.0.0.1#@example.com", "0"],
)  # fmt: skip
async def test_no_doubtful_host_is_called(host: str) -> None:
    """The resolver would give loopback for every name, and a listener there sees nothing."""
    async with far_end(saying(OK)) as far:
        for scheme in ("http", "https"):
            answer = await get(Egress(EgressRules(), resolve=to("127.0.0.1")), f"{scheme}://{host}:{far.port}/")
            assert answer in (NoEgress("blocked_address"), NoEgress("protocol_error"))
    assert far.connections == 0


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::ffff:127.0.0.1"],
     ["2606:4700::1111", "::1"], ["64:ff9b::7f00:1"], ["10.0.0.1"], ["0.0.0.0"]],
)  # fmt: skip
async def test_a_name_with_one_address_that_is_not_public_is_blocked(addresses: list[str]) -> None:
    async with far_end(saying(OK)) as far:
        answer = await get(Egress(EgressRules(), resolve=to(*addresses)), f"https://{NAME}:{far.port}/")
    assert answer == NoEgress("blocked_address")
    assert far.connections == 0


async def test_plain_http_needs_the_list_in_production() -> None:
    assert await get(Egress(EgressRules(), resolve=to("8.8.8.8")), f"http://{NAME}/") == NoEgress("blocked_address")


async def test_a_name_that_changes_after_the_check_changes_nothing() -> None:
    """The name resolves once for a connection. The next call resolves anew, and is blocked."""
    answers = [[ip_address("127.0.0.2")], [ip_address("127.0.0.1")]]

    async def resolve(_: str) -> Sequence[IpAddress]:
        await trio.lowlevel.checkpoint()
        return answers.pop(0)

    rules = EgressRules((ip_network("127.0.0.2/32"),), is_development=True)
    through = Egress(rules, resolve=resolve)
    async with far_end(saying(OK), "127.0.0.2") as good, far_end(saying(OK), "127.0.0.1", port=good.port) as bad:
        assert await get(through, f"http://{NAME}:{good.port}/") == EgressAnswer(200, b"{}")
        assert len(answers) == 1
        assert await get(through, f"http://{NAME}:{good.port}/") == NoEgress("blocked_address")
    assert (good.connections, bad.connections) == (1, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with far_end(saying(OK)) as inner:
        moved = f"HTTP/1.1 {status} Go\r\nlocation: http://127.0.0.1:{inner.port}/\r\ncontent-length: 0\r\n\r\n"
        async with far_end(saying(moved.encode())) as far:
            answer = await get(egress(), f"http://{NAME}:{far.port}/")
    assert answer == NoEgress("protocol_error")
    assert (far.connections, inner.connections) == (1, 0)


@pytest.mark.parametrize("own", ["127.0.0.1", "localhost", "", "0.0.0.0"])
async def test_our_own_servers_stay_closed_although_their_network_is_listed(own: str) -> None:
    async with far_end(saying(OK)) as far:
        through = egress(own=[TcpAddress("127.0.0.9", 1), TcpAddress(own, far.port)])
        assert await get(through, f"http://{NAME}:{far.port}/") == NoEgress("blocked_address")
        assert await get(through, f"http://127.0.0.1:{far.port}/") == NoEgress("blocked_address")
    assert far.connections == 0


async def test_our_own_servers_are_resolved_once_for_a_connection_to_their_port() -> None:
    asked: list[str] = []

    async def resolve(name: str) -> Sequence[IpAddress]:
        await trio.lowlevel.checkpoint()
        asked.append(name)
        return [ip_address(f"127.0.1.{number}") for number in range(64 if name == NAME else 1)]

    through = egress(resolve, own=[TcpAddress("db.example.com", 5432), TcpAddress("cache.example.com", 6379)])
    assert await get(through, f"http://{NAME}:5432/") == NoEgress("blocked_address")
    assert asked == [NAME, "db.example.com"]


async def test_another_port_of_the_machine_of_our_servers_is_open() -> None:
    async with far_end(saying(OK)) as far:
        through = egress(own=[TcpAddress("127.0.0.1", far.port - 1), TcpAddress("", far.port + 1)])
        assert await get(through, f"http://{NAME}:{far.port}/") == EgressAnswer(200, b"{}")


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "connection", "upgrade", "a b", "x\n", ""]
)
async def test_a_header_that_is_not_the_callers_is_refused(name: str) -> None:
    async with far_end(saying(OK)) as far:
        url = f"http://{NAME}:{far.port}/"
        answer = await egress().call("GET", url, timeout=PATIENT, headers={name: "1"})
        assert answer == NoEgress("protocol_error")
        for value in ("a\r\nx: y", "ä", "\x00"):
            answer = await egress().call("GET", url, timeout=PATIENT, headers={"x-api-key": value})
            assert answer == NoEgress("protocol_error")
    assert far.connections == 0


@pytest.mark.parametrize(
    "serve",
    [hanging, saying(OK[:30], then=hanging), saying(OK[:-1], then=hanging), dripping(b"HTTP/1.1 103 X\r\n\r\n"),
     saying(b"HTTP/1.1 200 OK\r\n", then=dripping(b"x")), saying(b"HTTP/1.1 200 OK\r\n\r\n", then=dripping(b"x")),
     saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", then=dripping(b"1\r\nx\r\n"))],
    ids=["silent", "within the head", "within the body", "interim answers", "a head", "a body", "chunks"],
)  # fmt: skip
async def test_a_far_end_that_hangs_or_drips_ends_in_time(serve: Serve) -> None:
    async with far_end(serve) as far:
        begin = time.monotonic()
        answer = await get(egress(), f"http://{NAME}:{far.port}/", SHORT)
    assert answer in (NoEgress("timeout"), NoEgress("protocol_error"))  # too many interim answers are a fault at once
    assert time.monotonic() - begin < 2


async def test_a_far_end_that_accepts_no_connection_ends_in_time() -> None:
    """The queue of its listener is full, so our first packet is dropped."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for client in (first, second):
            client.settimeout(0)
            client.connect_ex(listener.getsockname())
        begin = time.monotonic()
        answer = await get(egress(), f"http://{NAME}:{listener.getsockname()[1]}/", SHORT)
    assert answer == NoEgress("timeout")
    assert time.monotonic() - begin < 2


# Each: what the far end says, and the result.
ANSWERS: dict[str, tuple[bytes, EgressAnswer | NoEgress]] = {
    "nothing": (b"", NoEgress("unreachable")),
    "a part of the head": (OK[:20], NoEgress("protocol_error")),
    "less than its length": (OK[:-1], NoEgress("protocol_error")),
    "more than its length": (OK + b"more", EgressAnswer(200, b"{}")),
    "401": (b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n", EgressAnswer(401, b"")),
    "429 without a length": (b"HTTP/1.1 429 No\r\n\r\nslow", EgressAnswer(429, b"slow")),
    "no HTTP": (b"220 mail.example.com ESMTP\r\n\r\n", NoEgress("protocol_error")),
    "1 MiB of headers": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (2**20 // 6), NoEgress("protocol_error")),
    "one header of 1 MiB": (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2**20, NoEgress("protocol_error")),
    "1 MiB of body": (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2**20), EgressAnswer(200, b"", is_cut=True)),
    "a long length": (b"HTTP/1.1 200 OK\r\ncontent-length: 1048576\r\n\r\n", EgressAnswer(200, b"", is_cut=True)),
    "1 MiB of chunks": (
        b"HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * (2**20 // 6),
        EgressAnswer(403, b"", is_cut=True),
    ),
    "a redirect with a long body": (b"HTTP/1.1 302 Go\r\n\r\n" + bytes(2**20), NoEgress("protocol_error")),
}


@pytest.mark.parametrize(("said", "expected"), ANSWERS.values(), ids=list(ANSWERS))
async def test_a_strange_answer_has_a_result_at_little_cost(said: bytes, expected: EgressAnswer | NoEgress) -> None:
    async with far_end(saying(said)) as far:
        url = f"http://{NAME}:{far.port}/"
        begin = time.thread_time()
        assert await get(egress(), url) == expected
    assert time.thread_time() - begin < 0.15


async def test_no_more_than_the_limit_is_read() -> None:
    sent = 0

    async def pour(stream: trio.abc.Stream) -> None:
        nonlocal sent
        while True:
            await stream.send_all(bytes(4096))
            sent += 4096

    async with far_end(saying(b"HTTP/1.1 200 OK\r\n\r\n", then=pour)) as far:
        answer = await get(egress(), f"http://{NAME}:{far.port}/")
    assert answer == EgressAnswer(200, b"", is_cut=True)
    assert sent < MAX_ANSWER_BYTES + 8 * 2**20  # the rest is in the buffers of the system


async def test_a_refused_connection_is_unreachable() -> None:
    async with far_end(saying(OK)) as far:
        pass
    assert await get(egress(), f"http://{NAME}:{far.port}/") == NoEgress("unreachable")


async def test_the_next_address_is_tried_while_the_first_does_not_answer() -> None:
    async with far_end(saying(OK), "127.0.0.2") as far:
        url = f"http://{NAME}:{far.port}/"
        assert await get(egress(to("127.0.0.9", "127.0.0.2")), url) == EgressAnswer(200, b"{}")
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.9", far.port))
            full.listen(0)
            for client in (first, second):
                client.settimeout(0)
                client.connect_ex(full.getsockname())
            assert await get(egress(to("127.0.0.9", "127.0.0.2")), url) == EgressAnswer(200, b"{}")
    assert far.connections == 2


async def test_tls_is_verified_for_the_name(certificate: Certificate, stranger: Certificate) -> None:
    async with far_end(saying(OK), tls=stranger) as far:
        assert await get(egress(), f"https://{NAME}:{far.port}/") == NoEgress("tls_failed")
    async with far_end(saying(OK), tls=certificate) as far:
        assert await get(egress(), f"https://{NAME}:{far.port}/") == EgressAnswer(200, b"{}")
        assert await get(egress(), f"https://127.0.0.1:{far.port}/") == EgressAnswer(200, b"{}")
        assert await get(egress(), f"https://other.example.com:{far.port}/") == NoEgress("tls_failed")
    async with far_end(saying(b"HTTP/1.1 400 Plain\r\n\r\n")) as far:
        far.arrived += b"\r\n\r\n"  # it answers at once
        assert await get(egress(), f"https://{NAME}:{far.port}/") == NoEgress("tls_failed")
    async with far_end(hanging) as far:
        assert await get(egress(), f"https://{NAME}:{far.port}/", SHORT) == NoEgress("timeout")


async def test_a_name_without_an_address_is_dns_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(_: str) -> Sequence[IpAddress]:
        await trio.lowlevel.checkpoint()
        raise socket.gaierror(socket.EAI_NONAME)

    async def stuck(_: str) -> Sequence[IpAddress]:
        await trio.sleep_forever()
        return []

    monkeypatch.setattr(egress_dial, "RESOLVE_SECONDS", 0.05)
    for resolve in (unknown, stuck, to(), to(*(f"127.0.1.{number}" for number in range(65)))):
        assert await get(egress(resolve), f"http://{NAME}/") == NoEgress("dns_failed")


async def test_the_system_resolves_names() -> None:
    assert ip_address("127.0.0.1") in await SystemResolver()("localhost")


async def test_a_dead_name_server_holds_a_bounded_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, is_over = threading.Semaphore(0), threading.Event()
    number = 0

    def hang(*_: object, **__: object) -> list[Any]:
        nonlocal number
        number += 1
        asked.release()
        is_over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(egress_dial, "RESOLVE_SECONDS", 0.3)
    through = egress(SystemResolver())
    results: list[EgressAnswer | NoEgress] = []

    async def call() -> None:
        results.append(await get(through, f"http://{NAME}/"))

    try:
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(call)
        assert results == [NoEgress("dns_failed")] * 100
        assert number == egress_dial._MAX_RESOLVERS
    finally:
        is_over.set()


async def test_slow_far_ends_do_not_delay_a_fast_one() -> None:
    through = egress()
    async with far_end(hanging) as slow, far_end(saying(OK)) as fast, trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(get, through, f"http://{NAME}:{slow.port}/", PATIENT)
        await trio.sleep(0.1)
        begin = time.monotonic()
        assert await get(through, f"http://{NAME}:{fast.port}/") == EgressAnswer(200, b"{}")
        assert time.monotonic() - begin < 2
        nursery.cancel_scope.cancel()


async def test_no_log_and_no_text_holds_path_query_header_or_body(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with far_end(saying(b"HTTP/1.1 200 OK\r\nx: marked-c\r\n\r\nmarked-d")) as far:
        url = f"http://{NAME}:{far.port}/marked-a?marked-b"
        answer = await egress().call("GET", url, timeout=PATIENT, headers={"x-key": "marked-e"})
    assert answer == EgressAnswer(200, b"marked-d")
    assert "marked" not in repr(answer) + caplog.text


# With an egress proxy


@asynccontextmanager
async def proxy(answer: bytes, target: int | None = None) -> AsyncGenerator[FarEnd]:
    """A proxy that gives this answer to CONNECT, in one packet with the far end's first bytes if there are any."""

    async def serve(client: trio.abc.Stream) -> None:
        await client.send_all(answer)
        if target is not None:
            server = await trio.open_tcp_stream("127.0.0.1", target)
            async with server, trio.open_nursery() as nursery:
                nursery.start_soon(pump, client, server)
                await pump(server, client)
                nursery.cancel_scope.cancel()

    async def pump(source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
        while data := await source.receive_some():
            await sink.send_all(data)

    async with far_end(serve) as seen:
        yield seen


def never(_: str) -> Awaitable[Sequence[IpAddress]]:
    raise AssertionError("the proxy resolves names")


async def test_a_call_goes_through_the_egress_proxy_by_connect() -> None:
    async with far_end(saying(OK)) as far, proxy(b"HTTP/1.1 200 Yes\r\nx: y\r\n\r\n", far.port) as through:
        client = egress(never, proxy=TcpAddress("127.0.0.1", through.port))
        assert await get(client, f"http://{NAME}:{far.port}/") == EgressAnswer(200, b"{}")
        assert through.arrived.startswith(f"CONNECT {NAME}:{far.port} HTTP/1.1\r\nHost: {NAME}".encode())


async def test_bytes_after_the_proxys_answer_are_the_far_ends() -> None:
    async with proxy(b"HTTP/1.1 200 Yes\r\n\r\n" + OK) as through:
        client = egress(never, proxy=TcpAddress("127.0.0.1", through.port))
        assert await get(client, f"http://{NAME}/") == EgressAnswer(200, b"{}")


@pytest.mark.parametrize(
    ("answer", "result"),
    [(b"HTTP/1.1 403 No\r\n\r\n", "blocked_address"), (b"HTTP/1.1 407 No\r\n\r\n", "blocked_address"),
     (b"HTTP/1.1 502 No\r\n\r\n", "unreachable"), (b"HTTP/1.1 200", "unreachable"), (b"", "unreachable"),
     (b"SSH-2.0-x\r\n\r\n", "unreachable"), (b"HTTP/1.1 200 " + b"x" * 100_000, "unreachable")],
)  # fmt: skip
async def test_a_proxy_that_opens_no_tunnel_has_a_result(answer: bytes, result: Any) -> None:
    async with proxy(answer) as through:
        client = egress(never, proxy=TcpAddress("127.0.0.1", through.port))
        assert await get(client, f"http://{NAME}/") == NoEgress(result)


async def test_literal_addresses_and_plain_http_are_refused_before_the_proxy_is_asked() -> None:
    async with proxy(b"HTTP/1.1 200 Yes\r\n\r\n" + OK) as through:
        client = Egress(EgressRules(), proxy=TcpAddress("127.0.0.1", through.port), resolve=never)
        for url in ("https://10.0.0.1/", "https://127.1/", "https://[::1]/", f"http://{NAME}/"):
            assert await get(client, url) == NoEgress("blocked_address")
    assert through.connections == 0


# Mail servers

LETTER = Envelope("from@example.com", "to@example.com", b"To: to@example.com\r\nSubject: 123456\r\n\r\nx\r\n")


async def test_mail_leaves_on_connections_that_were_checked(asyncio_loop: None, certificate: Certificate) -> None:
    """The certificate is that of the name, and a kept connection carries the next mail."""
    with smtp_peer(certificate, tls="starttls", login=True) as peer:
        server = SmtpServer(NAME, peer.port, "starttls", USERNAME, PASSWORD)
        async with egress().open_smtp(server, local_name="us.example.com") as smtp:
            assert await smtp.try_out("from@example.com", PATIENT) is None
            assert await smtp.send(LETTER, PATIENT) == Accepted()
            assert await smtp.send(LETTER, PATIENT) == Accepted()
            peer.end_connections()
            assert await smtp.send(LETTER, PATIENT) == Accepted()
        assert len(peer.messages) == 3
        async with egress().open_smtp(
            SmtpServer("other.example.com", peer.port, "starttls"), local_name="us.example.com"
        ) as smtp:
            assert await smtp.send(LETTER, PATIENT) == NotAccepted("untrusted_certificate")


async def test_a_mail_server_that_may_not_be_called_sees_nothing(asyncio_loop: None) -> None:
    async with far_end(hanging) as far:
        server = SmtpServer(NAME, far.port, "off")
        blocked = Egress(EgressRules(is_development=True), resolve=to("127.0.0.1"))
        async with blocked.open_smtp(server, local_name="us") as smtp:
            assert await smtp.send(LETTER, PATIENT) == NotAccepted("blocked_address")
            assert await smtp.try_out("from@example.com", PATIENT) == Failure("blocked_address")
        production = Egress(EgressRules((LOOPBACK,)), resolve=to("127.0.0.1"))
        async with production.open_smtp(server, local_name="us") as smtp:
            assert await smtp.send(LETTER, PATIENT) == NotAccepted("protocol_error")
    assert far.connections == 0


async def test_a_mail_server_that_hangs_ends_in_time(asyncio_loop: None) -> None:
    async with far_end(hanging) as far:
        begin = time.monotonic()
        async with egress().open_smtp(SmtpServer(NAME, far.port, "off"), local_name="us") as smtp:
            assert await smtp.send(LETTER, SHORT) == NotAccepted("timeout")
    assert time.monotonic() - begin < 2


async def test_a_cancelled_mail_leaves_no_socket_open(asyncio_loop: None) -> None:
    """Warnings of unclosed sockets are errors in the suite."""
    async with far_end(hanging) as far:
        for wait in (0.0, 0.001, 0.005, 0.02):
            async with egress().open_smtp(SmtpServer(NAME, far.port, "off"), local_name="us") as smtp:
                with trio.move_on_after(wait):
                    await smtp.send(LETTER, SHORT)
