"""The golden files of `contracts/vectors`, as parametrised cases."""

import json
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parents[2] / "contracts" / "vectors"


def load(name: str) -> dict[str, Any]:
    """One whole file."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def cases(name: str, part: str) -> list[Any]:
    """Each entry of a part of a file, named for the test report."""
    return [pytest.param(case, id=_label(case)) for case in load(name)[part]]


def body_of(case: dict[str, Any]) -> bytes:
    """The request body of a refusal: text, hexadecimal bytes, or repeated parts."""
    if "body_hex" in case:
        return bytes.fromhex(case["body_hex"])
    if "body_parts" in case:
        return "".join(text * times for text, times in case["body_parts"]).encode()
    return case["body"].encode()


def _label(case: Any) -> str:
    if isinstance(case, str):
        return ascii(case)
    name = case.get("name") or case.get("code") or case.get("text")
    return f"{case['operation']}: {name}" if "operation" in case else name
