"""One walk through every operation of the control plane on the running process, each answer as documented."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.openapi.client import Client
from tests.contract.openapi.documents import operations
from tests.contract.openapi.operators import PASSWORD, USER_NAME, from_new_network, setup_code
from tests.support.agents import store_agent
from tests.support.builders import client_public_key
from tests.support.far_ends import far_end, provider
from tests.support.nodes import Node
from tests.support.stack import RunningStack, wait_for

NEW_PASSWORD = "Saffron meadow 83 comet"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
LOGIN = {"user_name": USER_NAME, "password": PASSWORD}


class Plane(Client):
    """The control plane; each call comes from a network of its own, and is without credentials unless `headers` say."""

    def __init__(self, http: httpx.Client) -> None:
        super().__init__("control_plane", http)
        self.succeeded: set[str] = set()

    def send(self, operation_id: str, status: int = 200, *, headers: Any = None, **request: Any) -> httpx.Response:
        answer = super().send(operation_id, status, headers=from_new_network() | (headers or {}), **request)
        if status == 200:
            self.succeeded.add(operation_id)
        return answer


@pytest.fixture(scope="module")
def plane(running_stack: RunningStack) -> Iterator[Plane]:
    with httpx.Client(base_url=running_stack.internal_url, timeout=30) as http:
        yield Plane(http)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def code_of(refused: Any) -> str:
    return refused["error"]["code"]


def claim(stack: RunningStack, plane: Plane) -> Any:
    """The first owner, and each way to fail at it."""
    assert plane.call("read_status") == {"has_owner": False, "authenticated": False}
    code = setup_code(stack)
    token = plane.call("exchange_setup_code", json={"setup_code": code.lower()})["registration_token"]
    plane.call("exchange_setup_code", 401, json={"setup_code": code})
    wanted = {"registration_token": token, **LOGIN}
    assert code_of(plane.call("register_owner", 400, json=wanted | {"password": "aB3-"})) == "password_too_short"
    assert code_of(plane.call("register_owner", 401, json=LOGIN)) == "invalid_credentials"
    claimed = plane.call("register_owner", json=wanted)
    assert code_of(plane.call("register_owner", 409, json=wanted)) == "owner_exists"
    assert code_of(plane.call("exchange_setup_code", 409, json={"setup_code": code})) == "owner_exists"
    return claimed


def test_every_operation_answers_as_documented_from_claim_to_recovery(
    running_stack: RunningStack, plane: Plane
) -> None:
    claimed = claim(running_stack, plane)
    owner = bearer(claimed["session_token"])
    assert plane.call("read_status", headers=owner)["operator"] == claimed["operator"]
    use_a_session_by_cookie(plane)
    use_tokens(plane, owner)
    go_through_the_first_run(plane, owner)
    change_settings(plane, owner)
    publish_a_gateway_configuration(running_stack, plane, owner)
    publish_an_agent(running_stack, plane, owner)
    page_through_the_audit_trail(plane, owner)
    invite_people(plane, owner)
    admit_nodes(plane, owner)
    keep_secrets(running_stack, plane, owner)
    register_a_key_of_an_agent(running_stack, plane, owner)
    connect_a_provider(plane, owner)
    change_secrets(plane, owner)
    assert plane.succeeded == operations("control_plane").keys()


def use_a_session_by_cookie(plane: Plane) -> None:
    insecure = {"X-Forwarded-Proto": "http"}
    refused = plane.call("log_in", 400, json=LOGIN | {"transport": "cookie"}, headers=insecure)
    assert code_of(refused) == "insecure_transport"
    opened = plane.send("log_in", json=LOGIN | {"transport": "cookie"})
    assert "session_token" not in opened.json()
    cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}
    assert opened.headers["set-cookie"].endswith("; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure")

    for operation_id in ("renew_session", "renew_session_v1"):
        renewed = plane.send(operation_id, headers=cookie)
        assert renewed.json()["session"] == opened.json()["session"]
        assert renewed.headers["set-cookie"].startswith("authsession_operator=v1.")
    assert code_of(plane.call("log_out", 403, headers=cookie)) == "cross_origin_request"
    assert "Max-Age=0" in plane.send("log_out", headers=cookie | SAME_ORIGIN).headers["set-cookie"]
    assert "Max-Age=0" in plane.send("renew_session", 401, headers=cookie).headers["set-cookie"]


def use_tokens(plane: Plane, owner: dict[str, str]) -> None:
    other = plane.call("log_in", json=LOGIN)["session"]["operator_session_id"]
    assert len(plane.call("list_operator_sessions", headers=owner)["sessions"]) == 2
    for outcome in ("revoked", "already_revoked"):
        ended = plane.call("revoke_operator_session", headers=owner, operator_session_id=other)
        assert ended["outcome"] == outcome
    plane.call("revoke_operator_session", 404, headers=owner, operator_session_id="operator-session-nobody")

    wanted = {"name": "reader", "scopes": ["settings:read"], "expires_in_seconds": 60}
    made = [plane.call("create_token", headers=owner, json=wanted) for _ in range(2)]
    reader = bearer(made[0]["secret"])
    plane.call("read_settings", headers=reader)
    assert code_of(plane.call("create_token", 403, headers=reader, json=wanted)) == "forbidden"
    assert code_of(plane.call("list_audit", 403, headers=reader)) == "forbidden"
    page = plane.call("list_tokens", headers=owner, query="limit=1")
    rest = plane.call("list_tokens", headers=owner, query=f"limit=1&cursor={page['next_cursor']}")
    assert [each["token_id"] for each in page["tokens"] + rest["tokens"]] == [
        each["token"]["token_id"] for each in made[::-1]
    ]
    for outcome in ("revoked", "already_revoked"):
        ended = plane.call("revoke_token", headers=owner, token_id=made[0]["token"]["token_id"])
        assert ended["outcome"] == outcome
    plane.call("revoke_token", 404, headers=owner, token_id="token-nobody")
    plane.call("read_settings", 401, headers=reader)


def invite_people(plane: Plane, owner: dict[str, str]) -> None:
    asked = {"email": "invited@journey.example", "send": True, "locale": "de-AT", "expires_in_days": 30}
    made = plane.call("invite_address", headers=owner, json=asked)
    assert (made["outcome"], made["letter_queued"]) == ("invited", True)
    assert plane.call("invite_address", headers=owner, json={"email": asked["email"]})["outcome"] == "renewed"
    refused = plane.call("invite_address", 409, headers=owner, json={"email": "anna@evil.example"})
    assert code_of(refused) == "email_blocked"
    plane.call("invite_address", 400, headers=owner, json={"email": "nobody"})
    other = plane.call("invite_address", headers=owner, json={"email": "other@journey.example"})["invitation_id"]
    page = plane.call("list_invitations", headers=owner, query="limit=1")
    rest = plane.call("list_invitations", headers=owner, query=f"cursor={page['next_cursor']}")
    listed = [each["invitation_id"] for each in page["invitations"] + rest["invitations"]]
    assert listed == [other, made["invitation_id"]]
    assert plane.call("delete_invitation", headers=owner, invitation_id=other)["outcome"] == "deleted"
    plane.call("delete_invitation", 404, headers=owner, invitation_id=other)


def admit_nodes(plane: Plane, owner: dict[str, str]) -> None:
    for outcome in ("created", "unchanged"):
        assert plane.call("create_node_pool", headers=owner, pool="journey")["outcome"] == outcome
    plane.call("list_node_pools", headers=owner)
    made = plane.call("create_join_token", headers=owner, json={"pool": "journey"})["join_token"]["join_token_id"]
    assert plane.call("list_join_tokens", headers=owner, query="limit=1")["join_tokens"][0]["join_token_id"] == made
    plane.call("revoke_join_token", headers=owner, join_token_id=made)
    plane.call("revoke_join_token", 404, headers=owner, join_token_id="join-token-nobody")
    keys = Node().keys
    asked = {
        "pool": "journey",
        "node_name": "gateway-1",
        "node_public_key": b64encode(keys.public_key).decode(),
        "node_encryption_key": b64encode(keys.encryption_key).decode(),
    }
    node_id = plane.call("register_node", headers=owner, json=asked)["node"]["node_id"]
    weak = {**asked, "node_name": "gateway-2", "node_public_key": b64encode(bytes(32)).decode()}
    assert code_of(plane.call("register_node", 400, headers=owner, json=weak)) == "invalid_node_key"
    assert plane.call("list_nodes", headers=owner, query="pool=journey")["nodes"][0]["node_id"] == node_id
    plane.call("list_nodes", 404, headers=owner, query="pool=nowhere")
    plane.call("read_node", headers=owner, node_id=node_id)
    assert plane.call("approve_node", headers=owner, node_id=node_id)["outcome"] == "already_approved"
    cause = {"reason_code": "journey", "actor": {"type": "admin"}}
    plane.call("revoke_node", headers=owner, json=cause, node_id=node_id)
    assert code_of(plane.call("approve_node", 409, headers=owner, node_id=node_id)) == "not_active"
    plane.call("read_node", 404, headers=owner, node_id="node-nobody")


def keep_secrets(stack: RunningStack, plane: Plane, owner: dict[str, str]) -> None:
    stack.database.execute(
        """
        insert into subjects (subject_id, kind, name, pools, draft, revision, field_revisions, created_at, updated_at)
        values ('agent-journey', 'agent', 'journey', '{}', '{}', 1, '{}', clock_now(), clock_now())
        """
    )
    value = {"value": "an example value", "expected_version": 0}
    made = plane.call("put_secret", headers=owner, json=value, secret="MODEL_KEY")
    assert (made["outcome"], made["version"]) == ("created", 1)
    conflict = plane.call("put_secret", 409, headers=owner, json=value, secret="MODEL_KEY")
    assert code_of(conflict) == "version_conflict"
    plane.call("put_pool_secret", headers=owner, json=value, pool="journey", name="MODEL_KEY")
    plane.call("put_pool_secret", 404, headers=owner, json=value, pool="nowhere", name="MODEL_KEY")
    plane.call("put_agent_secret", headers=owner, json=value, agent_id="agent-journey", secret_key="MODEL_KEY")
    plane.call("put_agent_secret", 404, headers=owner, json=value, agent_id="agent-nobody", secret_key="MODEL_KEY")
    one: dict[str, Any] = {"headers": owner, "secret_id": made["secret_id"]}
    assert plane.call("restore_secret", json={"version": 1, "expected_version": 1}, **one)["version"] == 2
    plane.call("restore_secret", 404, json={"version": 7}, **one)
    for outcome in ("granted", "already_granted"):
        assert plane.call("grant_secret", json={"grantee": "journey"}, **one)["outcome"] == outcome
    page = plane.call("list_secrets", headers=owner, query="limit=1&name=MODEL_KEY")
    rest = plane.call("list_secrets", headers=owner, query=f"name=MODEL_KEY&cursor={page['next_cursor']}")
    assert len(page["secrets"] + rest["secrets"]) == 3
    assert plane.call("withdraw_secret", grantee="journey", **one)["outcome"] == "withdrawn"
    assert code_of(plane.call("withdraw_secret", 404, grantee="journey", **one)) == "grant_not_found"
    assert plane.call("destroy_secret_versions", json={"versions": [1]}, **one)["versions"] == [1]
    assert code_of(plane.call("restore_secret", 410, json={"version": 1}, **one)) == "secret_version_gone"
    assert plane.call("read_secret_key", headers=owner)["key_id"]
    assert plane.call("delete_secret", headers=owner, secret=made["secret_id"])["outcome"] == "deleted"
    assert code_of(plane.call("grant_secret", 409, json={"grantee": "journey"}, **one)) == "secret_not_grantable"
    shown = plane.call("read_secret", headers=owner, secret=made["secret_id"])["secret"]
    assert [each["state"] for each in shown["versions"]] == ["disabled", "destroyed"]
    assert plane.call("undelete_secret", **one)["outcome"] == "undeleted"
    plane.call("read_secret", 404, headers=owner, secret="secret-nobody")


def connect_a_provider(plane: Plane, owner: dict[str, str]) -> None:
    """A wrong key is refused and the old one kept; the default keeps the connection from being deleted."""
    kinds = [each["kind"] for each in plane.call("read_connection_catalog", headers=owner)["connections"]]
    assert "openai_compatible" in kinds
    one: dict[str, Any] = {"headers": owner, "name": "models"}
    provider_of_it: dict[str, Any] = {"headers": owner, "provider_id": "models"}
    model: dict[str, Any] = {"headers": owner, "connection_key": "model"}
    with far_end(provider("key-of-the-journey")) as end:
        asked = {"settings": {"base_url": end.url}, "api_key": "key-of-the-journey", "expected_revision": 0}
        assert plane.call("put_provider_api_key", json=asked, **provider_of_it)["outcome"] == "accepted"
        wrong = {
            "kind": "openai_compatible",
            "settings": {"base_url": end.url},
            "secrets": {"api_key": "wrong"},
            "expected_revision": 1,
        }
        refused = plane.call("put_connection", json=wrong, **one)
        assert (refused["outcome"], refused["verification"]["result"]) == ("refused", "invalid_credentials")
        assert (
            code_of(plane.call("put_connection", 409, json=wrong | {"expected_revision": 7}, **one))
            == "revision_conflict"
        )
        assert plane.call("verify_connection", **one)["outcome"] == "refused"
        assert plane.call("verify_provider", **provider_of_it)["revision"] == 2
        healthy: dict[str, Any] = {"headers": owner, "integration_id": "models"}
        wait_for(lambda: plane.call("read_integration_health", **healthy)["status"] == "healthy")
    shown = plane.call("read_connection", **one)["connection"]
    assert (shown["accepted"]["revision"], shown["candidate"]["revision"]) == (1, 2)
    assert plane.call("list_connections", headers=owner)["connections"] == [shown]
    assert plane.call("set_default_connection", json={"connection": "models"}, **model)["outcome"] == "set"
    assert code_of(plane.call("delete_connection", 409, **one)) == "connection_in_use"
    assert len(plane.call("list_default_connections", headers=owner)["defaults"]) == 1
    assert plane.call("read_default_connection", **model)["default"]["name"] == "models"
    assert plane.call("remove_default_connection", **model)["outcome"] == "removed"
    assert code_of(plane.call("read_default_connection", 404, **model)) == "default_not_found"
    assert plane.call("delete_connection", **one)["outcome"] == "deleted"
    assert code_of(plane.call("read_connection", 404, **one)) == "connection_not_found"
    assert code_of(plane.call("read_integration_health", 404, **healthy)) == "connection_not_found"


def go_through_the_first_run(plane: Plane, owner: dict[str, str]) -> None:
    assert plane.call("read_onboarding", headers=owner)["state"] == "store_recovery_codes"
    reviewed, stored = {"step": "settings_reviewed"}, {"step": "recovery_codes_stored"}
    early = plane.call("advance_onboarding", 409, headers=owner, json=reviewed)
    assert code_of(early) == "onboarding_out_of_order"
    for step, outcome, state in (
        (stored, "advanced", "review_settings"),
        (stored, "already_done", "review_settings"),
        (reviewed, "advanced", "verify_mail_connection"),
        ({"step": "mail_connection_verified", "skip": True}, "skipped", "join_node"),
    ):
        answer = plane.call("advance_onboarding", headers=owner, json=step)
        assert (answer["outcome"], answer["state"]) == (outcome, state)
    unmet = plane.call("advance_onboarding", 409, headers=owner, json={"step": "node_joined"})
    assert code_of(unmet) == "onboarding_condition_unmet"


def change_settings(plane: Plane, owner: dict[str, str]) -> None:
    before = plane.call("read_settings", headers=owner)
    assert "last_change" not in before
    wanted = {"settings": {"session_limit": 5, "blocked_email_domains": ["Evil.Example"]}}
    asked = wanted | {"expected_version": before["version"]}
    changed = plane.call("change_settings", headers=owner, json=asked)
    assert (changed["outcome"], set(changed["changed"])) == ("changed", {"session_limit", "blocked_email_domains"})
    assert changed["settings"]["blocked_email_domains"] == ["evil.example"]
    assert code_of(plane.call("change_settings", 409, headers=owner, json=asked)) == "settings_conflict"
    assert plane.call("change_settings", headers=owner, json=wanted)["outcome"] == "unchanged"
    assert plane.call("read_settings", headers=owner)["last_change"]["actor"]["type"] == "operator"


def publish_a_gateway_configuration(stack: RunningStack, plane: Plane, owner: dict[str, str]) -> None:
    stack.database.execute("insert into node_pools (pool, created_at) values ('edge', clock_now())")
    made = plane.call("create_gateway_config", headers=owner, json={"name": "edge", "draft": {"mode": "fail_static"}})
    one: dict[str, Any] = {"headers": owner, "gateway_config_id": made["gateway_config"]["gateway_config_id"]}
    taken = plane.call("create_gateway_config", 409, headers=owner, json={"name": "edge"})
    assert code_of(taken) == "name_taken"
    checks = plane.call("check_gateway_config", **one)["checks"]
    assert [check["field"] for check in checks] == ["draft.serve_known_for", "pools"]
    refused = plane.call("publish_gateway_config", 409, json={"expected_revision": 1}, **one)
    assert code_of(refused) == "checks_failed"
    change = {"expected_revision": 1, "pools": ["edge"], "draft": {"serve_known_for": 60}}
    assert plane.call("change_gateway_config", json=change, **one)["gateway_config"]["revision"] == 2
    conflict = plane.call("change_gateway_config", 409, json=change, **one)
    assert conflict["error"]["message"] == ("the draft has revision 2; changed since: draft.serve_known_for, pools")
    published = plane.call("publish_gateway_config", json={"expected_revision": 2}, **one)
    assert (published["version"], [check["name"] for check in published["checks"]]) == (1, ["mode", "pool_nodes"])
    activated = plane.call("activate_gateway_config", json={"version": 1}, **one)
    assert (activated["outcome"], activated["sequence"]) == ("activated", 1)
    rollout = plane.call("read_rollout", headers=owner, query="pool=edge")
    assert (rollout["sequence"], rollout["items"]) == (1, [])
    assert code_of(plane.call("read_rollout", 404, headers=owner, query="pool=nowhere")) == "pool_not_found"
    plane.call("change_gateway_config", json={"expected_revision": 2, "draft": {"freshness_window": 20}}, **one)
    diff = plane.call("diff_gateway_config", query="from=active&to=draft", **one)
    assert diff == {"differences": [{"path": "draft.freshness_window", "to": 20}]}
    reverted = plane.call("revert_gateway_config", json={"version": 1, "expected_revision": 3}, **one)
    assert reverted["gateway_config"]["draft"] == {"mode": "fail_static", "serve_known_for": 60}
    assert code_of(plane.call("archive_gateway_config", 409, **one)) == "activation_conflict"
    assert plane.call("pause_gateway_config", json={"note": "over"}, **one)["sequence"] == 2
    versions = plane.call("list_gateway_config_versions", **one)["versions"]
    assert plane.call("read_gateway_config_version", version="1", **one)["version"]["digest"] == versions[0]["digest"]
    plane.call("read_gateway_config_version", 404, version="2", **one)
    page = plane.call("list_gateway_config_activations", query="limit=1", **one)
    rest = plane.call("list_gateway_config_activations", query=f"limit=1&cursor={page['next_cursor']}", **one)
    assert [each.get("version") for each in page["activations"] + rest["activations"]] == [None, 1]
    assert plane.call("archive_gateway_config", **one)["outcome"] == "archived"
    assert plane.call("read_gateway_config", **one)["gateway_config"]["state"] == "archived"
    assert len(plane.call("list_gateway_configs", headers=owner)["gateway_configs"]) == 1


def register_a_key_of_an_agent(stack: RunningStack, plane: Plane, owner: dict[str, str]) -> None:
    agent, key = store_agent(stack.database), client_public_key().base64
    asked: dict[str, Any] = {"headers": owner, "agent_id": agent.agent_id, "json": {"client_public_key": key}}
    assert plane.call("register_agent_key", **asked)["outcome"] == "registered"
    assert plane.call("register_agent_key", **asked)["outcome"] == "already_registered"
    weak = {**asked, "json": {"client_public_key": b64encode(bytes(32)).decode()}}
    assert code_of(plane.call("register_agent_key", 400, **weak)) == "invalid_client_public_key"
    plane.call("register_agent_key", 404, **{**asked, "agent_id": "agent-nobody"})
    drafted = store_agent(stack.database, is_active=False)
    inactive = plane.call("register_agent_key", 409, **{**asked, "agent_id": drafted.agent_id})
    assert code_of(inactive) == "agent_not_active"


def publish_an_agent(stack: RunningStack, plane: Plane, owner: dict[str, str]) -> None:
    stack.database.execute("insert into node_pools (pool, created_at) values ('desk', clock_now())")
    section = {"key": "role", "text": "You are {{name}}."}
    asked = {"name": "desk", "pools": ["desk"], "draft": {"sections": [section], "secrets": ["TOKEN"]}}
    made = plane.call("create_agent", headers=owner, json=asked)
    one: dict[str, Any] = {"headers": owner, "agent_id": made["agent"]["agent_id"]}
    assert code_of(plane.call("create_agent", 409, headers=owner, json=asked)) == "name_taken"
    checks = plane.call("check_agent", **one)["checks"]
    assert [check["field"] for check in checks if check["level"] == "error"] == ["draft.variables", "draft.secrets[0]"]
    assert code_of(plane.call("publish_agent", 409, json={"expected_revision": 1}, **one)) == "checks_failed"
    assert code_of(plane.call("read_compiled_prompt", 409, query="from=draft", **one)) == "checks_failed"
    assert code_of(plane.call("read_compiled_prompt", 409, query="from=active", **one)) == "not_active"
    change = {"expected_revision": 1, "draft": {"variables": {"name": "Ada"}}}
    plane.call("change_agent", json=change, **one)
    assert "digest" not in plane.call("read_compiled_prompt", query="from=draft", **one)
    assert code_of(plane.call("change_agent", 409, json=change, **one)) == "revision_conflict"
    plane.call("change_agent", json={"expected_revision": 2, "draft": {"secrets": None}}, **one)
    prompt = plane.call("read_compiled_prompt", query="from=draft", **one)
    assert plane.call("publish_agent", json={"expected_revision": 3}, **one)["version"] == 1
    assert plane.call("read_compiled_prompt", query="from=1", **one) == prompt
    assert plane.call("activate_agent", json={"version": 1}, **one)["outcome"] == "activated"
    plane.call("change_agent", json={"expected_revision": 3, "draft": {"allowed_users": "everyone"}}, **one)
    diff = plane.call("diff_agent", query="from=active&to=draft", **one)
    assert diff == {"differences": [{"path": "draft.allowed_users", "to": "everyone"}]}
    plane.call("revert_agent", json={"version": 1, "expected_revision": 4}, **one)
    assert code_of(plane.call("archive_agent", 409, **one)) == "activation_conflict"
    assert plane.call("pause_agent", json={}, **one)["sequence"] == 2
    [version] = plane.call("list_agent_versions", **one)["versions"]
    assert plane.call("read_agent_version", version="1", **one)["version"]["digest"] == version["digest"]
    assert version["digest"] == prompt["digest"]
    assert [each.get("version") for each in plane.call("list_agent_activations", **one)["activations"]] == [None, 1]
    assert plane.call("archive_agent", **one)["outcome"] == "archived"
    assert plane.call("read_agent", **one)["agent"]["state"] == "archived"
    assert code_of(plane.call("read_agent", 404, headers=owner, agent_id="agent-nobody")) == "agent_not_found"
    assert len(plane.call("list_agents", headers=owner)["agents"]) == 1


def page_through_the_audit_trail(plane: Plane, owner: dict[str, str]) -> None:
    page = plane.call("list_audit", headers=owner, query="event=security.create_token&limit=1")
    rest = plane.call(
        "list_audit", headers=owner, query=f"event=security.create_token&limit=1&cursor={page['next_cursor']}"
    )
    assert [row["outcome"] for row in page["events"] + rest["events"]] == ["created", "created"]
    lines = plane.send("list_audit", headers=owner, query="format=jsonl&outcome=onboarding_out_of_order")
    assert lines.headers["content-type"] == "application/jsonl"
    assert lines.text.count("\n") == 1
    some = plane.send("list_audit", headers=owner | {"Accept": "application/jsonl"}, query="limit=2")
    assert some.headers["link"].endswith('rel="next"')


def change_secrets(plane: Plane, owner: dict[str, str]) -> None:
    assert plane.call("count_recovery_codes", headers=owner)["unused_count"] == 10
    plane.call("regenerate_recovery_codes", 401, headers=owner, json={"current_password": "wrong"})
    codes = plane.call("regenerate_recovery_codes", headers=owner, json={"current_password": PASSWORD})
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    for password, code in (
        ("short", "password_too_short"),
        ("x" * 257, "password_too_long"),
        ("only small letters here", "password_too_simple"),
        (f"{USER_NAME} has this one 7 X", "password_holds_identity"),
        ("P4$$w0rd!!2024", "password_too_common"),
        ("Aa1" * 4 + "-" * 30, "password_too_predictable"),
    ):
        refused = plane.call("change_password", 400, headers=owner, json=change | {"new_password": password})
        assert code_of(refused) == code
    plane.call("change_password", 401, headers=owner, json=change | {"current_password": "wrong"})
    assert plane.call("change_password", headers=owner, json=change)["outcome"] == "changed"
    plane.call("log_in", 401, json=LOGIN)

    recovery = {"user_name": USER_NAME, "recovery_code": codes["recovery_codes"][0], "new_password": PASSWORD}
    plane.call("recover_password", 401, json=recovery | {"recovery_code": "aaaa-aaaa-aaaa"})
    recovered = plane.send("recover_password", json=recovery | {"transport": "cookie"})
    assert len(recovered.json()["recovery_codes"]) == 10
    assert recovered.headers["set-cookie"]
    plane.call("list_operator_sessions", 401, headers=owner)
    assert plane.call("log_in", json=LOGIN)["operator"]["is_owner"]
