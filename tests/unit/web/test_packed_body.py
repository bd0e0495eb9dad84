"""The body of a request without its Content-Encoding."""

import gzip
from dataclasses import replace

import pytest

from contracts.errors import ErrorCode, Refusal
from shared.web.packed_body import unpacked_body
from tests.support.web_request import request


@pytest.mark.parametrize("encoding", ["gzip", "GZIP"])
def test_gzip_is_unpacked(encoding: str) -> None:
    assert unpacked_body(replace(request({"content-encoding": encoding}), body=gzip.compress(b"{}")), 2) == b"{}"


@pytest.mark.parametrize("headers", [{}, {"content-encoding": "identity"}])
def test_other_bodies_stay_as_they_are(headers: dict[str, str]) -> None:
    assert unpacked_body(replace(request(headers), body=b"{}"), 2) == b"{}"


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({}, b"123", ErrorCode.REQUEST_TOO_LARGE),
        ({"content-encoding": "gzip"}, gzip.compress(b"123", mtime=0), ErrorCode.REQUEST_TOO_LARGE),
        ({"content-encoding": "gzip"}, gzip.compress(b"12", mtime=0) + b"3", ErrorCode.INVALID_REQUEST),
        ({"content-encoding": "gzip"}, b"12", ErrorCode.INVALID_REQUEST),
    ],
)
def test_a_large_or_malformed_body_is_refused(headers: dict[str, str], body: bytes, code: ErrorCode) -> None:
    with pytest.raises(Refusal) as refused:
        unpacked_body(replace(request(headers), body=body), 2)
    assert refused.value.code is code
