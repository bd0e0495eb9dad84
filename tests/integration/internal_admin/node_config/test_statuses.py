"""Statuses: what is kept, in which order, and what a rejection and a shared key lead to (SPEC §16.3)."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from contracts.node.manifest import Position
from contracts.node.status import ConfigError, ConfigOutcome, Report, Status
from tests.support.builders import store_session, store_user, unique
from tests.support.node_api import NodeApi, config_of, open_node_api, refused_with, status_body
from tests.support.nodes import Node, make_node
from tests.support.published import Activated, activate
from tests.support.world import World

BOOT = "boot-of-a-process"
OTHER_BOOT = "boot-of-another-process"
ERROR = ConfigError("apply_failed", "port 80 is taken by name@example.com", "gateway_config/edge")


def applied(head: Activated, boot: str = BOOT, **more: Any) -> Status:
    return Status(boot, ConfigOutcome(head.position, head.digest, "applied"), **more)


def rejected(head: Activated, boot: str = BOOT) -> Status:
    return Status(boot, ConfigOutcome(head.position, head.digest, "rejected", ERROR))


def state(world: World, node: Node) -> Any:
    (row,) = world.database.execute(
        "select s.*, s.xmin::text as version, n.software from nodes n left join node_states s using (node_id)"
        " where node_id = $1", node.node_id,
    )  # fmt: skip
    return row


def trail(world: World, node: Node) -> list[tuple[Any, ...]]:
    rows = world.database.execute(
        "select event, outcome, caller, reason_code, details::text from audit_events where subject = $1", node.node_id
    )
    return [tuple(row) for row in rows]


def test_a_status_is_kept(world: World, api: NodeApi, node: Node) -> None:
    head = activate(world.database, node.pool)
    report = Report(12, 40, {"request_replayed": 2}, redis="ok", last_used=(("device-session-1", "2026-04-05"),))
    answer = api.status(node, applied(head, software="example/1.2", report=report))
    assert answer.json() == {"outcome": "recorded"}
    kept = state(world, node)
    assert (kept["applied_epoch"], kept["applied_sequence"]) == head.position
    assert kept["applied_digest"].hex() == head.digest
    assert (kept["applied_outcome"], kept["source"], kept["software"]) == ("applied", "control_plane", "example/1.2")
    assert kept["boot_id"] == BOOT
    assert kept["report"] == '{"redis": "ok", "passed": 40, "refused": {"request_replayed": 2}, "sessions_cached": 12}'


def test_a_mere_repeat_is_not_written(world: World, api: NodeApi, node: Node) -> None:
    head = activate(world.database, node.pool)
    api.status(node, applied(head))
    before = state(world, node)["version"]
    assert api.status(node, applied(head)).status_code == 200
    assert state(world, node)["version"] == before
    world.database.execute(
        "update node_states set last_seen_at = last_seen_at - interval '31 seconds' where node_id = $1", node.node_id
    )
    api.status(node, applied(head))
    assert time.time() - state(world, node)["last_seen_at"].timestamp() < 20


def test_of_two_statuses_out_of_order_the_later_one_holds(world: World, api: NodeApi, node: Node) -> None:
    old, new = activate(world.database, node.pool), activate(world.database, node.pool)
    now = int(time.time() * 1000)
    assert api.status(node, applied(new), at_ms=now).status_code == 200
    assert api.status(node, applied(old), at_ms=now - 1).status_code == 200
    assert state(world, node)["applied_sequence"] == new.position.sequence


def test_statuses_that_meet_are_all_answered_and_the_latest_holds(world: World, api: NodeApi, node: Node) -> None:
    heads = [activate(world.database, node.pool) for _ in range(8)]
    now = int(time.time() * 1000)
    with ThreadPoolExecutor(8) as pool:
        futures = [
            pool.submit(api.status, node, applied(head), at_ms=now + number) for number, head in enumerate(heads)
        ]
    answers = [future.result() for future in futures]
    assert {answer.status_code for answer in answers} <= {200, 503}
    latest = max(number for number, answer in enumerate(answers) if answer.status_code == 200)
    assert state(world, node)["applied_sequence"] == heads[latest].position.sequence


def test_a_rejection_is_audited_once_and_its_message_is_not(world: World, api: NodeApi, node: Node) -> None:
    head = activate(world.database, node.pool)
    for _ in range(2):
        assert api.status(node, rejected(head)).status_code == 200
    ((event, outcome, caller, reason, details),) = trail(world, node)
    assert (event, outcome, caller) == ("security.reject_configuration", "rejected", node.node_id)
    assert reason == "apply_failed"
    assert '"document": "gateway_config/edge"' in details
    assert "@" not in details
    assert state(world, node)["error_message"] == ERROR.message


def test_a_rejection_halts_a_stage(world: World, api: NodeApi, node: Node) -> None:
    """Nobody else is offered the staged manifest afterwards; a node that was offered it keeps it."""
    others = [make_node(world.database, pool=node.pool) for _ in range(2)]
    stable = activate(world.database, node.pool)
    staged = activate(world.database, node.pool, percent=100, halts=True)
    assert api.polled(others[0]).statement.digest == staged.digest
    api.work("node offers")
    assert api.status(node, rejected(staged)).status_code == 200
    assert api.polled(others[1]).statement.digest == stable.digest
    assert api.polled(others[0]).statement.digest == staged.digest
    assert api.polled(node, have=stable.digest, rejected=staged.digest, wait=1).manifest is None
    assert api.rollout(node.pool)["stage"]["halted_at"]


def test_a_rejection_of_an_older_configuration_halts_nothing(world: World, api: NodeApi, node: Node) -> None:
    old = activate(world.database, node.pool)
    activate(world.database, node.pool, percent=50, halts=True)
    api.status(node, rejected(old))
    assert "halted_at" not in api.rollout(node.pool)["stage"]


def test_a_boot_id_that_comes_back_raises_a_flag(world: World, api: NodeApi, node: Node) -> None:
    for boot in (BOOT, OTHER_BOOT):
        api.status(node, Status(boot))
    assert (state(world, node)["key_shared_at"], trail(world, node)) == (None, [])
    api.status(node, Status(BOOT))
    assert state(world, node)["key_shared_at"] is not None
    ((event, outcome, caller, *_),) = trail(world, node)
    assert (event, outcome, caller) == ("security.detect_shared_key", "report", node.node_id)
    api.status(node, Status(OTHER_BOOT))
    assert len(trail(world, node)) == 1


def test_with_the_policy_revoke_a_shared_key_ends_the_node(world: World, api: NodeApi, node: Node) -> None:
    world.database.execute("update settings set node_key_shared_policy = 'revoke'")
    try:
        for boot in (BOOT, OTHER_BOOT, BOOT):
            assert api.status(node, Status(boot)).status_code == 200
    finally:
        world.database.execute("update settings set node_key_shared_policy = 'report'")
    assert refused_with(api.status(node, Status(BOOT))) == (401, "node_revoked")
    assert [event for event, *_ in trail(world, node)] == ["security.detect_shared_key", "security.revoke_node"]


def test_the_last_use_of_a_session_is_kept_by_day(world: World, api: NodeApi, node: Node) -> None:
    session = store_session(world.database, store_user(world.database)).device_session_id

    def use(day: str) -> str:
        uses = ((session, day), ("device-session-unknown", day))
        assert api.status(node, Status(BOOT, report=Report(last_used=uses))).status_code == 200
        rows = world.database.execute("select device_session_id, day::text from session_last_seen")
        return dict(map(tuple, rows))[session]

    assert use("2026-04-05") == "2026-04-05"
    assert use("2026-04-04") == "2026-04-05"
    assert use("9999-12-31") < "9999"


def test_a_report_says_whether_its_gateway_tells_of_last_uses(world: World, api: NodeApi, node: Node) -> None:
    """A gateway that passed requests and names no session may know none. One without requests has nothing to name."""
    session = store_session(world.database, store_user(world.database)).device_session_id
    world.database.execute("truncate last_use_reports")

    def told(report: Report, *, later: timedelta = timedelta()) -> bool:
        world.database.execute(
            "update last_use_reports set told_at = told_at - $1::interval, since = since - $1::interval", later
        )
        assert api.status(node, Status(BOOT, report=report)).status_code == 200
        return world.database.execute("select last_uses_told_since() is not null as told")[0]["told"]

    uses = ((session, "2026-04-05"),)
    assert not told(Report(passed=3))
    assert not told(Report(passed=0)), "telling begins with a use"
    assert told(Report(passed=3, last_used=uses))
    assert told(Report(passed=0), later=timedelta(hours=25))
    assert not told(Report(passed=3), later=timedelta(hours=27))
    assert not told(Report(passed=0))
    assert told(Report(passed=3, last_used=uses))


def test_a_revoked_node_records_nothing(world: World, api: NodeApi, node: Node) -> None:
    revoke = "update nodes set status = 'revoked', revoked_at = now(), revoke_reason_code = 'x' where node_id = $1"
    world.database.execute(revoke, node.node_id)
    assert refused_with(api.status(node, Status(BOOT))) == (401, "node_revoked")
    assert state(world, node)["status_at_ms"] is None


def test_a_revocation_between_check_and_write_wins(world: World, api: NodeApi, node: Node) -> None:
    """The revocation holds the row while the status comes, and commits before the status is written."""
    api.status(node, Status(BOOT, software="one"))
    hold = (
        "begin; update nodes set status = 'revoked', revoked_at = now(), revoke_reason_code = 'x'"
        f" where node_id = '{node.node_id}'; select pg_sleep(1); commit;"
    )
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(world.database.execute, hold)
        time.sleep(0.3)
        answer = api.status(node, Status(OTHER_BOOT, software="two"))
        holding.result()
    kept = state(world, node)
    assert answer.status_code in (200, 401)
    assert kept["software"] == "one", "a revoked node's row does not change"
    assert refused_with(api.status(node, Status(BOOT))) == (401, "node_revoked")


@pytest.mark.parametrize(
    "fields",
    [
        {"boot_id": "short"},
        {"boot_id": BOOT, "config": config_of(Position(1, 1), "0" * 64, "rejected")},
        {"boot_id": BOOT, "report": {"last_used": [["device-session-1", "2026-13-01"]]}},
        {"boot_id": BOOT, "unknown": 1},
    ],
)
def test_a_malformed_status_is_refused(world: World, api: NodeApi, node: Node, fields: dict[str, Any]) -> None:
    assert refused_with(api.status(node, status_body(**fields))) == (400, "invalid_request")
    assert state(world, node)["status_at_ms"] is None


def test_a_status_that_is_too_large_is_refused(api: NodeApi, node: Node) -> None:
    assert refused_with(api.status(node, b"{" + b" " * 100_000)) == (413, "request_too_large")


def test_the_thirteenth_status_of_a_minute_is_refused(world: World) -> None:
    with open_node_api(world, is_limited=True) as api:
        node, other = (make_node(world.database, pool=unique("pool-")) for _ in range(2))
        answers = [api.status(node, Status(BOOT)) for _ in range(13)]
        assert [answer.status_code for answer in answers] == [200] * 12 + [429]
        assert int(answers[-1].headers["retry-after"]) <= timedelta(minutes=1).total_seconds()
        assert api.status(other, Status(BOOT)).status_code == 200
