"""Laws of sealing (SPEC §7.2): a dump without the key holds no code, and a sealed value stays with its row."""

import base64

import pytest

from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable, seal, unseal

ENTROPY = SystemEntropy()


def ring_of(**secrets: bytes) -> KeyRing:
    return KeyRing.parse("KEYS", ",".join(f"{key_id}:{base64.b64encode(s).decode()}" for key_id, s in secrets.items()))


RING = ring_of(k2=b"n" * 32, k1=b"o" * 48)


def test_a_sealed_text_is_unsealed() -> None:
    key_id, sealed = seal(RING, b"123456", b"row-1", ENTROPY)
    assert key_id == "k2"
    assert unseal(RING, key_id, sealed, b"row-1") == b"123456"


def test_a_value_sealed_by_an_older_key_is_still_read() -> None:
    key_id, sealed = seal(ring_of(k1=b"o" * 48), b"123456", b"row-1", ENTROPY)
    assert unseal(RING, key_id, sealed, b"row-1") == b"123456"


def test_equal_plaintexts_look_different_and_do_not_show() -> None:
    first, second = (seal(RING, b"123456", b"row-1", ENTROPY)[1] for _ in range(2))
    assert first != second
    assert first[:12] != second[:12]
    assert b"123456" not in first
    assert len(first) == 12 + 6 + 16


def test_a_sealed_value_belongs_to_its_row() -> None:
    key_id, sealed = seal(RING, b"123456", b"row-1", ENTROPY)
    with pytest.raises(Unsealable):
        unseal(RING, key_id, sealed, b"row-2")


def test_a_changed_bit_anywhere_is_noticed() -> None:
    key_id, sealed = seal(RING, b"123456", b"row-1", ENTROPY)
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(Unsealable):
            unseal(RING, key_id, changed, b"row-1")


@pytest.mark.parametrize("kept", [0, 1, 11, 12, 27])
def test_a_cut_value_is_unsealable(kept: int) -> None:
    key_id, sealed = seal(RING, b"123456", b"row-1", ENTROPY)
    with pytest.raises(Unsealable):
        unseal(RING, key_id, sealed[:kept], b"row-1")


def test_a_key_under_another_id_or_gone_reads_nothing() -> None:
    _, sealed = seal(RING, b"123456", b"row-1", ENTROPY)
    for key_id in ("k1", "k0"):
        with pytest.raises(Unsealable):
            unseal(RING, key_id, sealed, b"row-1")
