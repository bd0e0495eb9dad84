"""Golden data of login codes: the service reads them as clients must (SPEC §2.2)."""

from typing import Any

import pytest

from services.public_auth.domain.login_code import is_code, read_code
from tests.contract.vectors import cases


@pytest.mark.parametrize("case", cases("login_codes", "read"))
def test_a_code_may_be_typed_and_pasted_as_people_do(case: dict[str, Any]) -> None:
    assert read_code(case["text"]) == case["code"]
    assert is_code(case["code"])


@pytest.mark.parametrize("case", cases("login_codes", "refused"))
def test_text_that_holds_no_code_is_left_as_it_is(case: dict[str, Any]) -> None:
    assert read_code(case["text"]) == case["text"]
    assert not is_code(case["text"])
