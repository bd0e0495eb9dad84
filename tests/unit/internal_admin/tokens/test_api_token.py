"""Laws of a token's secret."""

import hashlib
import re

import pytest

from services.internal_admin.callers.secret import new_secret, read_secret
from services.internal_admin.tokens.domain import MARK
from services.internal_admin.tokens.uses import TokenUses
from shared.kernel.entropy import SystemEntropy


class Zeros(SystemEntropy):
    def token_bytes(self, count: int) -> bytes:
        return bytes(count)


def test_a_secret_is_the_mark_and_32_random_bytes() -> None:
    secret = new_secret(Zeros(), MARK)
    assert secret.text == f"{MARK}{'A' * 43}"
    assert re.fullmatch(r"authsession_token_[A-Za-z0-9_-]{43}", new_secret(SystemEntropy(), MARK).text)
    assert new_secret(SystemEntropy(), MARK) != new_secret(SystemEntropy(), MARK)


def test_a_kept_token_is_its_sha_256_and_a_prefix_of_six_characters() -> None:
    secret = new_secret(SystemEntropy(), MARK)
    assert secret.hash == hashlib.sha256(secret.text.encode()).digest()
    assert read_secret(secret.text, MARK) == secret
    assert secret.prefix == secret.text[: len(MARK) + 6]


def test_no_repr_shows_a_secret() -> None:
    secret = new_secret(SystemEntropy(), MARK)
    assert secret.text not in repr(secret)
    assert repr(secret.hash) not in repr(secret)


@pytest.mark.parametrize(
    "text", ["", MARK, f"{MARK}{'A' * 42}", f"{MARK}{'A' * 44}", f"{MARK}{'A' * 42}!", f"{MARK}{'A' * 42}é", "A" * 43]
)
def test_text_that_no_token_could_be_is_looked_up_nowhere(text: str) -> None:
    assert read_secret(text, MARK) is None


def test_a_use_is_taken_once_however_often_it_was_noted() -> None:
    uses = TokenUses()
    for token_id in ("token-1", "token-2", "token-1"):
        uses.note(token_id)
    assert uses.taken() == {"token-1", "token-2"}
    assert uses.taken() == frozenset()
