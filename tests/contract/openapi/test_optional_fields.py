"""An optional field of a request may be `null`, and then is absent: the documents say so, and the decoders do so."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import pytest

from tests.contract.openapi.documents import NAMES, operations, raw, resolved
from tests.contract.openapi.test_documents import VECTORS
from tests.contract.test_refusals import BODIES
from tests.contract.vectors import load
from tests.support.json_values import is_object

OF_OTLP = {"relay_traces", "relay_metrics", "relay_logs"}
"""Their bodies are OTLP's and not ours: they have laws of their own."""
SETTINGS = "settings"
"""Its members are values and not fields: `null` is no setting's value, and is refused."""


@dataclass(frozen=True)
class Body:
    """The body of an operation: its schema, and a golden one."""

    document: dict[str, Any]
    operation: str
    schema: dict[str, Any]
    golden: dict[str, Any]

    def takes(self, body: dict[str, Any]) -> bool:
        schema = {**self.schema, "components": self.document["components"]}
        return jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(body)


def _bodies() -> Iterator[Any]:
    golden = [each for name in VECTORS for each in load(name)["exchanges"] if "request" in each]
    for name in NAMES:
        for operation_id, operation in operations(name).items():
            if "requestBody" in operation and operation_id not in OF_OTLP:
                schema = resolved(raw(name), operation["requestBody"]["content"]["application/json"]["schema"])
                body = next(each["request"] for each in golden if each["operation"] == operation_id)
                yield pytest.param(Body(raw(name), operation_id, schema, body), id=operation_id)


BODIES_OF_ALL = list(_bodies())


def with_nulls(document: dict[str, Any], schema: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The body, and `null` in every field of it that it need not have and has not."""
    known, required = schema.get("properties", {}), schema.get("required", [])
    missing = [name for name in known if name not in body and name not in required]
    inner = {
        name: with_nulls(document, resolved(document, known[name]), value)
        for name, value in body.items()
        if is_object(value) and name in known and name != SETTINGS
    }
    return body | inner | dict.fromkeys(missing)


@pytest.mark.parametrize("body", BODIES_OF_ALL)
def test_an_optional_field_that_is_null_is_absent(body: Body) -> None:
    nulled = with_nulls(body.document, body.schema, body.golden)
    assert body.takes(nulled)
    decode = BODIES[body.operation]
    assert decode(json.dumps(nulled).encode()) == decode(json.dumps(body.golden).encode())


@pytest.mark.parametrize("body", BODIES_OF_ALL)
def test_a_field_that_must_be_there_is_never_null(body: Body) -> None:
    for name in body.schema["required"]:
        assert not body.takes({**body.golden, name: None})
