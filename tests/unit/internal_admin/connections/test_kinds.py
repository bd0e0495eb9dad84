"""Readers of settings and secrets, and the JSON Schemas that consoles build forms from."""

import json
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.connection_kinds import KINDS, ConnectionKind, header_list
from contracts.control_plane.connections import decode_put_connection
from contracts.errors import Refusal

TEXTS = [
    "https://models.example/v1", "http://127.0.0.1:1/", "https://[::1]:8443/v1", "https://①②⑦.0.0.1/", "https://u@h/",
    "https://a b/", "https://a/?q", "https://a/\x7f", "https://a\n", "ftp://models.example", "https://" + "x" * 493,
    "host:25", "host:", "[::1]:25", "a:b:25", "host:123456", "starttls", "implicit", "off", "STARTTLS",
    "login@example.com", "login@", "Name <login@example.com>", "/", "/me?a=b#c", "/v1/me", "/a b", "/" + "x" * 600,
    "host", "x-api-key", "Authorization", "authorization", "content-length", "", "x", "\x00", "\ud800", "x" * 600,
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(TEXTS), st.text(max_size=12), st.integers(), st.booleans(), st.none(), st.lists(st.text(max_size=3))
)
NAMES = sorted({field.name for kind in KINDS.values() for field in kind.fields} | {"unknown"})


def reads(kind: ConnectionKind, settings: dict[str, Any]) -> bool:
    try:
        kind.read_settings(settings)
    except Refusal:
        return False
    return True


@cache
def validator(kind: str) -> jsonschema_rs.Draft202012Validator:
    """Made once, because that takes longer than a hundred uses."""
    return jsonschema_rs.Draft202012Validator(KINDS[kind].settings_schema())


def accepts(kind: ConnectionKind, settings: dict[str, Any]) -> bool:
    try:
        text = json.dumps(settings, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False  # a lone surrogate cannot be sent
    return validator(kind.kind).is_valid(json.loads(text))


GOOD: dict[str, dict[str, Any]] = {
    "smtp": {"address": "mail.example.com:587", "from": "login@example.com"},
    "mail_rest": {"base_url": "https://mail.example"},
    "user_service": {"base_url": "https://users.example"},
    "otlp": {"endpoint": "https://telemetry.example"},
    "openai_compatible": {},
    "anthropic": {},
    "api_key": {"base_url": "https://service.example", "probe_path": "/me"},
}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_the_schema_accepts_exactly_the_settings_that_the_reader_takes(kind: str, data: st.DataObject) -> None:
    changes = data.draw(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3))
    gone = data.draw(st.sets(st.sampled_from(sorted(GOOD[kind]) or ["none"])))
    settings = {name: value for name, value in {**GOOD[kind], **changes}.items() if name not in gone}
    assert reads(KINDS[kind], settings) == accepts(KINDS[kind], settings)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_stored_with_every_default_and_read_again(kind: str) -> None:
    stored = KINDS[kind].read_settings(GOOD[kind])
    assert stored.keys() == {field.name for field in KINDS[kind].fields}
    assert KINDS[kind].read_settings(dict(stored)) == stored


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("api-key=secret", {"api-key": "secret"}),
        ("API-Key=secret,tenant=7", {"api-key": "secret", "tenant": "7"}),
        ("authorization=Bearer%20x", {"authorization": "Bearer x"}),
        ("a=b%0d%0ac", None),
        ("a=%00", None),
        ("host=evil.example", None),
        ("content-length=1", None),
        ("a", None),
        ("a=", None),
        (",", None),
        ("", None),
        ("a=ü", None),
        ("a=%C3%BC", None),
    ],
)
def test_headers_of_a_collector_cannot_break_out_of_their_line(text: str, headers: dict[str, str] | None) -> None:
    assert header_list(text) == headers


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("openai_compatible", "api_key", "key with space"),
        ("openai_compatible", "api_key", "line\nbreak"),
        ("openai_compatible", "api_key", "x" * 4097),
        ("openai_compatible", "api_key", ""),
        ("openai_compatible", "api_key", 7),
        ("smtp", "password", "line\r\nbreak"),
        ("smtp", "password", "\ud800"),
        ("mail_rest", "bearer", "ü"),
        ("otlp", "headers", "host=x"),
    ],
)
def test_a_refused_secret_is_named_and_never_quoted(kind: str, field: str, value: object) -> None:
    with pytest.raises(Refusal) as refused:
        KINDS[kind].read_secrets({field: value})
    assert refused.value.message.startswith(f"secrets.{field} must be")
    assert not value or str(value) not in refused.value.message


def test_a_secret_is_in_no_repr() -> None:
    body = {"kind": "openai_compatible", "settings": {}, "secrets": {"api_key": "key-of-tests"}, "expected_revision": 0}
    assert "key-of-tests" not in repr(decode_put_connection(json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("https://a.example/v1", "https://a.example/v2", True),
        ("https://a.example", "https://a.example/", True),
        ("https://a.example/v1", "https://b.example/v1", False),
        ("https://a.example/v1", "http://a.example/v1", False),
        ("https://a.example/v1", "https://a.example:8443/v1", False),
        ("https://a.example/v1", "https://a.example@b.example/v1", False),
        ("https://a.example/v1", "https://a.example\\@b.example/v1", False),
    ],
)
def test_another_server_is_another_far_end(first: str, second: str, *, is_same: bool) -> None:
    kind = KINDS["openai_compatible"]
    assert (kind.far_end({"base_url": first}) == kind.far_end({"base_url": second})) == is_same


def test_a_mail_server_without_encryption_is_another_far_end() -> None:
    kind, settings = KINDS["smtp"], KINDS["smtp"].read_settings(GOOD["smtp"])
    assert kind.far_end(settings) != kind.far_end({**settings, "tls": "off"})
    assert kind.far_end(settings) == kind.far_end({**settings, "from": "other@example.com"})
