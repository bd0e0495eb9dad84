"""Questions from the golden data: records, stream entries, signed bytes and verdicts."""

from collections.abc import Generator, Mapping
from importlib import resources
from typing import Any

from contracts.strict_json import decode_object

Question = Mapping[str, Any]


def vectors(name: str) -> Mapping[str, Any]:
    """The content of a file of `contracts/vectors`; `name` has no `.json`."""
    return decode_object(resources.files("contracts").joinpath("vectors", f"{name}.json").read_bytes())


def golden_questions() -> Generator[tuple[str, Question, Question]]:
    """Name, question and right answer of each case."""
    yield from _records("record", vectors("gateway_records"), "records", "value")
    yield from _records("stream_entry", vectors("stream_entries"), "entries", "fields")
    for case in vectors("signed_requests")["messages"]:
        yield f"signed_bytes: {case['name']}", {"ask": "signed_bytes", **case}, {"message_hex": case["message_hex"]}
    for case in vectors("request_checks")["checks"]:
        question = {name: value for name, value in case.items() if name not in {"name", "verdict"}}
        yield f"check: {case['name']}", {"ask": "check", **question}, {"verdict": case["verdict"]}


def configuration_questions() -> Generator[tuple[str, Question, Question]]:
    """The same for gateways that take a gateway configuration."""
    golden = vectors("gateway_configurations")
    for case in golden["documents"]:
        question = {"ask": "configuration", "document": case["document"]}
        yield f"configuration: {case['name']}", question, {"configuration": case["configuration"]}
    for case in golden["refused"]:
        question = {"ask": "configuration", "document": case["document"]}
        yield f"configuration: {case['name']}", question, {"refused": True}
    for case in golden["rules"]:
        question = {"ask": "rule", "routes": golden["routes"], "method": case["method"], "path": case["path"]}
        right = {"requires": case["requires"], "max_session_age": case["max_session_age"]}
        yield f"rule: {case['name']}", question, right
    for case in golden["ages"]:
        question = {name: case[name] for name in ("device_session_id", "max_session_age", "now_ms")}
        yield f"age: {case['name']}", {"ask": "age", **question}, {"is_too_old": case["is_too_old"]}


def _records(ask: str, file: Mapping[str, Any], taken: str, what: str) -> Generator[tuple[str, Question, Question]]:
    for case in file[taken]:
        yield f"{ask}: {case['name']}", {"ask": ask, what: case[what]}, {"record": case["record"]}
    for case in file["refused"]:
        yield f"{ask}: {case['name']}", {"ask": ask, what: case[what]}, {"refused": True}
