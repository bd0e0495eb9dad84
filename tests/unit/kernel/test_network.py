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
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:0DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_network_is_an_ipv4_address_or_an_ipv6_64(address: str, text: str) -> None:
    assert parse_network(address).text == text
    assert parse_network(address) == parse_network(address)


@pytest.mark.parametrize(
    "address", ["", "localhost", "192.0.2", "192.0.2.07", "192.0.2.7/32", "192.0.2.7:80", "[::1]", "::1 ", "1" * 9000]
)
def test_anything_else_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        parse_network(address)
