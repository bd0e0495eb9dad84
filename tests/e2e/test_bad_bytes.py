"""Bytes that are no HTTP request, or an incomplete one, are refused and change nothing."""

import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.e2e.quiet_state import quiet_state
from tests.support.builders import email_address
from tests.support.product import SEND, Product


@pytest.fixture(scope="module", autouse=True)
def session(product: Product) -> str:
    """A session, so that there is something to change."""
    return product.log_in(email_address())


RAW = [
    b"GARBAGE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40,
    b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}" % SEND.encode(),
    b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: x\r\n\r\n{}" % SEND.encode(),
    b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} " % SEND.encode(),
    b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n{}" % SEND.encode(),
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
]


def exchange(url: str, sent: bytes) -> bytes:
    """All bytes that come back on a new connection, up to its end."""
    split = urlsplit(url)
    with socket.create_connection((split.hostname or "", split.port or 0), timeout=5) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize("listener", ["public", "internal"])
def test_bytes_that_are_not_http_are_refused_in_our_envelope_and_end_the_connection(
    product: Product, listener: str
) -> None:
    before = quiet_state(product)
    url = {"public": product.stack.public_url, "internal": product.stack.internal_url}[listener]
    for sent in RAW:
        received = exchange(url, sent)
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413", b"HTTP/1.1 501")), (sent[:80], received[:200])
        assert set(json.loads(body)["error"]) == {"code", "message"}
        names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
        assert {b"cache-control", b"x-request-id", b"connection"} <= names, (sent[:80], head)
        assert b"server" not in names
    assert quiet_state(product) == before


def test_a_body_that_is_cut_off_changes_nothing(product: Product) -> None:
    before = quiet_state(product)
    split = urlsplit(product.stack.public_url)
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" % SEND.encode()
    body = b'{"email":"cut@example.com"}'
    for sent in (
        head + b"Content-Length: 40\r\n\r\n" + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body),
    ):
        with socket.create_connection((split.hostname or "", split.port or 0)) as connection:
            connection.sendall(sent)
    assert product.public.get("/healthz").status_code == 200
    assert quiet_state(product) == before


def test_a_body_in_chunks_is_read_up_to_its_limit(product: Product) -> None:
    too_large = (b" " * 1024 for _ in range(17))
    answer = product.public.post(SEND, content=too_large, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    body = json.dumps({"email": email_address()}).encode()
    answer = product.public.post(SEND, content=iter([body[:9], body[9:]]), headers={"content-type": "application/json"})
    assert answer.status_code == 200
