"""The log line of a change of a connection's status."""

import io
import json
import logging

import pytest

from services.internal_admin.connection_health.domain import Change, Status
from services.internal_admin.connection_health.worker import tell
from shared.telemetry.logs import JsonLines


@pytest.mark.parametrize("after", ["healthy", "failing"])
def test_the_line_of_a_change_names_the_connection_and_the_result(after: Status) -> None:
    stream, logger = io.StringIO(), logging.getLogger("authsession.connection_health")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        tell(Change("connection-1", "smtp", "degraded", after, "timeout"))
    finally:
        logger.removeHandler(handler)
    line = json.loads(stream.getvalue())
    told = {name: line[name] for name in ("connection_id", "kind", "before", "status", "result")}
    assert told == {
        "connection_id": "connection-1", "kind": "smtp", "before": "degraded", "status": after, "result": "timeout",
    }  # fmt: skip
