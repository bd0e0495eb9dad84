"""Laws of a token's secret."""

import hashlib
import re

import pytest

from services.internal_admin.tokens.domain import MARK, hash_of_token, new_token_secret
from services.internal_admin.tokens.uses import TokenUses
from shared.kernel.entropy import SystemEntropy


class Zeros(SystemEntropy):
    def token_bytes(self, count: int) -> bytes:
        return bytes(count)


def test_a_secret_is_the_mark_and_32_random_bytes() -> None:
    secret = new_token_secret(Zeros())
    assert secret.text == f"{MARK}{'A' * 43}"
    assert re.fullmatch(r"authsession_token_[A-Za-z0-9_-]{43}", new_token_secret(SystemEntropy()).text)
    assert new_token_secret(SystemEntropy()) != new_token_secret(SystemEntropy())


def test_what_is_kept_is_the_sha_256_and_a_prefix_of_six_characters() -> None:
    secret = new_token_secret(SystemEntropy())
    assert secret.hash == hashlib.sha256(secret.text.encode()).digest() == hash_of_token(secret.text)
    assert secret.prefix == secret.text[: len(MARK) + 6]


def test_no_repr_shows_a_secret() -> None:
    secret = new_token_secret(SystemEntropy())
    assert secret.text not in repr(secret)
    assert repr(secret.hash) not in repr(secret)


@pytest.mark.parametrize(
    "text", ["", MARK, f"{MARK}{'A' * 42}", f"{MARK}{'A' * 44}", f"{MARK}{'A' * 42}!", f"{MARK}{'A' * 42}é", "A" * 43]
)
def test_text_that_no_token_could_be_is_looked_up_nowhere(text: str) -> None:
    assert hash_of_token(text) is None


def test_a_use_is_taken_once_however_often_it_was_noted() -> None:
    uses = TokenUses()
    for token_id in ("token-1", "token-2", "token-1"):
        uses.note(token_id)
    assert uses.taken() == {"token-1", "token-2"}
    assert uses.taken() == frozenset()
