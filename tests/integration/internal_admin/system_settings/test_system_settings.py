"""The system settings over the API: typed, all or none, versioned, in force everywhere with the next request."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from services.internal_admin.system_settings.domain.change import SettingsChanged
from services.internal_admin.system_settings.domain.settings import SETTINGS, as_json, read_setting_text
from services.internal_admin.system_settings.domains import DomainRevocation
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.store.confirm_challenge import SessionMade
from shared.lifecycle.supervision import Signal
from tests.support.builders import email_address, store_session, store_user, unique
from tests.support.control_plane import ControlPlane, SignedIn, open_control_plane
from tests.support.database import Database
from tests.support.internal_api import gateway_keys
from tests.support.public_flow import PublicFlow, race
from tests.support.settings import DEFAULTS, EVERY_SETTING, set_settings
from tests.support.world import World

PATH = "/api/control-plane/system-settings"


@pytest.fixture(autouse=True)
def own_settings(database: Database) -> Iterator[None]:
    database.execute("truncate audit_events")
    yield
    database.execute(DEFAULTS)


@pytest.fixture(scope="module")
def replicas(world: World) -> Iterator[tuple[ControlPlane, ControlPlane]]:
    """Two internal processes on one database."""
    keys = gateway_keys()
    with open_control_plane(world, gateway_keys=keys) as first, open_control_plane(world, gateway_keys=keys) as second:
        yield first, second


@pytest.fixture(scope="module")
def plane(replicas: tuple[ControlPlane, ControlPlane]) -> ControlPlane:
    return replicas[0]


@pytest.fixture(scope="module")
def owner(plane: ControlPlane) -> SignedIn:
    return plane.claim_owner()


def patch(plane: ControlPlane, owner: SignedIn, expected_version: int | None = None, **settings: Any) -> Any:
    expected = {} if expected_version is None else {"expected_version": expected_version}
    return plane.patch(PATH, {"settings": settings, **expected}, token=owner.session_token)


def read(plane: ControlPlane, owner: SignedIn) -> Any:
    return plane.get(PATH, token=owner.session_token).json()


def token_of(plane: ControlPlane, owner: SignedIn, *scopes: str) -> tuple[str, str]:
    body = {"name": "settings", "scopes": list(scopes)}
    made = plane.post("/api/control-plane/auth/tokens", body, token=owner.session_token).json()
    return made["token"]["token_id"], made["secret"]


def events(database: Database) -> list[Any]:
    return database.execute("select * from audit_events where event = 'security.change_setting' order by audit_id")


def test_every_setting_is_a_column_of_the_row(database: Database) -> None:
    (row,) = database.execute("select * from settings")
    assert set(SETTINGS) == set(row.keys()) - {"only_row", "version"}


def test_the_bounds_of_the_row_are_those_of_the_definition(database: Database) -> None:
    """The row takes every value that the API takes: the minimum and the maximum of each."""
    for name, expected in EVERY_SETTING.items():
        for text in expected.extremes:
            value = read_setting_text(name, text)
            stored = list(value) if isinstance(value, tuple) else value
            database.execute(f"update settings set {name} = $1", stored)


def test_all_settings_are_read_with_their_version(plane: ControlPlane, owner: SignedIn) -> None:
    assert list(EVERY_SETTING) == list(SETTINGS), "add the setting to EVERY_SETTING in tests/support/settings.py"
    defaults = {name: as_json(read_setting_text(name, each.default)) for name, each in EVERY_SETTING.items()}
    assert read(plane, owner) == {"version": 1, "settings": defaults, "domain_revocations": []}


def test_only_the_named_settings_change_under_one_version_with_history_and_audit(
    plane: ControlPlane, owner: SignedIn, database: Database
) -> None:
    before = read(plane, owner)["settings"]

    answer = patch(plane, owner, session_limit=3, session_max_age="90d", challenge_retention="7d")

    assert answer.status_code == 200
    body = answer.json()
    assert (body["outcome"], body["changed"], body["version"]) == ("changed", ["session_limit", "session_max_age"], 2)
    assert body["settings"] == before | {"session_limit": 3, "session_max_age": "90d"}
    assert body["last_change"]["actor"] == {"type": "operator", "id": owner.operator_id}
    changes = database.execute("select * from settings_changes order by name")
    assert [(each["version"], each["name"], each["old_value"], each["new_value"]) for each in changes] == [
        (2, "session_limit", "0", "3"),
        (2, "session_max_age", "365d", "90d"),
    ]
    assert {(each["actor_type"], each["actor_id"]) for each in changes} == {("operator", owner.operator_id)}
    first, second = events(database)
    assert (first["outcome"], first["caller"], first["network"]) == ("changed", owner.operator_id, "192.0.2.7")
    assert (first["request_id"], second["request_id"]) == (answer.headers["x-request-id"],) * 2
    assert '"session_max_age"' in second["details"]


def test_the_same_values_again_change_nothing(plane: ControlPlane, owner: SignedIn, database: Database) -> None:
    patch(plane, owner, session_limit=3)
    again = patch(plane, owner, session_limit=3).json()
    assert (again["outcome"], again["changed"], again["version"]) == ("unchanged", [], 2)
    assert database.execute("select count(*) from settings_changes")[0]["count"] == 1
    assert [event["outcome"] for event in events(database)] == ["changed", "unchanged"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"session_limit": 3, "session_max_age": "59s"}, "settings.session_max_age must be a duration"),
        ({"session_limit": 3, "session_limits": 3}, "unknown field settings.session_limits"),
        ({"session_limit": "3"}, "settings.session_limit must be a whole number"),
        ({"session_limit": -1}, "settings.session_limit must be a whole number"),
        ({"session_limit": None}, "settings.session_limit must be"),
        ({"require_client_key_proof": "true"}, "settings.require_client_key_proof must be true or false"),
        ({"operator_password_min_length": 11}, "settings.operator_password_min_length must be"),
        ({"blocked_email_domains": ["a.example", "*.b.example"]}, "number 2 is none"),
        ({"blocked_email_domains": "a.example"}, "settings.blocked_email_domains must be a list"),
        ({"audit_retention": "1d"}, "settings.audit_retention must be"),
        ({"version": 7}, "unknown field settings.version"),
        ({"only_row": False}, "unknown field settings.only_row"),
        ({}, "settings must name at least one setting"),
    ],
)
def test_a_value_that_is_none_is_named_and_nothing_changes(
    plane: ControlPlane, owner: SignedIn, settings: dict[str, Any], message: str
) -> None:
    answer = patch(plane, owner, **settings)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert message in answer.json()["error"]["message"]
    assert read(plane, owner)["version"] == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "settings is required"),
        ({"settings": []}, "settings must be an object"),
        ({"settings": {"session_limit": 1}, "version": 1}, "unknown field version"),
        ({"settings": {"session_limit": 1}, "expected_version": "1"}, "expected_version must be a whole number"),
        ({"settings": {"session_limit": 1}, "expected_version": True}, "expected_version must be a whole number"),
        ({"settings": {"session_limit": 1}, "expected_version": 0}, "expected_version must be a whole number"),
    ],
)
def test_a_body_of_another_form_is_refused(plane: ControlPlane, owner: SignedIn, body: Any, message: str) -> None:
    answer = plane.patch(PATH, body, token=owner.session_token)
    assert (answer.status_code, message in answer.json()["error"]["message"]) == (400, True)
    assert read(plane, owner)["version"] == 1


def test_another_version_than_expected_is_a_conflict_that_is_audited(
    plane: ControlPlane, owner: SignedIn, database: Database
) -> None:
    patch(plane, owner, expected_version=1, session_limit=3)

    stale = patch(plane, owner, expected_version=1, session_limit=4)
    far = patch(plane, owner, expected_version=10**25, session_limit=4)

    for answer in (stale, far):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "settings_conflict")
    assert (read(plane, owner)["version"], read(plane, owner)["settings"]["session_limit"]) == (2, 3)
    assert [event["outcome"] for event in events(database)] == ["changed", "settings_conflict", "settings_conflict"]


def test_of_8_changes_that_expect_one_version_exactly_one_changes(world: World, database: Database) -> None:
    contenders = [partial(set_settings, world, 1, session_limit=number) for number in range(1, 9)]

    outcomes = world.call(race, *contenders)

    assert [type(outcome) for outcome in outcomes].count(SettingsChanged) == 1
    assert database.execute("select version from settings")[0]["version"] == 2
    assert len(events(database)) == 8


def test_changes_at_the_same_time_lose_nothing(world: World, database: Database) -> None:
    changes: list[dict[str, Any]] = [
        {"session_limit": 5},
        {"session_limit_policy": "revoke_oldest"},
        {"require_client_key_proof": True},
        {"operator_password_min_length": 20},
    ]
    world.call(race, *(partial(set_settings, world, **change) for change in changes))
    (row,) = database.execute("select * from settings")
    assert (row["session_limit"], row["session_limit_policy"], row["operator_password_min_length"]) == (
        5,
        "revoke_oldest",
        20,
    )
    versions = database.execute("select version from settings_changes order by version")
    assert [each["version"] for each in versions] == [2, 3, 4, 5]


def test_a_change_is_in_force_with_the_next_request_of_every_replica(
    replicas: tuple[ControlPlane, ControlPlane], owner: SignedIn, world: World
) -> None:
    """Both internal processes, and the public one: for a send, and for a confirm."""
    first, second = replicas
    flow, email, domain = PublicFlow(world), email_address(), unique("domain-") + ".example"
    challenge_id = flow.send(email)
    assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id)), SessionMade)
    again = flow.send(email)

    patch(first, owner, session_limit=1, blocked_email_domains=[domain])

    assert read(second, owner)["settings"]["session_limit"] == 1
    assert flow.confirm(again, flow.code(again)) is ConfirmRefusal.SESSION_LIMIT_EXCEEDED
    flow.send(f"a@{domain}")
    assert flow.decisions[-1] == "email_domain"
    patch(second, owner, session_limit=0)
    assert isinstance(flow.confirm(again, flow.code(again)), SessionMade)


def test_the_answers_tell_how_many_sessions_of_blocked_domains_are_left(
    replicas: tuple[ControlPlane, ControlPlane], owner: SignedIn, world: World, database: Database
) -> None:
    first, second = replicas
    domain = unique("domain-") + ".example"
    user = store_user(database, email=f"a@{domain}")
    sessions = [store_session(database, user).device_session_id for _ in range(3)]

    blocked = patch(first, owner, blocked_email_domains=[domain.upper()]).json()

    left = {"domain": domain, "sessions_to_revoke": 3, "more_may_follow": False}
    assert blocked["domain_revocations"] == [left] == read(second, owner)["domain_revocations"]
    worker = DomainRevocation(world.internal, Signal())
    while world.call(worker.step):
        pass
    assert read(second, owner)["domain_revocations"] == []
    shown = first.get(f"/api/v1/internal/sessions/{sessions[0]}").json()["session"]
    assert (shown["status"], shown["revoke_reason_code"]) == ("revoked", "email_domain_blocked")
    assert shown["revoke_actor"] == {"type": "operator", "id": owner.operator_id}


def test_requiring_proofs_tells_what_else_they_need(plane: ControlPlane, owner: SignedIn) -> None:
    (caution,) = patch(plane, owner, require_client_key_proof=True).json()["cautions"]
    assert "AUTHSESSION_PUBLIC_HOST" in caution
    assert patch(plane, owner, require_client_key_proof=False).json()["cautions"] == []


def test_a_token_reads_or_writes_by_its_scope_and_acts_for_itself(
    plane: ControlPlane, owner: SignedIn, database: Database
) -> None:
    _, reader = token_of(plane, owner, "settings:read")
    writer_id, writer = token_of(plane, owner, "settings:write")

    assert plane.get(PATH, token=reader).status_code == 200
    assert plane.get(PATH, token=writer).status_code == 403
    assert plane.patch(PATH, {"settings": {"session_limit": 1}}, token=reader).status_code == 403
    assert plane.get(PATH).status_code == 401
    changed = plane.patch(PATH, {"settings": {"session_limit": 1}}, token=writer)

    assert changed.json()["last_change"]["actor"] == {"type": "token", "id": writer_id}
    assert [event["caller"] for event in events(database)] == [writer_id]


def test_an_idle_age_is_refused_while_no_node_tells_of_last_uses(
    plane: ControlPlane, owner: SignedIn, database: Database
) -> None:
    answer = patch(plane, owner, session_limit=3, session_idle_age="30d")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_node_reports")
    assert read(plane, owner)["version"] == 1
    assert [event["outcome"] for event in events(database)] == ["no_node_reports"]
