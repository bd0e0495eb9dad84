"""The audit trail of the running system is sealed within a second, survives kill -9, and is verified by the command
(§10.8).
"""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from authsession.__main__ import main
from tests.support.builders import unique
from tests.support.database import Database
from tests.support.stack import AUDIT_KEYS, RunningStack, wait_for

CAUSE = {"reason_code": "abuse", "actor": {"type": "system"}}


def write_rows(stack: RunningStack, number: int) -> None:
    """Writes audit rows by blocking addresses. A call that meets the kill gets no answer, and leaves a row or none."""

    def block(email: str) -> None:
        with suppress(httpx.TransportError):
            httpx.post(f"{stack.internal_url}/api/v1/internal/user-blocks", json={"email": email, **CAUSE}, timeout=10)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(block, [unique("audited-") + "@example.com" for _ in range(number)]))


def unsealed(database: Database) -> int:
    (row,) = database.execute(
        "select count(*) from audit_events where audit_id not in (select audit_id from audit_seal)"
    )
    return row["count"]


def test_a_killed_sealer_leaves_no_row_unsealed_and_none_sealed_twice(
    running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = running_stack.database
    with ThreadPoolExecutor() as threads:
        writing = threads.submit(write_rows, running_stack, 60)
        wait_for(lambda: database.execute("select from audit_seal"), timeout=30)
        running_stack.kill("internal")
        writing.result()
    running_stack.restart("internal")
    write_rows(running_stack, 1)
    wait_for(lambda: unsealed(database) == 0, timeout=30)

    (row,) = database.execute(
        "select count(*), count(distinct audit_id) as rows, min(seq), max(seq), "
        "(select count(*) from audit_events) as events from audit_seal"
    )
    assert row["count"] == row["rows"] == row["max"] == row["events"]
    assert row["min"] == 1

    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)
    monkeypatch.setenv("AUTHSESSION_AUDIT_KEYS", AUDIT_KEYS)
    anchors = logged_anchors(running_stack)
    assert len(anchors) == 2  # one of each process
    assert main(["audit", "verify", *(f"--anchor={anchor}" for anchor in anchors)]) == 0
    assert f"{row['count']} rows checked" in capsys.readouterr().out


def logged_anchors(stack: RunningStack) -> list[str]:
    lines = [json.loads(line) for line in stack.lines["internal"] if line.startswith("{")]
    return [f"{line['seq']}:{line['mac']}" for line in lines if "mac" in line]
