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


def _records(ask: str, file: Mapping[str, Any], taken: str, what: str) -> Generator[tuple[str, Question, Question]]:
    for case in file[taken]:
        yield f"{ask}: {case['name']}", {"ask": ask, what: case[what]}, {"record": case["record"]}
    for case in file["refused"]:
        yield f"{ask}: {case['name']}", {"ask": ask, what: case[what]}, {"refused": True}
