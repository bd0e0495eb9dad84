"""Every hand-written parser that sees a stranger's bytes does linear work on them (docs/decisions/0042-the-wire.md).

Counted are Python's instructions, which no busy machine changes. What one instruction costs inside (a copy of all that
was read so far, a sort) is seen by CPU time, at sizes and with a margin where only quadratic work stands out.
"""

import gzip
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_network
from types import FrameType
from typing import Any

import pytest

from contracts.control_plane.audit import decode_list_audit
from contracts.gateway import decode_projection, decode_record, decode_stream_entry
from contracts.instant import decode_instant
from contracts.signed_request import HEADERS, decode_envelope
from contracts.strict_json import check_names, decode_object, read_text
from contracts.strict_query import decode_query, read_limit
from contracts.user_service import decode_ensured, decode_exists, decode_resolution
from services.internal_admin.access.credentials import credentials_of
from services.internal_admin.callers.request import is_same_origin
from services.internal_admin.node_telemetry.domain.json_body import overwrite_json
from services.internal_admin.node_telemetry.domain.protobuf_body import overwrite_protobuf
from services.internal_admin.operator_sessions.cookie import NAME, SessionCookie
from services.internal_admin.operators.domain.password import PasswordOwner, normal_password, password_fault
from services.internal_admin.operators.domain.readable_code import read_readable_code
from services.internal_admin.operators.domain.user_name import fold_user_name
from shared.http.gzip_body import unpack_gzip
from shared.http.request_body import framing_of
from shared.http.request_head import find_end, parse_head
from shared.io.http_answer import AnswerReader
from shared.kernel.client_key import parse_client_public_key, verify_client_key_proof
from shared.kernel.email_address import parse_email, parse_email_domain
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from shared.kernel.language import preferred_language
from shared.kernel.network import parse_network
from shared.kernel.request_id import request_id_for
from shared.kernel.time_zone import is_time_zone
from shared.telemetry.tracing import RequestSpan
from shared.web.app import _decoded_path, quart_app  # pyright: ignore[reportPrivateUsage]
from shared.web.client_address import ClientAddresses
from shared.web.connection import _JSON_MEDIA_TYPE  # pyright: ignore[reportPrivateUsage]
from shared.web.edge import Edge
from shared.web.exchange import Headers, Response, Route
from shared.web.server.plain_requests import PlainRequests
from tests.support.otlp import NODE, result_of

SHORT = 400
MOST_INSTRUCTIONS = 6.0
LONG = 16_000
"""Bytes: a head and a body have at most 16 KiB."""
NOTICED_SECONDS = 0.02
PUMPS = (
    " ", "\t", " \t", "a", "9", "a,", ",", ";", "a;", "a=", "=", "a-", "-", "-b", ".", "a.", ":", "/", "//", "%", "%41",
    "%2", "&", "a&", "a=b&", "a=b;", '"', "\\", '\\"', "\\u0041", "[",
    "{", '{"a":', "[1,", "1e", '"a":1,', "\r\n", "a:\r\n",
    "a: b\r\n", "\x00", "é", "\u0301", "\u0301\u0323", "İ", "ß", "😀", "10.0.0.1,", "[::1],", "1;\r\n", "1\r\na\r\n",
    "*;q=0.1,", "en;q=0.1,", "aa-b-", "bearer ", f"{NAME}=v1.a.b;", "00-", "q" * 63 + ".", "xn--", "ü.",
)  # fmt: skip
PREFIXES = ("", '{"a":', '"', "a@", "bearer ", "application/json", "http://", "00-", "x:", f"{NAME}=v1.")

KEY = "k:" + b64encode(bytes(32)).decode()
COOKIE = SessionCookie(KeyRing.parse("KEYS", KEY), SystemEntropy())
BEHIND_PROXIES = ClientAddresses([ip_network("10.0.0.0/8"), ip_network("::1")])
PUBLIC_KEY = parse_client_public_key(b64encode(bytes([9] * 32)).decode())


async def _nothing(_: object) -> Response:
    return Response(200, b"")


APP: Any = quart_app([Route("GET", "/a/{b}/c", _nothing), Route("POST", "/a/{b}", _nothing)], Edge(SystemEntropy()))


HOT = PlainRequests([Route("GET", "/{b}", _nothing)], Edge(SystemEntropy()))


def _headers(name: str, text: str) -> Headers:
    return Headers([(name.encode(), text.encode("latin-1", "replace"))])


def _many_headers(text: str) -> Headers:
    return Headers([(line[:1].lower(), line) for line in text.encode("latin-1", "replace").split(b"\r\n")])


def _chunks(text: str) -> None:
    framing_of(None).take(bytearray(text.encode("latin-1", "replace")))


def _dripping_head(text: str) -> None:
    arrived, data, seen = bytearray(), text.encode("latin-1", "replace"), 0
    for start in range(0, len(data), 40):
        arrived += data[start : start + 40]
        find_end(arrived, seen)
        seen = len(arrived)


def _head(text: str) -> None:
    parse_head(b"GET / HTTP/1.1\r\nHost: x\r\nx:" + text.encode("latin-1", "replace"))


def _request_line(text: str) -> None:
    parse_head(text.encode("latin-1", "replace") + b" HTTP/1.1\r\nHost: x")


def _target(text: str) -> None:
    parse_head(b"GET http://" + text.encode("latin-1", "replace") + b" HTTP/1.1\r\nHost: x")


def _answer(begin: bytes, text: str) -> None:
    AnswerReader().take(begin + text.encode("latin-1", "replace"))


def _dripping_answer(text: str) -> None:
    reader, data = (
        AnswerReader(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx:" + text.encode("latin-1", "replace"),
    )
    for start in range(0, len(data), 40):
        reader.take(data[start : start + 40])


def _json(text: str) -> None:
    fields = decode_object(text.encode("utf-8"))
    for name in fields:
        read_text(fields, name)
    check_names(fields, frozenset())


def _query(text: str) -> None:
    read_limit(decode_query(text, frozenset({"a", "limit"})))


def _route(text: str) -> None:
    path = _decoded_path(b"/a" + text.encode("latin-1", "replace"))
    if path is not None:
        APP.url_map.bind("").match(path, "GET")


def _password(text: str) -> None:
    password_fault(normal_password(text), PasswordOwner("owner", "owner@example.com"), 12)


def _envelope(text: str) -> None:
    decode_envelope([(name.encode(), text.encode("latin-1", "replace")) for name in HEADERS])


def _span(text: str) -> None:
    RequestSpan(text, "http", text, is_believed=True).end(None, 200)


def _origin(text: str) -> None:
    is_same_origin(Headers([(b"origin", b"http://" + text.encode("latin-1", "replace")), (b"host", b"x")]), "http")


PARSERS: dict[str, Callable[[str], object]] = {
    "head": _head,
    "head that drips": _dripping_head,
    "request line": _request_line,
    "absolute target": _target,
    "chunks": _chunks,
    "status of an answer": lambda text: _answer(b"HTTP/1.1 200 ", text),
    "field of an answer": lambda text: _answer(b"HTTP/1.1 200 OK\r\nx:", text),
    "fields of an answer": lambda text: _answer(b"HTTP/1.1 200 OK\r\n", text),
    "chunks of an answer": lambda text: _answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", text),
    "trailers of an answer": lambda text: _answer(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx:", text
    ),
    "answer that drips": _dripping_answer,
    "gzip": lambda text: unpack_gzip(gzip.compress(text.encode()) + text.encode(), LONG),
    "hot route": lambda text: HOT.match({"method": "GET", "raw_path": text.encode("latin-1", "replace")}),
    "fields": _many_headers,
    "route": _route,
    "media type": _JSON_MEDIA_TYPE.fullmatch,
    "request id": lambda text: request_id_for(text, SystemEntropy()),
    "traceparent": _span,
    "Accept-Language": preferred_language,
    "X-Forwarded-For": lambda text: BEHIND_PROXIES.resolve("10.0.0.1", text),
    "address": parse_network,
    "Authorization": lambda text: credentials_of(_headers("authorization", text), COOKIE),
    "Cookie": COOKIE.find,
    "Origin": _origin,
    "JSON": _json,
    "query": _query,
    "audit query": decode_list_audit,
    "e-mail": parse_email,
    "e-mail domain": parse_email_domain,
    "client key": parse_client_public_key,
    "key proof": lambda text: verify_client_key_proof(PUBLIC_KEY, "h", text, text, text),
    "time zone": is_time_zone,
    "instant": lambda text: decode_instant(text, "a"),
    "password": _password,
    "typed code": read_readable_code,
    "user name": fold_user_name,
    "signed request": _envelope,
    "gateway record": lambda text: decode_record(text.encode()),
    "stream entry": lambda text: decode_stream_entry({"status": text, "revoked_at_ms": text}),
    "projection": lambda text: decode_projection({name: text.encode() for name in (b"epoch", b"state", b"beat")}),
    "user resolution": lambda text: decode_resolution(text.encode()),
    "ensured user": lambda text: decode_ensured(text.encode()),
    "telemetry in protobuf": lambda text: result_of(overwrite_protobuf(text.encode(), NODE)),
    "telemetry in JSON": lambda text: result_of(
        overwrite_json(f'{{"resourceSpans":[{{"scopeSpans":[{text}'.encode(), NODE, "traces")
    ),
    "user exists": lambda text: decode_exists(text.encode()),
}


def inputs(length: int) -> Iterable[str]:
    for prefix in PREFIXES:
        for pump in PUMPS:
            yield prefix + pump * (length // len(pump))


def instructions(parse: Callable[[str], object], text: str) -> int:
    """How many instructions of Python's parsing takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with suppress(Exception):
            parse(text)
    finally:
        sys.settrace(before)
    return count


def seconds(parse: Callable[[str], object], text: str, tries: int) -> float:
    """CPU time of the fastest of a few tries."""
    best = float("inf")
    for _ in range(tries):
        begun = time.thread_time()
        with suppress(Exception):
            parse(text)
        best = min(best, time.thread_time() - begun)
    return best


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_counts_linear_work(name: str) -> None:
    parse = PARSERS[name]
    instructions(parse, "once, for what is read at first use")
    for short, long in zip(inputs(SHORT), inputs(4 * SHORT), strict=True):
        assert instructions(parse, long) <= MOST_INSTRUCTIONS * instructions(parse, short) + 2_000, short[:40]


@pytest.mark.parametrize("name", PARSERS)
def test_no_step_of_a_parser_is_quadratic_inside(name: str) -> None:
    parse = PARSERS[name]
    for short, long in zip(inputs(LONG // 4), inputs(LONG), strict=True):
        if seconds(parse, long, 1) > NOTICED_SECONDS:
            assert seconds(parse, long, 3) <= 10 * seconds(parse, short, 3), short[:40]
