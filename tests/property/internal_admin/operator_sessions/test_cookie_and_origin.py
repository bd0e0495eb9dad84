"""Laws of what browsers send, whatever it is: no header breaks the reading of cookies and origins (SPEC §10.4)."""

from hypothesis import given
from hypothesis import strategies as st

from services.internal_admin.callers.request import is_same_origin
from services.internal_admin.operator_sessions.cookie import NAME, BrokenCookie, CookieToken, NoCookie, SessionCookie
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from shared.web.exchange import Headers
from tests.support.stack import COOKIE_KEYS

COOKIE = SessionCookie(KeyRing.parse("test", COOKIE_KEYS), SystemEntropy())
_latin = st.text(st.characters(codec="latin-1"), max_size=60)
_tokens = st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True)
_hosts = st.from_regex(r"[a-z][a-z0-9.-]{0,20}(:[1-9][0-9]{0,3})?", fullmatch=True)


@given(_latin)
def test_no_text_is_a_cookie_of_ours(text: str) -> None:
    assert isinstance(COOKIE.find(text), NoCookie | BrokenCookie)
    assert isinstance(COOKIE.find(f"{NAME}={text}"), BrokenCookie)


@given(_latin)
def test_no_text_is_sealed_by_our_key(text: str) -> None:
    assert isinstance(COOKIE.find(f"{NAME}=v1.k1.{text}"), BrokenCookie)


@given(_tokens, st.lists(st.from_regex(r"[a-z]{1,9}=[a-z.]{0,9}", fullmatch=True), max_size=4), st.integers(0, 4))
def test_a_sealed_token_is_found_among_whatever_other_cookies(token: str, others: list[str], place: int) -> None:
    cookies = [*others[:place], f"{NAME}={COOKIE.sealed(token)}", *others[place:]]
    assert COOKIE.find("; ".join(cookies)) == CookieToken(token)


@given(_latin, _hosts)
def test_only_the_one_origin_with_our_authority_is_ours(origin: str, host: str) -> None:
    own = f"https://{host}"
    headers = Headers([(b"origin", origin.encode("latin-1")), (b"host", host.encode())])
    assert is_same_origin(Headers([(b"origin", own.encode()), (b"host", host.encode())]), "https")
    assert not is_same_origin(headers, "https") or origin.lower().removesuffix(":443") == own.removesuffix(":443")


@given(_hosts, _latin, _latin)
def test_nothing_around_our_origin_is_our_origin(host: str, before: str, after: str) -> None:
    origin = f"{before}https://{host}{after}"
    headers = Headers([(b"origin", origin.encode("latin-1")), (b"host", host.encode())])
    is_own = origin.lower().removesuffix(":443") == f"https://{host}".removesuffix(":443")
    assert is_same_origin(headers, "https") is is_own
