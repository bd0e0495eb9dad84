"""Answers to browsers: exact origins, one header each, and nothing for others."""

import pytest

from clients.gateway.cors import preflight_answer, with_origin
from contracts.cors import allowed_origin

ORIGINS = ("https://app.example.com", "http://localhost:3000")
APP = b"https://app.example.com"
ASKING = (b"origin", APP)
EXPOSED = b"date, retry-after, x-request-id"
OURS = (
    b"content-type, accept-language, galaxy-protocol-version, galaxy-device-session-id, galaxy-timestamp-ms, "
    b"galaxy-request-id, galaxy-payload-hash, galaxy-signature"
)


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ([APP], APP),
        ([b"http://localhost:3000"], b"http://localhost:3000"),
        ([], None),
        ([b"null"], None),
        ([b"*"], None),
        ([b"https://app.example.com/"], None),
        ([b"https://app.example.com.evil.example"], None),
        ([b"https://APP.example.com"], None),
        ([b"http://app.example.com"], None),
        ([b"https://app.example.com:443"], None),
        ([b"\xff"], None),
        ([APP, APP], None),
    ],
)
def test_an_origin_is_allowed_exactly(values: list[bytes], allowed: bytes | None) -> None:
    headers = [(b"Host", b"api.example.com"), *((b"Origin", value) for value in values)]
    assert allowed_origin(headers, ORIGINS) == allowed


def test_a_preflight_gets_what_the_browser_asked_for() -> None:
    asked = [
        ASKING,
        (b"access-control-request-method", b"PUT"),
        (b"access-control-request-headers", b"content-type,galaxy-signature, X-Tenant,"),
    ]
    assert dict(preflight_answer("OPTIONS", asked, APP) or ()) == {
        b"access-control-allow-origin": APP,
        b"access-control-expose-headers": EXPOSED,
        b"access-control-allow-methods": b"PUT",
        b"access-control-allow-headers": OURS + b", x-tenant",
        b"access-control-max-age": b"7200",
        b"vary": b"Origin",
    }


@pytest.mark.parametrize(
    ("method", "headers", "origin"),
    [
        ("OPTIONS", [ASKING, (b"access-control-request-method", b"PUT")], None),
        ("OPTIONS", [(b"access-control-request-method", b"PUT")], b"*"),
        ("OPTIONS", [ASKING], APP),
        ("POST", [ASKING, (b"access-control-request-method", b"PUT")], APP),
        ("OPTIONS", [ASKING, (b"access-control-request-method", b"PUT\r\nx: y")], APP),
        ("OPTIONS", [ASKING, *[(b"access-control-request-method", b"PUT")] * 2], APP),
    ],
)
def test_any_other_request_is_no_preflight(
    method: str, headers: list[tuple[bytes, bytes]], origin: bytes | None
) -> None:
    assert preflight_answer(method, headers, origin) is None


def test_names_of_headers_that_are_none_are_not_repeated() -> None:
    asked = [(b"access-control-request-method", b"PUT"), (b"access-control-request-headers", b"a\r\nb: c")]
    assert dict(preflight_answer("OPTIONS", [ASKING, *asked], APP) or ())[b"access-control-allow-headers"] == OURS


def test_the_gateway_decides_about_the_origin_and_not_the_app() -> None:
    told = [
        (b"Access-Control-Allow-Origin", b"*"),
        (b"access-control-allow-credentials", b"true"),
        (b"content-type", b"text/plain"),
    ]
    assert with_origin(told, None) == [(b"content-type", b"text/plain"), (b"vary", b"Origin")]
    assert with_origin(told, APP) == [
        (b"content-type", b"text/plain"),
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", APP),
        (b"access-control-expose-headers", EXPOSED),
    ]


def test_the_app_may_expose_headers_of_its_own_beside_ours() -> None:
    told = [(b"access-control-expose-headers", b"x-total")]
    assert [value for name, value in with_origin(told, APP) if name == told[0][0]] == [b"x-total", EXPOSED]


@pytest.mark.parametrize("values", [[APP], [b"null"], [APP, APP], []])
def test_a_star_allows_every_origin_and_is_no_origin_itself(values: list[bytes]) -> None:
    assert allowed_origin([(b"origin", value) for value in values], ("*",)) == b"*"
