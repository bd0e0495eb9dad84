"""A value opens at its own place alone, under a key that the ring still has."""

import os
from dataclasses import replace

import pytest

from contracts.node.secrets import MAX_VALUE_BYTES
from services.internal_admin.secrets.domain.sealing import (
    SealedVersion,
    SecretPlace,
    open_value,
    rewrap,
    seal_value,
)
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import Key, KeyRing
from shared.kernel.sealing import Unsealable

OLD, NEW = Key("k1", os.urandom(32)), Key("k2", os.urandom(32))
RING = KeyRing({"k1": OLD})
ROTATED = KeyRing({"k2": NEW, "k1": OLD})
PLACE = SecretPlace("secret-1", "agent", "agent-1", "API_KEY", 3)
ENTROPY = SystemEntropy()


@pytest.mark.parametrize("length", [0, 1, 59, 60, 61, 64, 1000, MAX_VALUE_BYTES])
def test_a_value_comes_back(length: int) -> None:
    value = os.urandom(length)
    assert open_value(RING, PLACE, seal_value(RING, PLACE, value, ENTROPY)) == value


def test_values_of_similar_length_have_ciphertexts_of_one_length() -> None:
    lengths = {len(seal_value(RING, PLACE, bytes(length), ENTROPY).ciphertext) for length in range(61)}
    assert len(lengths) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(PLACE, secret_id="secret-2"),
        replace(PLACE, scope_kind="pool"),
        replace(PLACE, scope_id="agent-2"),
        replace(PLACE, name="OTHER"),
        replace(PLACE, version=4),
    ],
)
def test_another_place_opens_nothing_and_wraps_nothing_anew(other: SecretPlace) -> None:
    sealed = seal_value(RING, PLACE, b"value", ENTROPY)
    with pytest.raises(Unsealable):
        open_value(RING, other, sealed)
    with pytest.raises(Unsealable):
        rewrap(ROTATED, other, sealed, ENTROPY)


def test_a_swapped_data_key_opens_nothing() -> None:
    one = seal_value(RING, PLACE, b"one", ENTROPY)
    other = seal_value(RING, replace(PLACE, version=4), b"other", ENTROPY)
    with pytest.raises(Unsealable):
        open_value(RING, PLACE, replace(one, wrapped_key=other.wrapped_key))
    with pytest.raises(Unsealable):
        open_value(RING, PLACE, replace(one, ciphertext=other.ciphertext))


def test_a_rewrapped_version_opens_without_the_old_key_and_keeps_its_ciphertext() -> None:
    sealed = seal_value(RING, PLACE, b"value", ENTROPY)
    wrapped = rewrap(ROTATED, PLACE, sealed, ENTROPY)
    assert wrapped.key_id == "k2"
    moved = SealedVersion(wrapped.key_id, wrapped.wrapped_key, sealed.ciphertext)
    assert open_value(KeyRing({"k2": NEW}), PLACE, moved) == b"value"
    with pytest.raises(Unsealable):
        open_value(KeyRing({"k2": NEW}), PLACE, sealed)


def test_a_sealed_version_shows_nothing_of_itself() -> None:
    assert repr(SealedVersion("k1", b"wrapped", b"cipher")) == "SealedVersion(key_id='k1')"
