"""Laws of key rings (SPEC §10.9)."""

import base64

import pytest

from shared.kernel.faults import ConfigurationError
from shared.kernel.keyring import Key, KeyRing

NEW, OLD = b"n" * 32, b"o" * 48


def encoded(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


RING_TEXT = f"k2:{encoded(NEW)}, k1:{encoded(OLD)}\n"


def test_the_first_key_writes_and_all_are_read() -> None:
    ring = KeyRing.parse("KEYS", RING_TEXT)
    assert ring.newest == Key("k2", NEW)
    assert ring.get("k1") == Key("k1", OLD)
    assert list(ring) == [Key("k2", NEW), Key("k1", OLD)]
    assert len(ring) == 2


def test_a_key_that_was_taken_away_is_none() -> None:
    assert KeyRing.parse("KEYS", RING_TEXT).get("k0") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "KEYS: key 1 is not written as id:base64"),
        (encoded(NEW), "KEYS: key 1 is not written as id:base64"),
        (f":{encoded(NEW)}", "KEYS: key 1 is not written as id:base64"),
        (f"k 1:{encoded(NEW)}", "KEYS: key 1 is not written as id:base64"),
        ("k1:not base64!", "KEYS: key 1 is not standard base64 after its id"),
        ("k1:é", "KEYS: key 1 is not standard base64 after its id"),
        (f"k1:{encoded(b'x' * 31)}", "KEYS: key 1 has 31 bytes, needs at least 32: openssl rand -base64 32"),
        (f"k1:{encoded(NEW)},k1:{encoded(OLD)}", "KEYS: key 2 repeats the id k1"),
        (f"k1:{encoded(NEW)},", "KEYS: key 2 is not written as id:base64"),
    ],
)
def test_a_ring_that_is_written_wrong_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        KeyRing.parse("KEYS", text)
    assert refused.value.problems == (problem,)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        KeyRing.parse("KEYS", f"k1:AAAA,k2:{encoded(NEW)},k2:{encoded(OLD)},")
    assert len(refused.value.problems) == 3


def test_no_secret_is_ever_shown() -> None:
    ring = KeyRing.parse("KEYS", RING_TEXT)
    shown = repr(ring) + str(ring) + repr(list(ring)) + repr(ring.newest)
    assert repr(ring) == "KeyRing(k2, k1)"
    assert "nnnn" not in shown
    assert encoded(NEW)[:8] not in shown
    with pytest.raises(ConfigurationError) as refused:
        KeyRing.parse("KEYS", f"{encoded(NEW)},k1:{encoded(b'x' * 31)}")
    assert encoded(NEW)[:8] not in str(refused.value)
    assert encoded(b"x" * 31)[:8] not in str(refused.value)
