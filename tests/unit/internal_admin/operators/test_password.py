"""Laws of the passwords that operators may choose (SPEC §10.3)."""

import re
from itertools import pairwise
from typing import get_args

import pytest

from contracts.errors import ERRORS, ErrorCode
from services.internal_admin.operators.domain.common_passwords import is_common
from services.internal_admin.operators.domain.password import (
    PasswordFault,
    PasswordOwner,
    normal_password,
    password_fault,
)
from shared.db.migrate import FOLDER

ADA = PasswordOwner("ada.l", "Countess@example.com")
GOOD = "Correct horse 7 staple"


def fault(password: str, owner: PasswordOwner = ADA, min_length: int = 12) -> PasswordFault | None:
    return password_fault(normal_password(password), owner, min_length)


def test_a_good_password_is_taken() -> None:
    assert fault(GOOD) is None


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("Zw7-kPx2!qa", "password_too_short"),  # 11
        ("Zw7-kPx2!qaß", None),  # 12 characters, 13 bytes
        ("Ab1" * 85 + "x", "password_too_predictable"),  # 256
        ("Ab1" * 85 + "xy", "password_too_long"),  # 257
        ("only lower letters", "password_too_simple"),  # lower, other
        ("lower and 2 digits", None),
        ("UPPER AND 2 DIGITS", None),
        ("NOLOWERNODIGITS!", "password_too_simple"),
        ("lowerandUPPERonly", "password_too_simple"),
        ("Hello Ada.L 1815!", "password_holds_identity"),
        ("my COUNTESS 1815 x", "password_holds_identity"),
        ("Password1234!", "password_too_common"),
        ("aAbbbbbbbbbbbb1!", "password_too_predictable"),
    ],
)
def test_each_rule_refuses_with_its_own_code(password: str, expected: PasswordFault | None) -> None:
    assert fault(password) == expected


def test_every_fault_is_an_error_of_the_contract_with_status_400() -> None:
    assert {ERRORS[ErrorCode(name)].status for name in get_args(PasswordFault)} == {400}


def test_the_length_asked_for_is_the_setting() -> None:
    assert fault(GOOD, min_length=len(GOOD)) is None
    assert fault(GOOD, min_length=len(GOOD) + 1) == "password_too_short"


def test_two_bits_a_character_are_enough_and_anything_less_is_not() -> None:
    assert fault("aA1!" * 3) is None  # four characters, alike in number: exactly 2
    assert fault("aA1!" * 3 + "a") == "password_too_predictable"


def test_a_name_of_two_letters_forbids_nothing() -> None:
    assert fault("Zanzibar 2 Alpaca", PasswordOwner("al", "za@example.com")) is None


@pytest.mark.parametrize(
    "decorated",
    ["1QAZ2wsx3edc", "Administrator1!", "P4$$w0rd!!2024", "--Unbelievable--7", "Qwerty123456?", "Iloveyouforever9."],
)
def test_a_common_password_is_known_under_its_decoration(decorated: str) -> None:
    assert is_common(decorated)


def test_a_password_that_only_begins_like_a_common_one_is_none() -> None:
    assert not is_common("password of my grandmother 7")


def test_the_list_has_500_passwords_that_are_long_enough_to_matter() -> None:
    path = FOLDER.parents[1] / "services/internal_admin/operators/domain/common_passwords.txt"
    listed = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert len(listed) == len(set(listed)) == 500
    assert all(len(password) >= 12 and password == password.casefold() for password in listed)
    assert all(is_common(password) for password in listed)


def test_a_password_is_the_same_typed_composed_or_decomposed_and_with_any_space() -> None:
    spellings = ["Caf\u00e9 au lait 7", "Cafe\u0301 au lait 7", "Caf\u00e9\u00a0au\u3000lait 7"]
    assert all(normal_password(one) == normal_password(other) for one, other in pairwise(spellings))


def test_width_and_case_of_a_password_count() -> None:
    assert len({normal_password(spelling) for spelling in ("A1", "a1", "\uff211", "\uff411")}) == 4  # RFC 8265 §4.2.2


def test_no_password_is_in_what_python_shows() -> None:
    assert not re.search("Countess|ada", repr(ADA))
