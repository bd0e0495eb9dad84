"""The client's address behind proxies (SPEC §9.1)."""

import logging
import tracemalloc

import pytest

from shared.config.settings import parse_networks
from shared.web.client_address import ClientAddresses

BEHIND = ClientAddresses(parse_networks("10.0.0.0/8, fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "192.0.2.9", "192.0.2.9"),
        ("10.0.0.1", "203.0.113.5, 192.0.2.9", "192.0.2.9"),  # what the client wrote itself stands left
        ("10.0.0.1", "203.0.113.5, 192.0.2.9, 10.0.0.2", "192.0.2.9"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "192.0.2.9, unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.9, , 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.9:4711", "192.0.2.9"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "192.0.2.9", "192.0.2.9"),
        ("::ffff:192.0.2.1", None, "192.0.2.1"),
        ("10.0.0.1", "::ffff:192.0.2.9", "192.0.2.9"),
        ("fe80::1%eth0", None, "fe80::1"),
        ("192.0.2.1", "203.0.113.5", "192.0.2.1"),
        (None, None, "127.0.0.1"),
        (None, "192.0.2.9", "127.0.0.1"),
    ],
)
def test_the_client_is_counted_from_the_right_through_trusted_proxies(
    peer: str | None, forwarded: str | None, client: str
) -> None:
    found = BEHIND.resolve(peer, forwarded)
    assert found.address == client
    assert found.is_forwarded is (forwarded is not None)


def test_addresses_of_one_ipv6_subscriber_are_one_network() -> None:
    one, other = BEHIND.resolve("2001:db8:1:200::1", None), BEHIND.resolve("2001:db8:1:2ff::1", None)
    assert one.network == other.network != BEHIND.resolve("2001:db8:1:300::1", None).network


def test_a_unix_peer_is_trusted_like_loopback() -> None:
    assert ClientAddresses(parse_networks("127.0.0.0/8")).resolve(None, "192.0.2.9").address == "192.0.2.9"


def test_a_forwarded_header_of_another_peer_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    addresses = ClientAddresses()
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            addresses.resolve(f"192.0.2.{number}", "203.0.113.5")
    assert len(caplog.records) == 1


def test_fields_of_strangers_are_not_kept_at_their_length() -> None:
    """8 KiB in each of 4,096 headers were 32 MiB."""
    addresses = ClientAddresses()
    tracemalloc.start()
    try:
        for number in range(1000):
            addresses.resolve("192.0.2.1", f"{number}".zfill(8192))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1 << 20
