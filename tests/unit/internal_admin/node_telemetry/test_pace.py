"""The pace of a node: 1 MiB a second on average, and at most one body of the largest size ahead."""

from datetime import timedelta

from contracts.node.telemetry import BYTES_PER_SECOND, MAX_BODY_BYTES
from services.internal_admin.node_telemetry.domain.pace import NodePace

NOW = 1_000.0


def test_a_rested_node_may_send_four_largest_bodies_in_twelve_seconds() -> None:
    pace, now, sent = NodePace(), NOW, 0
    while now < NOW + 12:
        if pace.wait("node-1", now) is None:
            pace.charge("node-1", MAX_BODY_BYTES, now)
            sent += 1
        now += 0.5
    assert sent == 4


def test_a_body_may_leave_a_debt_that_must_be_paid_first() -> None:
    pace = NodePace()
    pace.charge("node-1", MAX_BODY_BYTES, NOW)
    pace.charge("node-1", BYTES_PER_SECOND, NOW)
    assert pace.wait("node-1", NOW) == timedelta(seconds=1)
    assert pace.wait("node-1", NOW + 1) is None


def test_credit_grows_to_one_largest_body_and_no_further() -> None:
    pace = NodePace()
    pace.charge("node-1", 1, NOW)
    later = NOW + 86_400
    pace.charge("node-1", MAX_BODY_BYTES + BYTES_PER_SECOND, later)
    assert pace.wait("node-1", later) == timedelta(seconds=1)


def test_nodes_have_a_pace_each() -> None:
    pace = NodePace()
    pace.charge("node-1", 10 * MAX_BODY_BYTES, NOW)
    assert pace.wait("node-1", NOW)
    assert pace.wait("node-2", NOW) is None


def test_the_memory_of_nodes_is_bounded() -> None:
    pace = NodePace(most_nodes=3)
    for number in range(10):
        pace.charge(f"node-{number}", 10 * MAX_BODY_BYTES, NOW)
    assert len(pace) == 3
    assert pace.wait("node-9", NOW)
