"""The golden exchanges of the telemetry relay: the body that the collector gets."""

import json
from typing import Any

import pytest

from contracts.node.telemetry import SIGNALS, telemetry_path
from services.internal_admin.node_telemetry.domain.json_body import overwrite_json
from tests.contract.vectors import cases
from tests.support.otlp import NODE, result_of


@pytest.mark.parametrize("exchange", cases("node_telemetry", "exchanges"))
def test_the_collector_gets_the_golden_body(exchange: dict[str, Any]) -> None:
    signal = next(signal for signal in SIGNALS if telemetry_path(signal) == exchange["path"])
    forwarded = result_of(overwrite_json(json.dumps(exchange["request"]).encode(), NODE, signal))
    assert json.loads(forwarded) == exchange["forwarded"]
