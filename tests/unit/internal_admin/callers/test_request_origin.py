"""Laws of what is believed about the way a request came: its scheme, and whether it is of this machine. Pure."""

from ipaddress import ip_network

import pytest

from services.internal_admin.callers.request import is_local, scheme_of
from tests.support.web_request import request

PROXIES = (ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize("value", ["https", "HTTPS", " https ", "https, https"])
def test_a_trusted_proxy_says_that_it_was_https(value: str) -> None:
    assert scheme_of(request({"x-forwarded-proto": value}, "10.0.0.1", PROXIES)) == "https"


@pytest.mark.parametrize("value", ["http", "", "https, http", "http, https", "wss", "https,"])
def test_one_leg_without_tls_is_plain_http(value: str) -> None:
    assert scheme_of(request({"x-forwarded-proto": value}, "10.0.0.1", PROXIES)) == "http"


def test_others_may_say_what_they_like() -> None:
    headers = {"x-forwarded-proto": "https"}
    assert scheme_of(request(headers, "192.0.2.7", PROXIES)) == "http"
    assert scheme_of(request(headers | {"x-forwarded-for": "10.0.0.1"}, "192.0.2.7", PROXIES)) == "http"


def test_the_client_behind_a_trusted_proxy_need_not_be_trusted() -> None:
    headers = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
    assert scheme_of(request(headers, "10.0.0.1", PROXIES)) == "https"


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", None])
def test_a_loopback_peer_and_a_unix_socket_are_of_this_machine(peer: str | None) -> None:
    assert is_local(request(peer=peer))


@pytest.mark.parametrize("peer", ["192.0.2.7", "10.0.0.1", "::2"])
def test_no_other_peer_is(peer: str) -> None:
    assert not is_local(request(peer=peer))


@pytest.mark.parametrize(
    "name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "X-Real-IP"]
)
def test_a_forwarded_request_is_somebody_elses_whoever_forwards_it(name: str) -> None:
    assert not is_local(request({name: "127.0.0.1"}))
    assert not is_local(request({name: "127.0.0.1"}, proxies=(ip_network("127.0.0.0/8"),)))
