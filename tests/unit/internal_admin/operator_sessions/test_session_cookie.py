"""Laws of the session cookie (SPEC §10.4). Pure but for the ciphers."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from ipaddress import ip_network

import pytest

from services.internal_admin.callers.secret import new_secret
from services.internal_admin.operator_sessions.cookie import (
    NAME,
    BrokenCookie,
    CookieToken,
    NoCookie,
    SessionCookie,
    clearing_header,
)
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import seal
from tests.support.web_request import request

OLD_KEY = "old.1:" + "b2xkLWtl" * 6
NEW_KEY = "new:" + "bmV3LWtl" * 6
TOKEN = new_secret(SystemEntropy()).text
LIFE = timedelta(days=7)


def cookie_of(*keys: str) -> SessionCookie:
    return SessionCookie(KeyRing.parse("test", ",".join(keys)), SystemEntropy())


COOKIE = cookie_of(NEW_KEY)


def test_a_sealed_token_is_found_again_among_other_cookies() -> None:
    header = f'theme="dark; x"; {NAME}={COOKIE.sealed(TOKEN)};other={{"a":1}}'
    assert COOKIE.find(header) == CookieToken(TOKEN)


@pytest.mark.parametrize("header", [None, "", "theme=dark", f"x{NAME}=1", NAME])
def test_without_the_cookie_there_is_none(header: str | None) -> None:
    assert COOKIE.find(header) == NoCookie()


def test_the_token_is_neither_in_the_cookie_nor_in_a_repr() -> None:
    value = COOKIE.sealed(TOKEN)
    assert TOKEN not in value
    assert TOKEN not in repr(COOKIE.find(f"{NAME}={value}"))


def test_an_old_key_still_opens_and_the_newest_seals() -> None:
    sealed_before = cookie_of(OLD_KEY).sealed(TOKEN)
    both = cookie_of(NEW_KEY, OLD_KEY)
    assert both.find(f"{NAME}={sealed_before}") == CookieToken(TOKEN)
    assert both.sealed(TOKEN).startswith("v1.new.")
    assert cookie_of(NEW_KEY).find(f"{NAME}={both.sealed(TOKEN)}") == CookieToken(TOKEN)


def test_a_key_that_was_taken_away_opens_nothing() -> None:
    assert COOKIE.find(f"{NAME}={cookie_of(OLD_KEY).sealed(TOKEN)}") == BrokenCookie()


def test_every_changed_bit_breaks_it() -> None:
    prefix, _, encoded = COOKIE.sealed(TOKEN).rpartition(".")
    sealed = bytearray(urlsafe_b64decode(encoded + "=="))
    for place in range(len(sealed)):
        changed = bytes(sealed[:place]) + bytes([sealed[place] ^ 1]) + bytes(sealed[place + 1 :])
        value = f"{prefix}.{urlsafe_b64encode(changed).decode().rstrip('=')}"
        assert COOKIE.find(f"{NAME}={value}") == BrokenCookie()


def test_a_value_sealed_for_something_else_is_no_cookie() -> None:
    key_id, sealed = seal(COOKIE.keys, TOKEN.encode(), b"some row", SystemEntropy())
    assert COOKIE.find(f"{NAME}=v1.{key_id}.{urlsafe_b64encode(sealed).decode().rstrip('=')}") == BrokenCookie()


@pytest.mark.parametrize(
    "value", ["", "x", "v1", "v1.", "v1..", "v1.new.", "v1.new.A", "v1.new.AAAA", "v1.new.ü", "T" * 43]
)
def test_other_text_is_a_broken_cookie(value: str) -> None:
    assert COOKIE.find(f"{NAME}={value}") == BrokenCookie()


def test_another_version_is_a_broken_cookie() -> None:
    value = COOKIE.sealed(TOKEN)
    assert COOKIE.find(f"{NAME}=v2{value.removeprefix('v1')}") == BrokenCookie()


def test_of_two_cookies_neither_is_believed() -> None:
    """A host beside ours can set one for the whole domain: nobody is logged in as somebody else by that."""
    value = f"{NAME}={COOKIE.sealed(TOKEN)}"
    assert COOKIE.find(f"{value}; {value}") == BrokenCookie()


def test_it_lives_as_long_as_its_session_and_no_script_or_other_site_gets_it() -> None:
    behind_tls = request({"x-forwarded-proto": "https"}, proxies=(ip_network("127.0.0.1/32"),))
    name, value = COOKIE.header(behind_tls, TOKEN, LIFE)
    assert name == b"set-cookie"
    attributes = value.decode().split("; ")[1:]
    assert attributes == ["Path=/", "Max-Age=604800", "HttpOnly", "SameSite=Strict", "Secure"]


def test_on_plain_http_it_is_not_secure_or_no_browser_would_keep_it() -> None:
    _, value = COOKIE.header(request(), TOKEN, LIFE)
    assert b"Secure" not in value


def test_clearing_takes_away_the_same_cookie() -> None:
    assert clearing_header(request()) == (
        b"set-cookie",
        f"{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict".encode(),
    )
