"""Laws of how a network is remembered (SPEC §3.6). Pure."""

import hmac

from services.public_auth.domain.network_tag import network_tags
from shared.kernel.keyring import KeyRing
from shared.kernel.network import Network, parse_network

OLD = "old:" + "b2xkb2xk" * 8
NEW = "new:" + "bmV3bmV3" * 8
KEYS = KeyRing.parse("test", OLD)
ROTATED = KeyRing.parse("test", f"{NEW},{OLD}")
HOME = Network("192.0.2.1")


def test_a_tag_is_the_first_16_bytes_of_an_hmac_under_the_newest_key() -> None:
    expected = hmac.digest(ROTATED.newest.secret, b"authsession-network-tag-v1192.0.2.1", "sha256")[:16]
    assert network_tags(ROTATED, HOME).newest == expected


def test_a_network_is_still_found_by_what_was_written_under_an_older_key() -> None:
    written_before = network_tags(KEYS, HOME).newest
    rotated = network_tags(ROTATED, HOME)

    assert written_before in rotated.readable
    assert rotated.newest != written_before
    assert rotated.newest in rotated.readable


def test_while_keys_rotate_old_and_new_replicas_find_what_each_other_wrote() -> None:
    """As long as the new key reaches every replica, to read, before it is the first of any."""
    prepared = KeyRing.parse("test", f"{OLD},{NEW}")

    assert network_tags(ROTATED, HOME).newest in network_tags(prepared, HOME).readable
    assert network_tags(prepared, HOME).newest in network_tags(ROTATED, HOME).readable


def test_other_networks_have_other_tags_and_one_network_has_one() -> None:
    networks = [f"192.0.2.{host}" for host in range(256)] + [
        f"2001:db8:0:{subscriber:x}00::1" for subscriber in range(256)
    ]
    tags = {network_tags(KEYS, parse_network(address)).newest for address in networks}

    assert len(tags) == 512
    same = [network_tags(KEYS, parse_network(address)) for address in ("2001:db8:0:100::1", "2001:db8:0:1ff::2")]
    assert same[0].newest == same[1].newest


def test_a_network_is_still_found_by_the_tag_that_it_had_as_a_64() -> None:
    """Owners who are known stay known through the upgrade; the next login writes the tag of the /56."""
    written_before = network_tags(KEYS, Network("2001:db8:0:1ff::/64")).newest
    now = network_tags(ROTATED, parse_network("2001:db8:0:1ff::1"))

    assert written_before in now.readable
    assert now.newest == network_tags(ROTATED, Network("2001:db8:0:100::/56")).newest
    assert written_before not in network_tags(ROTATED, parse_network("2001:db8:0:1fe::1")).readable
