"""The first run of the control plane, step by step."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.database import Database
from tests.support.world import World

ROOT = "/api/control-plane/onboarding"


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


@pytest.fixture(scope="module")
def unattended(world: World) -> Iterator[ControlPlane]:
    """A developer may look without credentials."""
    with open_control_plane(world, auth_mode="open") as opened:
        yield opened


@pytest.fixture(autouse=True)
def nobody_yet(database: Database) -> None:
    database.execute("truncate operators cascade; truncate onboarding_steps; truncate audit_events;")
    database.execute("truncate connections cascade; truncate nodes cascade;")


def done(answer: Any) -> tuple[str, list[tuple[str, bool]]]:
    steps = answer.json()["steps"]
    assert all(("done_at" in step) == step["done"] for step in steps)
    return answer.json()["state"], [(step["name"], step["done"]) for step in steps]


def test_it_begins_with_the_owner_and_ends_with_a_node(
    plane: ControlPlane, unattended: ControlPlane, database: Database
) -> None:
    names = ["claim_owner", "store_recovery_codes", "review_settings", "verify_mail_connection", "join_node"]

    def expected(state: str, count: int) -> tuple[str, list[tuple[str, bool]]]:
        return state, [(name, number < count) for number, name in enumerate(names)]

    assert done(unattended.get(f"{ROOT}/status")) == expected("claim_owner", 0)
    token = plane.claim_owner().session_token
    assert done(plane.get(f"{ROOT}/status", token=token)) == expected("store_recovery_codes", 1)
    stored = plane.post(f"{ROOT}/bootstrap", {"step": "recovery_codes_stored"}, token=token)
    assert (stored.json()["outcome"], done(stored)) == ("advanced", expected("review_settings", 2))
    reviewed = plane.post(f"{ROOT}/bootstrap", {"step": "settings_reviewed"}, token=token)
    assert (reviewed.json()["outcome"], done(reviewed)) == ("advanced", expected("verify_mail_connection", 3))
    make_default_mail(database, is_unverified=False)
    verified = plane.post(f"{ROOT}/bootstrap", {"step": "mail_connection_verified"}, token=token)
    assert (verified.json()["outcome"], done(verified)) == ("advanced", expected("join_node", 4))
    make_node(database, "active")
    joined = plane.post(f"{ROOT}/bootstrap", {"step": "node_joined", "skip": False}, token=token)
    assert (joined.json()["outcome"], done(joined)) == ("advanced", expected("complete", 5))
    assert done(plane.get(f"{ROOT}/status", token=token)) == expected("complete", 5)


def make_default_mail(database: Database, *, is_unverified: bool) -> None:
    """A default mail connection with an accepted revision."""
    database.execute("delete from connection_defaults; delete from connections;")
    database.execute(
        """
        insert into connections (connection_id, name, kind, last_revision, accepted_revision, created_at, updated_at)
        values ('connection-1', 'post', 'smtp', 1, 1, now(), now())
        """
    )
    database.execute(
        """
        insert into connection_revisions
               (connection_id, revision, settings, secrets, is_unverified, created_by, created_at)
        values ('connection-1', 1, '{}', '{}', $1, 'somebody', now())
        """,
        is_unverified,
    )
    database.execute("insert into connection_defaults values ('mail', 'connection-1', 'somebody', now())")


def make_node(database: Database, status: str) -> None:
    database.execute("insert into node_pools (pool, created_at) values ('edge', now()) on conflict do nothing")
    database.execute(
        "insert into nodes (node_id, pool, node_name, status, created_at)"
        " values ('node-' || $1::text, 'edge', $1, $1, now())",
        status,
    )


def begun(plane: ControlPlane) -> str:
    """The owner's session, after the two steps that nobody may skip."""
    token = plane.claim_owner().session_token
    for step in ("recovery_codes_stored", "settings_reviewed"):
        assert plane.post(f"{ROOT}/bootstrap", {"step": step}, token=token).status_code == 200
    return token


def test_a_step_whose_condition_does_not_hold_is_refused_and_may_be_skipped(
    plane: ControlPlane, database: Database
) -> None:
    token = begun(plane)

    def ask(step: str, **more: bool) -> tuple[int, str]:
        answer = plane.post(f"{ROOT}/bootstrap", {"step": step, **more}, token=token)
        return answer.status_code, answer.json().get("outcome") or answer.json()["error"]["code"]

    assert ask("node_joined", skip=True) == (409, "onboarding_out_of_order")
    assert ask("mail_connection_verified") == (409, "onboarding_condition_unmet")
    make_default_mail(database, is_unverified=True)
    assert ask("mail_connection_verified") == (409, "onboarding_condition_unmet")
    assert ask("mail_connection_verified", skip=True) == (200, "skipped")
    assert ask("mail_connection_verified", skip=True) == (200, "already_done")
    make_node(database, "pending")
    assert ask("node_joined") == (409, "onboarding_condition_unmet")
    assert ask("node_joined", skip=True) == (200, "skipped")

    shown = plane.get(f"{ROOT}/status", token=token).json()
    assert shown["state"] == "complete"
    assert [step["name"] for step in shown["steps"] if step.get("skipped")] == ["verify_mail_connection", "join_node"]
    rows = database.execute("select * from audit_events where event = 'security.advance_onboarding' order by audit_id")
    assert [row["outcome"] for row in rows][-2:] == ["onboarding_condition_unmet", "skipped"]


def test_a_step_out_of_order_is_refused_and_a_repeat_is_harmless(plane: ControlPlane, database: Database) -> None:
    owner = plane.claim_owner()
    token = owner.session_token

    early = plane.post(f"{ROOT}/bootstrap", {"step": "settings_reviewed"}, token=token)
    first = plane.post(f"{ROOT}/bootstrap", {"step": "recovery_codes_stored"}, token=token)
    again = plane.post(f"{ROOT}/bootstrap", {"step": "recovery_codes_stored"}, token=token)

    assert (early.status_code, early.json()["error"]["code"]) == (409, "onboarding_out_of_order")
    assert (again.json()["outcome"], again.json()["steps"]) == ("already_done", first.json()["steps"])
    rows = database.execute("select * from audit_events where event = 'security.advance_onboarding' order by audit_id")
    assert [row["outcome"] for row in rows] == ["onboarding_out_of_order", "advanced", "already_done"]
    assert {(row["caller"], row["subject"]) for row in rows} == {(owner.operator_id, owner.operator_id)}


def test_only_the_owners_session_goes_on(plane: ControlPlane, unattended: ControlPlane, database: Database) -> None:
    owner = plane.claim_owner()
    other = plane.open_session(plane.add_operator())
    body = {"name": "onboarding", "scopes": ["settings:read", "settings:write"]}
    token = plane.post("/api/control-plane/auth/tokens", body, token=owner.session_token).json()["secret"]
    step = {"step": "recovery_codes_stored"}

    assert plane.post(f"{ROOT}/bootstrap", step, token=other.session_token).status_code == 403
    assert plane.post(f"{ROOT}/bootstrap", step, token=token).status_code == 403
    assert plane.post(f"{ROOT}/bootstrap", step).status_code == 401
    assert unattended.post(f"{ROOT}/bootstrap", step).status_code in (401, 403)
    assert plane.get(f"{ROOT}/status", token=token).json()["state"] == "store_recovery_codes"
    assert database.execute("select count(*) from onboarding_steps")[0]["count"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"step": "claim_owner"},
        {"step": 1},
        {"step": "settings_reviewed", "more": 1},
        {"step": "settings_reviewed", "skip": True},
        {"step": "node_joined", "skip": 1},
    ],
)
def test_any_other_body_is_refused(plane: ControlPlane, body: Any) -> None:
    answer = plane.post(f"{ROOT}/bootstrap", body, token=plane.claim_owner().session_token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
