"""Laws of secrets without a mark, such as session tokens."""

import hashlib
import re

import pytest

from services.internal_admin.callers.secret import new_secret, read_secret
from shared.kernel.entropy import SystemEntropy


def test_a_token_is_32_random_bytes_url_safe_and_stored_as_sha_256() -> None:
    tokens = [new_secret(SystemEntropy()) for _ in range(100)]
    assert len({token.text for token in tokens}) == 100
    for token in tokens:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token.text)
        assert token.hash == hashlib.sha256(token.text.encode()).digest()


def test_a_token_that_is_presented_has_the_hash_it_was_made_with() -> None:
    token = new_secret(SystemEntropy())
    assert read_secret(token.text) == token


@pytest.mark.parametrize("text", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "x" * 42 + "\n", "ü" * 43, "x" * 42 + "\x00"])
def test_text_that_no_token_could_be_is_not_looked_up(text: str) -> None:
    assert read_secret(text) is None


def test_a_token_is_in_no_repr() -> None:
    token = new_secret(SystemEntropy())
    assert token.text not in repr(token)
    assert repr(token) == "Secret(prefix='')"
