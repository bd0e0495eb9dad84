"""Laws of the same-origin proof (SPEC §10.4). Pure."""

import pytest

from services.internal_admin.callers.request import Scheme, is_same_origin
from shared.web.exchange import Headers


def is_proven(scheme: Scheme = "https", **headers: str) -> bool:
    """Names with `_` for `-`."""
    return is_same_origin(Headers([(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]), scheme)


def test_a_browser_that_says_same_origin_is_believed() -> None:
    assert is_proven(sec_fetch_site="same-origin")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "same-origin, cross-site", "SAME-ORIGIN"])
def test_a_browser_that_says_anything_else_is_refused_whatever_its_origin(site: str) -> None:
    assert not is_proven(sec_fetch_site=site, origin="https://admin.example", host="admin.example")


@pytest.mark.parametrize(
    ("scheme", "origin", "host"),
    [
        ("https", "https://admin.example", "admin.example"),
        ("https", "https://admin.example", "admin.example:443"),
        ("https", "https://admin.example:443", "admin.example"),
        ("https", "https://ADMIN.example", "admin.EXAMPLE"),
        ("https", "https://admin.example:8443", "admin.example:8443"),
        ("http", "http://127.0.0.1:8081", "127.0.0.1:8081"),
        ("http", "http://[::1]:8081", "[::1]:8081"),
        ("http", "http://localhost", "localhost:80"),
    ],
)
def test_an_origin_of_our_scheme_host_and_port_is_ours(scheme: Scheme, origin: str, host: str) -> None:
    assert is_proven(scheme, origin=origin, host=host)


@pytest.mark.parametrize(
    ("scheme", "origin", "host"),
    [
        ("https", "https://evil.example", "admin.example"),
        ("https", "http://admin.example", "admin.example"),
        ("http", "https://admin.example", "admin.example"),
        ("https", "https://admin.example:8443", "admin.example"),
        ("https", "http://admin.example:443", "admin.example:443"),
        ("https", "https://admin.example.evil.example", "admin.example"),
        ("https", "https://sub.admin.example", "admin.example"),
        ("https", "https://evil.example@admin.example", "admin.example"),
        ("https", "https://admin.example/", "admin.example"),
        ("https", "https://admin.example?", "admin.example"),
        ("https", "https://admin.example, https://evil.example", "admin.example"),
        ("https", "null", "admin.example"),
        ("https", "null", "null"),
        ("https", "", ""),
        ("https", "https://", ""),
        ("https", "file://admin.example", "admin.example"),
        ("https", "https://admin.example:x", "admin.example:x"),
        ("https", "https://admin.example:99999", "admin.example:99999"),
        ("https", "https://[::1", "[::1"),
    ],
)
def test_every_other_origin_is_foreign(scheme: Scheme, origin: str, host: str) -> None:
    assert not is_proven(scheme, origin=origin, host=host)


def test_without_both_headers_there_is_no_proof() -> None:
    assert not is_proven(host="admin.example")
    assert not is_proven(origin="https://admin.example")
    assert not is_proven()


def test_a_referer_proves_nothing() -> None:
    assert not is_proven(host="admin.example", referer="https://admin.example/settings")
