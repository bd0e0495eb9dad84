"""Laws of setup codes and recovery codes (SPEC §10.1, §10.5)."""

import re

import pytest

from services.internal_admin.callers.secret import new_secret
from services.internal_admin.operators.domain.owner_setup import (
    hash_of_setup_code,
    new_setup_code,
)
from services.internal_admin.operators.domain.readable_code import in_groups, new_readable_code, read_readable_code
from services.internal_admin.operators.domain.recovery_code import new_recovery_codes, shown_recovery_code
from shared.kernel.entropy import SystemEntropy

ENTROPY = SystemEntropy()


class KnownEntropy:
    def __init__(self, number: int) -> None:
        self.number = number

    def token_bytes(self, count: int) -> bytes:
        return self.number.to_bytes(count)

    def six_digits(self) -> str:
        raise AssertionError("no login code")


def test_a_setup_code_is_three_groups_of_what_nobody_misreads() -> None:
    for _ in range(200):
        assert re.fullmatch("[A-HJ-NP-Z2-9]{4}(-[A-HJ-NP-Z2-9]{4}){2}", new_setup_code(ENTROPY).text)


def test_a_recovery_code_is_the_same_in_lower_case_and_a_set_has_ten() -> None:
    codes = new_recovery_codes(ENTROPY)
    assert len(set(codes)) == 10
    assert all(re.fullmatch("[a-hj-np-z2-9]{4}(-[a-hj-np-z2-9]{4}){2}", shown_recovery_code(code)) for code in codes)


def test_each_of_sixty_random_bits_makes_another_code() -> None:
    assert len({new_readable_code(KnownEntropy(1 << bit)) for bit in range(60)}) == 60


@pytest.mark.parametrize("spelling", ["{0}", "{1}", " {1} ", "{2}", "{3}"])
def test_a_code_is_read_in_either_case_with_or_without_hyphens(spelling: str) -> None:
    code = new_readable_code(ENTROPY)
    shown = in_groups(code)
    assert read_readable_code(spelling.format(code, shown, shown.lower(), shown.replace("-", " "))) == code


@pytest.mark.parametrize(
    "text", ["", "-", "ABCD-EFGH", "ABCD-EFGH-JKL1", "ABCD-EFGH-JKLM-", "ABCD-EFGH-JKLI", "ＡBCD-EFGH-JKLM"]
)
def test_a_text_that_is_no_code_is_read_as_none(text: str) -> None:
    assert (read_readable_code(text) is None) is not text.endswith("JKLM-")


def test_the_hash_of_a_typed_setup_code_is_that_of_the_code() -> None:
    code = new_setup_code(ENTROPY)
    assert hash_of_setup_code(code.text.lower().replace("-", "")) == code.hash
    assert hash_of_setup_code("no code") != code.hash


def test_no_secret_is_in_what_python_shows() -> None:
    for secret in (new_setup_code(ENTROPY), new_secret(ENTROPY)):
        assert secret.text not in repr(secret)
        assert secret.hash.hex() not in repr(secret)
