"""Laws of how a login code is kept and compared (SPEC §3.2). Pure."""

import hashlib
import hmac

import pytest

from services.public_auth.domain.login_code import StoredCode, is_code, is_right_code, store_code
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing

OLD = "old:" + "b2xkb2xk" * 8
NEW = "new:" + "bmV3bmV3" * 8
KEYS = KeyRing.parse("test", OLD)
ROTATED = KeyRing.parse("test", f"{NEW},{OLD}")
WITHOUT_OLD = KeyRing.parse("test", NEW)
SALT = bytes(range(16))


@pytest.mark.parametrize("text", ["000000", "012345", "999999"])
def test_six_ascii_digits_are_a_code(text: str) -> None:
    assert is_code(text)


@pytest.mark.parametrize(
    "text",
    ["", "12345", "1234567", "12345a", "-12345", "+12345", "12 345", "123456\n", "1.2345", "0x1234",
     "١٢٣٤٥٦", "１２３４５６", "12345²", "12345①"],
)  # fmt: skip
def test_anything_else_is_no_code(text: str) -> None:
    assert not is_code(text)


def test_a_code_is_kept_as_hmac_sha_256_under_the_newest_key_over_salt_and_code() -> None:
    stored = store_code(ROTATED, "012345", SALT)

    expected = hmac.new(ROTATED.newest.secret, b"authsession-login-code-v1" + SALT + b"012345", hashlib.sha256)
    assert stored == StoredCode("new", SALT, expected.digest())


def test_only_the_code_that_was_stored_is_right() -> None:
    stored = store_code(KEYS, "000042", SALT)

    right = [f"{number:06d}" for number in range(1000) if is_right_code(KEYS, stored, f"{number:06d}")]

    assert right == ["000042"]


def test_another_salt_makes_another_mac_of_the_same_code() -> None:
    assert store_code(KEYS, "123456", SALT).mac != store_code(KEYS, "123456", bytes(16)).mac


def test_a_code_stays_right_while_its_key_is_in_the_ring() -> None:
    stored = store_code(KEYS, "123456", SALT)

    assert is_right_code(ROTATED, stored, "123456")
    assert not is_right_code(WITHOUT_OLD, stored, "123456")


def test_a_code_never_compares_under_another_key_of_the_ring() -> None:
    """The key id decides, not whichever key happens to fit."""
    stored = store_code(KEYS, "123456", SALT)
    assert not is_right_code(ROTATED, StoredCode("new", stored.salt, stored.mac), "123456")


def test_no_code_is_right_for_a_decoy() -> None:
    assert not any(is_right_code(KEYS, None, f"{number:06d}") for number in range(1000))


@pytest.mark.parametrize("stored", [None, store_code(KEYS, "123456", SALT), StoredCode("gone", SALT, bytes(32))])
def test_a_decoy_costs_one_hmac_and_one_constant_time_comparison_like_a_real_code(
    stored: StoredCode | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[tuple[str, int]] = []
    digest, compare = hmac.digest, hmac.compare_digest

    def counted_digest(key: bytes, message: bytes, name: str) -> bytes:
        work.append(("hmac", len(message)))
        return digest(key, message, name)

    def counted_compare(left: bytes, right: bytes) -> bool:
        work.append(("compare", len(left) + len(right)))
        return compare(left, right)

    monkeypatch.setattr("services.public_auth.domain.login_code.hmac.digest", counted_digest)
    monkeypatch.setattr("services.public_auth.domain.login_code.hmac.compare_digest", counted_compare)

    assert not is_right_code(KEYS, stored, "654321")
    assert work == [("hmac", 25 + 16 + 6), ("compare", 64)]


def test_a_stored_code_shows_neither_salt_nor_mac() -> None:
    assert repr(store_code(KEYS, "123456", SALT)) == "StoredCode(key_id='old')"


def test_every_code_the_system_draws_is_a_code_leading_zeros_kept() -> None:
    drawn = [SystemEntropy().six_digits() for _ in range(2000)]

    assert all(is_code(code) for code in drawn)
    assert any(code.startswith("0") for code in drawn)  # 1 in 10^91 that none does
