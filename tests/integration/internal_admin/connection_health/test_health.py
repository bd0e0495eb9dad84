"""Probes of accepted connections by one process of all: states, events, fairness, and rows that stay bounded."""

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.internal_admin.connection_health.domain import Observed
from services.internal_admin.connection_health.store import (
    KEPT,
    LIFE,
    PACE,
    Places,
    claim_due,
    note_refused,
    write_observed,
)
from shared.kernel.entropy import SystemEntropy
from tests.integration.internal_admin.connection_health.conftest import (
    INTERVAL,
    KEYS,
    Connections,
    new_prober,
    start,
    user_service,
)
from tests.integration.internal_admin.connections.conftest import KEY, Operator
from tests.support.builders import unique
from tests.support.far_ends import always, far_end, provider
from tests.support.stack import wait_for
from tests.support.world import World


@pytest.mark.usefixtures("probing")
def test_a_connection_fails_and_heals_without_an_operator(connections: Connections) -> None:
    """Each change of the status is one event of the system."""
    is_up = True
    with far_end(user_service(lambda: is_up)) as end:
        connection_id = connections.add(end.url)
        wait_for(lambda: connections.status(connection_id) == "healthy")
        is_up = False
        wait_for(lambda: connections.status(connection_id) == "failing")
        is_up = True
        wait_for(lambda: connections.status(connection_id) == "healthy")
    assert connections.events(connection_id) == ["healthy", "degraded", "failing", "healthy"]


@pytest.mark.usefixtures("probing")
def test_a_connection_accepted_unverified_becomes_healthy_when_its_far_end_returns(operator: Operator) -> None:
    name, is_up, known = unique("late-"), False, provider(KEY)
    with far_end(lambda asked: known(asked) if is_up else (503, b"")) as end:
        answer = operator.put(name, end.url, accept_unverified=True).json()
        assert (answer["outcome"], answer["verification"]["result"]) == ("accepted", "unreachable")
        wait_for(lambda: health(operator, name)["status"] == "failing")
        is_up = True
        wait_for(lambda: health(operator, name)["status"] == "healthy")
        assert {asked.headers.get("authorization") for asked in end.requests[1:]} == {f"Bearer {KEY}"}
    assert health(operator, name)["last"]["result"] == "verified"
    assert operator.call("DELETE", f"connections/{name}").status_code == 200


def test_fifty_hanging_connections_do_not_delay_a_fast_one(world: World, connections: Connections) -> None:
    """No two probes of the fast one lie further apart than an interval and two more."""
    times: list[float] = []
    fast = user_service(lambda: True)
    with far_end(always(0)) as hanging, far_end(lambda asked: times.append(time.monotonic()) or fast(asked)) as end:
        for _ in range(50):
            connections.add(hanging.url)
        stop = start(world, new_prober(world.internal))
        wait_for(lambda: len(hanging.requests) >= 15)
        connections.add(end.url)
        added = time.monotonic()
        time.sleep(4 * INTERVAL.total_seconds())
        stop()
    gaps = [after - before for before, after in zip([added, *times], [*times, time.monotonic()], strict=False)]
    assert len(times) >= 3
    assert max(gaps) < 3 * INTERVAL.total_seconds()
    assert len(hanging.requests) >= 50


def test_two_processes_probe_one_connection_once_at_a_time(world: World, connections: Connections) -> None:
    """Also while one of them loses its connections to Postgres again and again."""
    running, most = Counter[str](), 0

    def judge(asked: object) -> tuple[int, bytes]:
        nonlocal most
        running["now"] += 1
        most = max(most, running["now"])
        time.sleep(0.05)
        running["now"] -= 1
        return 200, b'{"exists":false}'

    with far_end(judge) as end:
        connection_id = connections.add(end.url)
        stops = [start(world, new_prober(world.internal)) for _ in range(2)]
        for _ in range(2):
            seen = len(end.requests)
            wait_for(lambda seen=seen: len(end.requests) > seen + 1)
            world.database.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and usename = 'authsession_internal'"
            )
        seen = len(end.requests)
        wait_for(lambda: len(end.requests) > seen + 1)
        for stop in stops:
            stop()
    assert most == 1
    assert connections.status(connection_id) == "healthy"


def test_a_claim_of_a_killed_process_ends_by_itself(world: World, connections: Connections) -> None:
    """A process that was killed in a probe leaves its claim behind."""
    with far_end(user_service(lambda: True)) as end:
        connection_id = connections.add(end.url)
        world.database.execute(
            "insert into connection_states (connection_id, status, since, next_probe_at, probing_until)"
            " values ($1, 'unknown', clock_now(), clock_now(), clock_now() + interval '2 seconds')",
            connection_id,
        )
        stop = start(world, new_prober(world.internal))
        time.sleep(0.5)
        assert end.requests == []
        wait_for(lambda: connections.status(connection_id) == "healthy")
        stop()


def test_a_place_is_kept_for_connections_that_answer_quickly(world: World, connections: Connections) -> None:
    """Slow ones that have been due for longer do not take it, and no connection is taken twice."""
    slow = [connections.add("https://far.example") for _ in range(3)]
    for each in slow:
        observe(world, Observed(each, 1, "timeout", 10_000))
    world.database.execute("update connection_states set next_probe_at = clock_now() - interval '1 hour'")
    fast = connections.add("https://far.example")

    def taken(places: Places) -> list[str]:
        no_claim = replace(PACE, claim=timedelta())
        due = world.call(world.internal.unit_of_work, claim_due, KEYS, places, no_claim)
        return [each.target.connection_id for each in due]

    assert taken(Places(2, 0)) == [fast]
    assert len(taken(Places(2, 1))) == 2
    assert set(taken(Places(2, 2))) < set(slow)
    assert set(taken(Places(20, 20, (*slow, "connection-of-nobody")))) == {fast}


def test_a_result_for_another_revision_or_a_deleted_connection_changes_nothing(
    world: World, connections: Connections
) -> None:
    connection_id = connections.add("https://far.example")
    for observed in (
        Observed(connection_id, 2, "verified", 1),
        Observed("connection-of-nobody", 1, "verified", 1),
    ):
        assert world.call(world.internal.unit_of_work, write_observed, observed, PACE, SystemEntropy()) is None
    assert connections.status(connection_id) is None
    assert connections.snapshots(connection_id) == 0


def test_a_new_revision_begins_anew(world: World, connections: Connections) -> None:
    """The results of the old secret say nothing about the new one."""
    connection_id = connections.add("https://far.example")
    for _ in range(3):
        observe(world, Observed(connection_id, 1, "invalid_credentials", 1))
    assert connections.status(connection_id) == "failing"
    world.database.execute(
        "update connections set last_revision = 2, accepted_revision = 2 where connection_id = $1", connection_id
    )
    observe(world, Observed(connection_id, 2, "verified", 1))
    assert connections.events(connection_id) == ["degraded", "failing", "healthy"]


def test_observations_of_a_connection_are_bounded(world: World, connections: Connections) -> None:
    connection_id = connections.add("https://far.example")
    world.database.execute(
        "insert into connection_health (connection_id, checked_at, result, duration_ms)"
        " select $1, clock_now() - make_interval(days => case when n < 100 then 8 else 1 end), 'verified', 1"
        " from generate_series(1, 300) n",
        connection_id,
    )
    observe(world, Observed(connection_id, 1, "verified", 1))
    assert connections.snapshots(connection_id) == KEPT
    world.database.execute("update connection_health set checked_at = checked_at - $1::interval", LIFE)
    stop = start(world, new_prober(world.internal))
    wait_for(lambda: connections.snapshots(connection_id) < 10)
    stop()


def test_a_refusal_in_real_use_marks_the_connection_at_once(
    world: World, connections: Connections, operator: Operator
) -> None:
    """A thousand refusals of a busy user write one row. A refusal of an earlier revision writes none."""
    connection_id = connections.add("https://far.example")
    observe(world, Observed(connection_id, 1, "verified", 1))
    for revision in (2, 1, 1, 1):
        world.call(world.internal.unit_of_work, note_refused, connection_id, revision, SystemEntropy())
    shown = health(operator, connection_id.lower())
    assert (shown["status"], shown["last"]["result"]) == ("degraded", "invalid_credentials")
    assert len(shown["snapshots"]) == 2


def test_reads_of_health_call_nobody(operator: Operator, connections: Connections, world: World) -> None:
    """A connection that was never probed is unknown, and a read does not probe it."""
    with far_end(user_service(lambda: True)) as end:
        connection_id = connections.add(end.url)
        for _ in range(999):
            health(operator, connection_id.lower())
        shown = health(operator, connection_id.lower())
        assert end.requests == []
    assert shown == {"status": "unknown", "since": shown["since"], "snapshots": []}
    for _ in range(60):
        observe(world, Observed(connection_id, 1, "verified", 7))
    shown = health(operator, connection_id.lower())
    assert (shown["status"], len(shown["snapshots"]), shown["last"]) == ("healthy", 50, shown["snapshots"][0])


def observe(world: World, observed: Observed) -> None:
    world.call(world.internal.unit_of_work, write_observed, observed, PACE, SystemEntropy())


def health(operator: Operator, name: str) -> dict[str, Any]:
    answer = operator.call("GET", f"integrations/{name}/health")
    assert answer.status_code == 200, answer.text
    return answer.json()
