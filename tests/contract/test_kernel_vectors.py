"""The kernel's rules for keys, proofs and e-mail addresses are those that the vectors tell other languages."""

from typing import Any

import pytest

from shared.kernel.client_key import client_key_proof_message, parse_client_public_key, verify_client_key_proof
from shared.kernel.email_address import parse_email
from tests.contract.vectors import cases


@pytest.mark.parametrize("case", cases("client_public_keys", "accepted"))
def test_a_usable_key_is_accepted_and_written_back_as_it_came(case: dict[str, Any]) -> None:
    key = parse_client_public_key(case["client_public_key"])
    assert (key.raw.hex(), key.base64) == (case["hex"], case["client_public_key"])


@pytest.mark.parametrize("case", cases("client_public_keys", "refused"))
def test_an_unusable_key_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not "):
        parse_client_public_key(case["client_public_key"])


@pytest.mark.parametrize("case", cases("client_key_proofs", "proofs"))
def test_a_proof_signs_the_four_fields_and_no_others(case: dict[str, Any]) -> None:
    key = parse_client_public_key(case["client_public_key"])
    arguments = (case["host"], case["challenge_id"], case["code"])
    assert client_key_proof_message(*arguments).hex() == case["message_hex"]
    assert verify_client_key_proof(key, *arguments, case["client_key_proof"])
    for position in range(3):
        other = [*arguments]
        other[position] += "x"
        assert not verify_client_key_proof(key, other[0], other[1], other[2], case["client_key_proof"])


@pytest.mark.parametrize("case", cases("email_addresses", "accepted"))
def test_an_address_has_one_identity_and_one_folded_form(case: dict[str, Any]) -> None:
    address = parse_email(case["email"])
    assert (address.identity, address.folded) == (case["identity"], case["folded"])


@pytest.mark.parametrize("case", cases("email_addresses", "refused"))
def test_a_text_that_is_no_address_is_refused_without_being_repeated(case: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a valid") as refused:
        parse_email(case["email"])
    assert not case["email"].strip() or case["email"].strip() not in str(refused.value)
