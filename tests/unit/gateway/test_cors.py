"""Answers to browsers: exact origins, one header each, and nothing for others."""

import pytest

from clients.gateway.cors import allowed_origin, preflight_answer, with_origin

ORIGINS = ("https://app.example.com", "http://localhost:3000")
APP = b"https://app.example.com"


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
        (b"origin", APP),
        (b"access-control-request-method", b"PUT"),
        (b"access-control-request-headers", b"content-type,galaxy-signature"),
    ]
    assert dict(preflight_answer("OPTIONS", asked, APP) or ()) == {
        b"access-control-allow-origin": APP,
        b"access-control-allow-methods": b"PUT",
        b"access-control-allow-headers": b"content-type,galaxy-signature",
        b"access-control-max-age": b"600",
        b"vary": b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }


@pytest.mark.parametrize(
    ("method", "headers", "origin"),
    [
        ("OPTIONS", [(b"access-control-request-method", b"PUT")], None),
        ("OPTIONS", [], APP),
        ("POST", [(b"access-control-request-method", b"PUT")], APP),
        ("OPTIONS", [(b"access-control-request-method", b"PUT\r\nx: y")], APP),
        ("OPTIONS", [(b"access-control-request-method", b"PUT")] * 2, APP),
    ],
)
def test_any_other_request_is_no_preflight(
    method: str, headers: list[tuple[bytes, bytes]], origin: bytes | None
) -> None:
    assert preflight_answer(method, headers, origin) is None


def test_names_of_headers_that_are_none_are_not_repeated() -> None:
    asked = [(b"access-control-request-method", b"PUT"), (b"access-control-request-headers", b"a\r\nb: c")]
    assert b"access-control-allow-headers" not in dict(preflight_answer("OPTIONS", asked, APP) or ())


def test_the_gateway_decides_about_the_origin_and_not_the_app() -> None:
    told = [(b"Access-Control-Allow-Origin", b"*"), (b"content-type", b"text/plain")]
    assert with_origin(told, None) == [(b"content-type", b"text/plain"), (b"vary", b"Origin")]
    assert with_origin(told, APP) == [
        (b"content-type", b"text/plain"),
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", APP),
        (b"access-control-expose-headers", b"date, retry-after"),
    ]


def test_the_app_may_expose_headers_of_its_own() -> None:
    told = [(b"access-control-expose-headers", b"x-total")]
    assert [value for name, value in with_origin(told, APP) if name == told[0][0]] == [b"x-total"]
