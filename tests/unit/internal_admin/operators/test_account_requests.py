"""Laws of requests about operators' accounts: their shape, and that no secret in them is ever shown (SPEC §10.2)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts.control_plane.accounts import (
    decode_change_password,
    decode_exchange_setup_code,
    decode_log_in,
    decode_recover_password,
    decode_regenerate_recovery_codes,
    decode_register_owner,
)
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.identity import Operator
from services.internal_admin.callers.secret import read_secret
from services.internal_admin.operator_sessions.domain import SessionClient
from services.internal_admin.operators.domain.account import Account, SessionOpening
from services.internal_admin.operators.domain.login import LogIn
from services.internal_admin.operators.domain.owner_setup import Exchanged, ExchangeSetupCode, RegisterOwner
from services.internal_admin.operators.domain.password import PasswordOwner
from services.internal_admin.operators.domain.password_change import (
    ChangePassword,
    RecoverPassword,
    RecoveryCodesRegenerated,
    RegenerateRecoveryCodes,
)
from services.internal_admin.operators.store.accounts import JudgedLogIn
from tests.support.builders import SOME_INSTANT
from tests.support.operator_accounts import CALLER, opening

DECODERS: dict[Callable[[bytes], Any], list[str]] = {
    decode_exchange_setup_code: ["setup_code"],
    decode_register_owner: ["user_name", "password"],
    decode_log_in: ["user_name", "password"],
    decode_change_password: ["current_password", "new_password"],
    decode_recover_password: ["user_name", "recovery_code", "new_password"],
    decode_regenerate_recovery_codes: ["current_password"],
}
S = "zebra-quagga"
CLIENT, OPERATOR = SessionClient(None, None), Operator("operator-1", "operator-session-1")
OWNER = PasswordOwner(S, S)
SHOWN = [
    LogIn(S, S, CLIENT, CALLER),
    RegisterOwner(S, needs_token=True, owner=OWNER, password=S, client=CLIENT, caller=CALLER),
    ExchangeSetupCode(S, CALLER),
    Exchanged(S, SOME_INSTANT),
    ChangePassword(OPERATOR, S, S, CALLER),
    RecoverPassword(S, S, S, CLIENT, CALLER),
    RegenerateRecoveryCodes(OPERATOR, S, CALLER),
    RecoveryCodesRegenerated((S,)),
    Account("operator-1", OWNER, S, SOME_INSTANT, (S,), is_disabled=False, min_password_length=12),
    JudgedLogIn(None, is_right=True, new_hash=S, opening=opening(), caller=CALLER),
]


def body(decode: Callable[[bytes], Any], **changes: object) -> bytes:
    return json.dumps(dict.fromkeys(DECODERS[decode], S) | changes).encode()


@pytest.mark.parametrize("decode", DECODERS)
def test_the_required_fields_are_enough_and_are_not_shown(decode: Callable[[bytes], Any]) -> None:
    decoded = decode(body(decode))
    assert decoded == S or S not in repr(decoded)


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("value", [1, None, "a\0b", ["x"], {}])
def test_a_field_of_another_type_is_refused_by_its_name(decode: Callable[[bytes], Any], value: object) -> None:
    for name in DECODERS[decode]:
        with pytest.raises(Refusal) as refused:
            decode(body(decode, **{name: value}))
        assert refused.value.code is ErrorCode.INVALID_REQUEST
        assert refused.value.message.startswith(name)


@pytest.mark.parametrize("decode", DECODERS)
def test_a_field_too_few_or_too_many_is_refused(decode: Callable[[bytes], Any]) -> None:
    given = json.loads(body(decode))
    for name in DECODERS[decode]:
        with pytest.raises(Refusal, match=f"{name} is required"):
            decode(json.dumps({other: value for other, value in given.items() if other != name}).encode())
    with pytest.raises(Refusal, match="unknown field extra"):
        decode(body(decode, extra=1))


@pytest.mark.parametrize("control", ["\x07", "\x1b", "\x7f", "\x85x"])
def test_a_new_password_has_no_control_characters(control: str) -> None:
    for decode, name in (
        (decode_register_owner, "password"),
        (decode_change_password, "new_password"),
        (decode_recover_password, "new_password"),
    ):
        with pytest.raises(Refusal, match="control characters"):
            decode(body(decode, **{name: f"a{control}b"}))


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: type(shown).__name__)
def test_no_secret_is_in_what_python_shows_of_commands_and_outcomes(shown: object) -> None:
    assert S not in repr(shown)


def test_no_session_token_is_in_what_python_shows() -> None:
    token = read_secret("x" * 43)
    assert token is not None
    assert token.text not in repr(SessionOpening("operator-session-1", token, CLIENT, opening().life))
