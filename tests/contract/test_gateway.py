"""The gateway's record and stream entry are exactly those of the seed."""

from typing import Any

import pytest

from contracts.gateway import (
    GatewayKeys,
    GatewayRecord,
    MalformedRecord,
    decode_record,
    decode_stream_entry,
    encode_record,
    encode_stream_entry,
)
from tests.contract.vectors import cases


@pytest.mark.parametrize("case", cases("gateway_records", "records"))
def test_a_record_is_written_byte_for_byte_and_read_back(case: dict[str, Any]) -> None:
    record = GatewayRecord(**case["record"])
    assert encode_record(record) == case["value"].encode()
    assert decode_record(case["value"].encode()) == record
    assert GatewayKeys().record(record.device_session_id) == case["key"]


@pytest.mark.parametrize("case", cases("stream_entries", "entries"))
def test_a_stream_entry_is_written_field_by_field_and_read_back(case: dict[str, Any]) -> None:
    record = GatewayRecord(**case["record"])
    assert list(encode_stream_entry(record).items()) == list(case["fields"].items())
    assert decode_stream_entry(case["fields"]) == record


@pytest.mark.parametrize("case", cases("gateway_records", "refused"))
def test_a_malformed_record_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedRecord):
        decode_record(case["value"].encode())


@pytest.mark.parametrize("case", cases("stream_entries", "refused"))
def test_a_malformed_stream_entry_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedRecord):
        decode_stream_entry(case["fields"])


@pytest.mark.parametrize(("status", "revoked_at_ms"), [("active", 1), ("revoked", None)])
def test_no_record_is_revoked_by_halves(status: Any, revoked_at_ms: int | None) -> None:
    with pytest.raises(MalformedRecord):
        GatewayRecord("device-session-123", "user-123", "key", status, revoked_at_ms)


def test_the_default_names_are_those_of_the_seed() -> None:
    keys = GatewayKeys()
    assert keys.record("device-session-123") == "gateway:session:device-session-123"
    assert keys.stream == "gateway:session_events"
    assert keys.projection == "gateway:projection"


@pytest.mark.parametrize(
    ("prefix", "projection"),
    [
        ("{gw}:session:", "{gw}:projection"),
        ("prod:{gw}:s:", "prod:{gw}:s:projection"),
        ("{session:}", "{session:}projection"),
    ],
)
def test_the_projection_key_keeps_the_hash_tag_of_the_prefix(prefix: str, projection: str) -> None:
    assert GatewayKeys(record_prefix=prefix).projection == projection
