"""The package alone: what it brings along, what it refuses in settings, and what it shows."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from authsession.service import SOURCE
from clients.node import (
    Applied,
    ConfigurationRejected,
    Distrusted,
    NodeSettings,
    Position,
    Reached,
    Registered,
    Rejected,
    Timing,
    log_notice,
)
from clients.node.pausing import Pause
from contracts.node.status import ConfigOutcome, Status, decode_status, encode_status

PROGRAM = """
import sys, clients.node
roots = {name.partition(".")[0] for name in sys.modules}
print(*sorted(roots & {"services", "shared", "authsession", "quart"}))
"""
GOOD: dict[str, Any] = {"control_planes": ("https://control.example.com",), "folder": Path("/x"), "node_name": "edge-1"}


def test_a_node_brings_nothing_of_the_services_along() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=SOURCE, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"control_planes": ()}, "control_planes"),
        ({"control_planes": ("control.example.com",)}, "control_planes"),
        ({"control_planes": ("https://control.example.com/path",)}, "control_planes"),
        ({"control_planes": ("https://user@control.example.com",)}, "control_planes"),
        ({"control_planes": ("https://control.example.com:99999",)}, "control_planes"),
        ({"node_name": "Edge_1"}, "node_name"),
        ({"join_string": "authsession_join_"}, "join_string"),
        ({"software": "two\nlines"}, "software"),
        ({"timing": Timing(poll_wait=51)}, "poll_wait"),
        ({"on_expired": "carry_on"}, "on_expired"),
    ],
)
def test_a_wrong_setting_names_itself(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NodeSettings(**GOOD | wrong)


def test_a_registration_needs_a_key() -> None:
    with pytest.raises(ValueError, match="configuration key"):
        Registered("node-01hzyqk3m8v5d2w7n4c6b9x1ta", "edge", ())


def test_the_join_string_is_not_shown() -> None:
    secret = "A" * 43
    text = f"authsession_join_join-token-01hzyqk3m8v5d2w7n4c6b9x1ta.{secret}.{'B' * 22}"
    assert secret not in repr(NodeSettings(**GOOD, join_string=text))


def test_any_rejection_fits_into_a_status() -> None:
    error = ConfigurationRejected("Not A Code", "two\nlines " + "x" * 1000, "kind/\x00name").error
    status = Status("b" * 22, ConfigOutcome(Position(1, 1), "0" * 64, "rejected", error))
    assert decode_status(encode_status(status)) == status
    assert error.code == "rejected"


def test_a_pause_grows_with_jitter_and_stays_short_without_a_configuration() -> None:
    def pauses(*, is_ready: bool) -> list[float]:
        pause = Pause(Timing())
        return [pause.after_failure(is_ready=is_ready) for _ in range(12)]

    ready = pauses(is_ready=True)
    assert all(2**n <= each <= 2 * 2**n for n, each in enumerate(ready[:5]))
    assert all(30 <= each <= 60 for each in ready[5:])
    assert all(0.5 <= each <= 1 for each in pauses(is_ready=False))
    assert Pause(Timing()).after_failure(42, is_ready=False) == 42


def test_notices_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "clients.node")
    at = Position(1, 2)
    degraded = Applied(at, "disk", is_degraded=True)
    for notice in (Reached(), Applied(at, "disk"), degraded, Distrusted("not_fresh"), Rejected(at, "x")):
        log_notice(notice)
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "WARNING", "ERROR", "ERROR"]
