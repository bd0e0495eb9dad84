"""`GET /api/control-plane/audit`: filters, pages, JSON lines (SPEC §10.2)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from contracts.control_plane.audit import AuditCursor, AuditFilter
from services.internal_admin.audit.store.trail import list_audit_rows
from tests.support.audit_trail import add_rows, seal_all
from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.world import World

AUDIT = "/api/control-plane/audit"


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def token(plane: ControlPlane) -> str:
    return plane.claim_owner().session_token


def get(plane: ControlPlane, token: str, **query: str | int) -> httpx.Response:
    return plane.get(AUDIT, token=token, **query)


def ids(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [event["audit_id"] for event in answer.json()["events"]]


def test_rows_come_newest_first_and_tell_whether_they_are_sealed(world: World, plane: ControlPlane, token: str) -> None:
    sealed = add_rows(world, 2, age=timedelta(minutes=1), actor_type="support", actor_id="agent-7")
    seal_all(world)
    (unsealed,) = add_rows(world, 1, details=None)
    answer = get(plane, token)
    assert ids(answer) == [unsealed, *reversed(sealed)]
    newest, *_, oldest = answer.json()["events"]
    assert newest["seal_seq"] is None
    assert "actor" not in newest
    occurred_at = oldest.pop("occurred_at")
    assert oldest == {
        "audit_id": sealed[0],
        "event": "security.revoke_session",
        "outcome": "revoked",
        "caller": "operator-1",
        "actor": {"type": "support", "id": "agent-7"},
        "subject": "device-session-1",
        "details": {"user_id": "user-1"},
        "seal_seq": 1,
    }
    assert datetime.now(UTC) - datetime.fromisoformat(occurred_at) < timedelta(minutes=2)


FILTERS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"event": "security.other"}, {"event": "security.other"}),
    ({"outcome": "refused"}, {"outcome": "refused"}),
    ({"caller": "operator-2"}, {"caller": "operator-2"}),
    ({"caller": "public"}, {"caller": "public"}),
    ({"actor_type": "robot"}, {"actor_type": "robot"}),
    ({"actor_id": "agent-7"}, {"actor_id": "agent-7"}),
    ({"subject": "user-2"}, {"subject": "user-2"}),
]


@pytest.mark.parametrize(("columns", "query"), FILTERS)
def test_each_filter_leaves_what_equals_it(
    world: World, plane: ControlPlane, token: str, columns: dict[str, Any], query: dict[str, str]
) -> None:
    add_rows(world, 2)
    wanted = add_rows(world, 2, **columns)
    add_rows(world, 2)
    assert ids(get(plane, token, **query)) == wanted[::-1]
    assert ids(get(plane, token, **query, limit=1)) == wanted[:0:-1]


def test_filters_together_leave_what_equals_all_of_them(world: World, plane: ControlPlane, token: str) -> None:
    add_rows(world, 1, event="security.a", subject="user-1")
    (wanted,) = add_rows(world, 1, event="security.a", subject="user-2", caller="operator-9", outcome="refused")
    add_rows(world, 1, event="security.b", subject="user-2")
    query = {"event": "security.a", "subject": "user-2", "caller": "operator-9", "outcome": "refused"}
    assert ids(get(plane, token, **query)) == [wanted]
    assert ids(get(plane, token, **query, actor_id="nobody")) == []


def test_a_time_span_has_its_beginning_and_not_its_end(world: World, plane: ControlPlane, token: str) -> None:
    rows = world.database.execute(
        """
        insert into audit_events (occurred_at, event, outcome, caller)
        select '2026-01-01 00:00:00Z'::timestamptz + n * interval '1 second', 'security.x', 'x', 'x'
          from generate_series(0, 4) as n returning audit_id
        """
    )
    answer = get(plane, token, **{"from": "2026-01-01T00:00:01Z", "to": "2026-01-01T00:00:03Z"})
    assert ids(answer) == [rows[2]["audit_id"], rows[1]["audit_id"]]


@pytest.mark.parametrize("query", [{}, {"subject": "device-session-1"}, {"event": "security.revoke_session"}])
def test_pages_joined_are_the_list_also_while_rows_are_added(
    world: World, plane: ControlPlane, token: str, query: dict[str, str]
) -> None:
    expected = add_rows(world, 10)[::-1]
    joined: list[int] = []
    cursor: dict[str, str] = {}
    for _ in range(4):
        answer = get(plane, token, limit=3, **query, **cursor)
        joined += ids(answer)
        add_rows(world, 1)
        cursor = {"cursor": answer.json().get("next_cursor", "")}
    assert joined == expected
    assert cursor == {"cursor": ""}


def test_a_page_looks_at_a_bounded_number_of_rows_and_says_where_to_go_on(world: World) -> None:
    (first,) = add_rows(world, 1, outcome="rare", age=timedelta(minutes=1))
    add_rows(world, 10)

    def page(after: AuditCursor | None) -> Any:
        async def read(connection: Any) -> Any:
            return await list_audit_rows(connection, AuditFilter(outcome="rare"), after, 2, looked_at=4)

        return world.call(world.internal.unit_of_work, read)

    found, after = [], None
    for _ in range(3):
        listed = page(after)
        found.append([row.row.audit_id for row in listed.rows])
        after = listed.next
    assert found == [[], [], [first]]
    assert after is None


def test_json_lines_are_the_same_rows_with_the_way_on_in_the_link(
    world: World, plane: ControlPlane, token: str
) -> None:
    add_rows(world, 5)
    whole = get(plane, token).json()["events"]
    lines: list[Any] = []
    answer = plane.get(AUDIT, token=token, headers={"accept": "application/jsonl"}, limit=2, subject="device-session-1")
    while True:
        assert answer.headers["content-type"] == "application/jsonl"
        lines += [json.loads(line) for line in answer.text.splitlines()]
        if "next" not in answer.links:
            break
        link = answer.links["next"]["url"]
        assert link.startswith("?")
        query = dict(parse_qsl(link[1:], strict_parsing=True))
        answer = plane.get(AUDIT, token=token, headers={"accept": "application/jsonl"}, **query)
    assert lines == whole
    assert get(plane, token, format="jsonl", caller="nobody").text == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"), ("limit", "501"), ("limit", "x"), ("cursor", "x"), ("cursor", "MTIz"), ("format", "xml"),
        ("cursor", "OTk5OTk5OTk5OTk5OTk5OTk5LjE"), ("from", "yesterday"), ("to", "2026-13-01T00:00:00Z"),
        ("event", ""), ("event", "\0"), ("unknown", "1"),
    ],
)  # fmt: skip
def test_a_query_that_is_not_valid_is_refused(plane: ControlPlane, token: str, name: str, value: str) -> None:
    answer = get(plane, token, **{name: value})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_nobody_reads_the_trail_without_credentials(plane: ControlPlane) -> None:
    assert plane.get(AUDIT).status_code == 401
