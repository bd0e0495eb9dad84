"""Laws of reading credentials from a request."""

import pytest

from services.internal_admin.access.credentials import (
    BearerToken,
    NoCredentials,
    UnreadableAuthorization,
    credentials_of,
)
from services.internal_admin.operator_sessions.cookie import BrokenCookie, SessionCookie
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from shared.web.exchange import Headers
from tests.support.stack import COOKIE_KEYS

COOKIE = SessionCookie(KeyRing.parse("test", COOKIE_KEYS), SystemEntropy())


def headers(**given: str) -> Headers:
    return Headers([(name.encode(), value.encode("latin-1")) for name, value in given.items()])


def test_without_credentials_there_are_none() -> None:
    assert credentials_of(headers(), COOKIE) == NoCredentials()
    assert credentials_of(headers(cookie="theme=dark"), COOKIE) == NoCredentials()


@pytest.mark.parametrize("written", ["Bearer abc-._~+/=", "bearer abc-._~+/=", "BEARER  abc-._~+/= "])
def test_a_bearer_token_is_read_whatever_the_case_of_its_scheme(written: str) -> None:
    assert credentials_of(headers(authorization=written), COOKIE) == BearerToken("abc-._~+/=")


@pytest.mark.parametrize(
    "written", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "abc", "Bearer a b", "Bearer a, Bearer b", "Bearer a\tb"]
)
def test_other_credentials_are_given_and_unreadable(written: str) -> None:
    assert credentials_of(headers(authorization=written), COOKIE) == UnreadableAuthorization()


def test_a_bearer_token_goes_before_a_cookie() -> None:
    both = headers(authorization="Bearer abc", cookie="authsession_operator=v1.k1.broken")
    assert credentials_of(both, COOKIE) == BearerToken("abc")
    assert credentials_of(headers(cookie="authsession_operator=v1.k1.broken"), COOKIE) == BrokenCookie()


def test_no_repr_shows_a_token() -> None:
    assert "abc" not in repr(BearerToken("abc"))
