"""The stand-in of a provider: one key is right, and two calls are known."""

import json

import pytest

from examples.provider.__main__ import CHAT, MODELS, answer

HELLO = json.dumps({"messages": [{"role": "user", "content": "Hello"}]}).encode()


@pytest.mark.parametrize(
    ("method", "path", "is_known", "body", "status"),
    [
        ("GET", MODELS, True, b"", 200),
        ("GET", MODELS, False, b"", 401),
        ("POST", CHAT, True, HELLO, 200),
        ("POST", CHAT, False, HELLO, 401),
        ("POST", CHAT, True, b"{", 400),
        ("POST", CHAT, True, b'{"messages":[]}', 400),
        ("POST", CHAT, True, b"[]", 400),
        ("POST", MODELS, True, b"", 404),
        ("GET", "/health", False, b"", 404),
    ],
)
def test_the_status_says_what_is_wrong(method: str, path: str, *, is_known: bool, body: bytes, status: int) -> None:
    assert answer(method, path, is_known, body)[0] == status


def test_a_completion_repeats_the_last_message() -> None:
    _, content = answer("POST", CHAT, True, HELLO)
    assert content["choices"][0]["message"]["content"] == "You said: Hello"
