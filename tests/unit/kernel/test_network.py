"""Laws of the word *network* (SPEC, Words)."""

import pytest

from shared.kernel.network import parse_network


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:C000:0207", "192.0.2.7"),
        ("2001:db8:1:200::", "2001:db8:1:200::/56"),
        ("2001:0DB8:1:2ff:ffff:ffff:ffff:ffff", "2001:db8:1:200::/56"),
        ("2001:db8:1:300::1", "2001:db8:1:300::/56"),
        ("::1", "::/56"),
        ("::", "::/56"),
        ("fe80::1%eth0", "fe80::/56"),
    ],
)
def test_a_network_is_an_ipv4_address_or_an_ipv6_56(address: str, text: str) -> None:
    assert parse_network(address).text == text
    assert parse_network(address) == parse_network(address)


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:192.0.2.33",
        "::192.0.2.33",
        "::ffff:0:192.0.2.33",  # RFC 2765
        "2002:c000:221::1",  # 6to4
        "2002:c000:221:ffff:1:2:3:4",
        "2001:0:53aa:64c:0:7a85:3fff:fdde",  # Teredo: the client's address, its bits inverted
        "2001:0:4136:e378:8000:1234:3fff:fdde",  # by another server, from another port
        "64:ff9b::192.0.2.33",  # NAT64
        "64:ff9b:1::192.0.2.33",  # RFC 8215, and the table of RFC 6052 §2.2 below
        "64:ff9b:1:fffe::192.0.2.33",
        "64:ff9b:1:c000:2:2100::",
        "64:ff9b:1:1c0:0:221::",
        "64:ff9b:1:122:c0:2:2100::",
    ],
)
def test_an_ipv6_address_that_stands_for_an_ipv4_address_is_that_network(address: str) -> None:
    network = parse_network(address)
    assert network == parse_network("192.0.2.33")
    assert network.former_text is None  # a /64 of these had many subscribers: nobody stays known by it


def test_a_network_still_tells_what_it_was_while_a_64_was_a_network() -> None:
    assert parse_network("2001:db8:1:2ff::1").former_text == "2001:db8:1:2ff::/64"
    assert parse_network("2001:db8:1:2ff::1") == parse_network("2001:db8:1:2fe::1")


@pytest.mark.parametrize(
    "address", ["", "localhost", "192.0.2", "192.0.2.07", "192.0.2.7/32", "192.0.2.7:80", "[::1]", "::1 ", "1" * 9000]
)
def test_anything_else_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        parse_network(address)
