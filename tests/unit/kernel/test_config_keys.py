"""Laws of the keys that sign configuration (SPEC §10.9)."""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.node.join import fingerprint_of
from contracts.node.signed import MANIFEST_MARKER as MARKER
from contracts.node.signed import STATEMENT_MARKER, ConfigKey
from contracts.uvarint import length_prefixed
from shared.kernel.config_keys import NO_CONFIG_KEYS, ConfigKeys
from shared.kernel.faults import ConfigurationError

NEW, OLD = b"n" * 32, b"o" * 32
PAYLOAD = b'{"format":1}'


def encoded(seed: bytes) -> str:
    return base64.b64encode(seed).decode()


RING_TEXT = f"k2:{encoded(NEW)},k1:{encoded(OLD)}"
RING = ConfigKeys.parse("KEYS", RING_TEXT)


def public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def test_every_key_signs_the_marker_and_the_payload() -> None:
    signatures = RING.sign(MARKER, PAYLOAD)
    assert [each.key_id for each in signatures] == ["k2", "k1"]
    for each, seed in zip(signatures, (NEW, OLD), strict=True):
        Ed25519PublicKey.from_public_bytes(public(seed)).verify(each.value, length_prefixed(MARKER, PAYLOAD))


def test_a_signature_fits_no_other_marker_payload_or_key() -> None:
    newest, oldest = RING.sign(MARKER, PAYLOAD)
    key = Ed25519PublicKey.from_public_bytes(public(NEW))
    for signature, message in (
        (newest.value, length_prefixed(STATEMENT_MARKER, PAYLOAD)),
        (newest.value, length_prefixed(MARKER, PAYLOAD + b" ")),
        (newest.value, MARKER + PAYLOAD),
        (oldest.value, length_prefixed(MARKER, PAYLOAD)),
    ):
        with pytest.raises(InvalidSignature):
            key.verify(signature, message)


def test_the_public_keys_stand_newest_first() -> None:
    assert RING.public_keys() == (ConfigKey("k2", public(NEW)), ConfigKey("k1", public(OLD)))


def test_the_fingerprint_is_that_of_the_newest_public_key() -> None:
    assert RING.fingerprint() == fingerprint_of(public(NEW))


def test_a_public_key_is_that_of_rfc_8032() -> None:
    """The first test vector of RFC 8032 §7.1: the secret is the seed, not the expanded key."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    ring = ConfigKeys.parse("KEYS", f"k1:{encoded(seed)}")
    expected = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert ring.public_keys() == (ConfigKey("k1", bytes.fromhex(expected)),)


def test_an_empty_ring_signs_nothing() -> None:
    assert not NO_CONFIG_KEYS
    assert NO_CONFIG_KEYS.sign(MARKER, PAYLOAD) == ()
    assert NO_CONFIG_KEYS.public_keys() == ()


@pytest.mark.parametrize("count", [0, 31, 33, 48, 64])
def test_a_key_of_another_length_is_refused(count: int) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ConfigKeys.parse("KEYS", f"k2:{encoded(NEW)},k1:{encoded(b'x' * count)}")
    cure = f"KEYS: key 2 has {count} bytes, needs exactly 32: openssl rand -base64 32"
    assert refused.value.problems == (cure,)
    assert count == 0 or encoded(b"x" * count)[:8] not in str(refused.value)


def test_a_ring_is_written_as_other_rings_are() -> None:
    with pytest.raises(ConfigurationError) as refused:
        ConfigKeys.parse("KEYS", f"k1:{encoded(NEW)},k1:{encoded(OLD)},")
    assert refused.value.problems == ("KEYS: key 2 repeats the id k1", "KEYS: key 3 is not written as id:base64")


def test_a_ring_has_as_many_keys_as_an_answer_may_have_signatures() -> None:
    entries = [f"k{number}:{encoded(bytes([number]) * 32)}" for number in range(9)]
    assert len(ConfigKeys.parse("KEYS", ",".join(entries[:8]))) == 8
    with pytest.raises(ConfigurationError, match="KEYS: has 9 keys, takes at most 8: take old ones away"):
        ConfigKeys.parse("KEYS", ",".join(entries))


def test_no_seed_is_ever_shown() -> None:
    shown = repr(RING) + str(RING) + repr(list(RING)) + repr(RING.newest) + repr(RING.sign(MARKER, PAYLOAD))
    assert repr(RING) == "ConfigKeys(k2, k1)"
    assert "nnnn" not in shown
    assert encoded(NEW)[:8] not in shown
