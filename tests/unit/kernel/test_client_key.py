"""Laws of SPEC §2.2 and §3.9. Small-order points are found here by arithmetic, not copied from the code under test."""

import base64
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.kernel.client_key import (
    client_key_proof_message,
    parse_client_public_key,
    verify_client_key_proof,
)
from tests.unit.kernel import edwards25519

SEED_KEY = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
RFC_8032_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def encoded(number: int) -> str:
    return base64.b64encode(number.to_bytes(32, "little")).decode()


def small_order_encodings() -> list[int]:
    """Every 32-byte string that decodes to a point of small order: from a point outside the prime-order subgroup."""
    order = 2**252 + 27742317777372353535851937790883648493
    for y in range(2, 100):
        point = edwards25519.decode(y.to_bytes(32, "little"))
        torsion = multiply(point, order) if point else edwards25519.IDENTITY
        if multiply(torsion, 4) != edwards25519.IDENTITY:
            break
    else:
        raise AssertionError("no point outside the prime-order subgroup")
    ys = {multiply(torsion, times)[1] for times in range(8)}
    representatives = ys | {y + edwards25519.P for y in ys if y + edwards25519.P < 2**255}
    return [y | sign << 255 for y in sorted(representatives) for sign in (0, 1)]


def multiply(point: edwards25519.Point, times: int) -> edwards25519.Point:
    total = edwards25519.IDENTITY
    for bit in f"{times:b}":
        total = edwards25519.add(total, total)
        if bit == "1":
            total = edwards25519.add(total, point)
    return total


def test_the_seed_key_is_not_on_the_curve_and_is_accepted() -> None:
    assert edwards25519.decode(base64.b64decode(SEED_KEY)) is None
    assert parse_client_public_key(SEED_KEY).base64 == SEED_KEY


def test_a_key_comes_back_as_it_was_registered() -> None:
    text = base64.b64encode(RFC_8032_KEY).decode()
    key = parse_client_public_key(text)
    assert (key.raw, key.base64) == (RFC_8032_KEY, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        SEED_KEY[:-1],
        SEED_KEY + "=",
        SEED_KEY + "\n",
        " " + SEED_KEY,
        SEED_KEY[:20] + "\n" + SEED_KEY[20:],
        SEED_KEY.replace("9no=", "9n-="),
        base64.urlsafe_b64encode(b"\xfb\xff" + RFC_8032_KEY[2:]).decode(),
        base64.b64encode(RFC_8032_KEY[:31]).decode(),
        base64.b64encode(RFC_8032_KEY + b"\x00").decode(),
        "é" + SEED_KEY[1:],
        "\ud800" + SEED_KEY[1:],
        "\x00" + SEED_KEY[1:],
        RFC_8032_KEY.hex(),
    ],
)
def test_only_padded_standard_base64_of_32_bytes_is_read(text: str) -> None:
    with pytest.raises(ValueError, match="not padded standard base64"):
        parse_client_public_key(text)


@pytest.mark.parametrize("last", ["p", "q", "r"])
def test_unused_base64_bits_must_be_zero(last: str) -> None:
    assert SEED_KEY.endswith("o=")
    text = SEED_KEY[:-2] + last + "="
    assert base64.b64decode(text, validate=True) == base64.b64decode(SEED_KEY)  # why `validate` is not enough
    with pytest.raises(ValueError, match="not padded standard base64"):
        parse_client_public_key(text)


@pytest.mark.parametrize("sign", [0, 1])
def test_y_is_below_the_field_prime_whatever_the_sign(sign: int) -> None:
    for y in range(edwards25519.P, 2**255):
        with pytest.raises(ValueError, match="not a usable"):
            parse_client_public_key(encoded(y | sign << 255))
    assert parse_client_public_key(encoded(edwards25519.P - 2 | sign << 255))


def test_no_small_order_point_is_a_key() -> None:
    encodings = small_order_encodings()
    assert len(encodings) == 2 * (5 + 2)  # five values of y, of which 0 and 1 have a second, non-canonical name
    for number in encodings:
        point = edwards25519.decode(number.to_bytes(32, "little"))
        assert point is not None
        assert edwards25519.has_small_order(point)
        with pytest.raises(ValueError, match="not a usable"):
            parse_client_public_key(encoded(number))


def test_neighbours_of_small_order_points_are_keys() -> None:
    ys = sorted(number for number in small_order_encodings() if number < edwards25519.P)
    for lower, upper in pairwise(ys):
        for y in {lower + 1, upper - 1} - set(ys):
            assert parse_client_public_key(encoded(y)).raw == y.to_bytes(32, "little")


def test_repr_and_refusals_never_show_a_key() -> None:
    assert SEED_KEY not in repr(parse_client_public_key(SEED_KEY))
    with pytest.raises(ValueError, match="not padded") as refused:
        parse_client_public_key(SEED_KEY + SEED_KEY)
    assert SEED_KEY[:8] not in str(refused.value)


PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = parse_client_public_key(base64.b64encode(PRIVATE_KEY.public_key().public_bytes_raw()).decode())
SIGNED = ("login.example.com", "challenge-123", "123456")
PROOF = base64.b64encode(PRIVATE_KEY.sign(client_key_proof_message(*SIGNED))).decode()


def test_the_proof_signs_each_field_after_its_uvarint_length() -> None:
    message = client_key_proof_message("h" * 300, "challenge-123", "123456")
    assert message == (b"\x16authsession-confirm-v1" + b"\xac\x02" + b"h" * 300 + b"\x0dchallenge-123" + b"\x06123456")


def test_the_owner_of_the_key_proves_it() -> None:
    assert verify_client_key_proof(KEY, *SIGNED, PROOF)


@pytest.mark.parametrize(
    "signed",
    [
        ("login.example.org", "challenge-123", "123456"),
        ("login.example.com", "challenge-124", "123456"),
        ("login.example.com", "challenge-123", "123457"),
        ("login.example.comc", "hallenge-123", "123456"),
    ],
)
def test_a_proof_is_for_one_host_challenge_and_code(signed: tuple[str, str, str]) -> None:
    assert not verify_client_key_proof(KEY, *signed, PROOF)


@pytest.mark.parametrize(
    "proof", ["", "?", "\ud800", PROOF[:-2], PROOF[:-4], PROOF + "AAAA", PROOF.rstrip("="), "A" * 86 + "=="]
)
def test_anything_but_the_signature_is_a_wrong_proof(proof: str) -> None:
    assert not verify_client_key_proof(KEY, *SIGNED, proof)


@pytest.mark.parametrize("signed", [("h", "\ud800", "123456"), ("h", "challenge-123", "\udfff")])
def test_a_proof_over_text_that_has_no_bytes_is_a_wrong_proof(signed: tuple[str, str, str]) -> None:
    assert not verify_client_key_proof(KEY, *signed, PROOF)


def test_another_key_or_one_off_the_curve_proves_nothing() -> None:
    other = parse_client_public_key(base64.b64encode(RFC_8032_KEY).decode())
    for key in (other, parse_client_public_key(SEED_KEY)):
        assert not verify_client_key_proof(key, *SIGNED, PROOF)
