"""The codecs of the control plane write and read its golden exchanges exactly: values, shapes, order of fields."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from contracts.control_plane import (
    accounts,
    agents,
    audit,
    invitations,
    nodes,
    onboarding,
    operator_sessions,
    rollout,
    secrets,
    system_settings,
    tokens,
)
from contracts.control_plane.publication import answers, requests
from contracts.encoding import encode
from contracts.errors import ErrorCode, encode_error
from contracts.instant import decode_instant
from contracts.node import agent_key
from contracts.node.manifest import Position
from contracts.node.signed import ConfigKey
from contracts.node.status import ConfigError
from services.internal_admin.system_settings.domain.settings import SETTINGS
from tests.contract import connection_exchanges
from tests.contract.vectors import cases, load
from tests.support.json_values import is_object

Json = dict[str, Any]
SECRETS = ("ABCD-EFGH", "registration-token-123", "Orchid", "Saffron", "mq7x", "session-token-123", "owner@example.com")


def instant(text: str) -> datetime:
    return decode_instant(text, "instant")


def optional_instant(shown: Json, name: str) -> datetime | None:
    return instant(shown[name]) if name in shown else None


def session(shown: Json) -> operator_sessions.OperatorSessionAnswer:
    times = (instant(shown[name]) for name in ("created_at", "expires_at", "renew_before"))
    return operator_sessions.OperatorSessionAnswer(shown["operator_session_id"], *times)


def current(answer: Json) -> tuple[operator_sessions.OperatorSessionAnswer, operator_sessions.SessionHolder]:
    return session(answer["session"]), operator_sessions.SessionHolder(**answer["operator"])


def opened(answer: Json) -> bytes:
    more = {name: answer[name] for name in ("recovery_codes",) if name in answer}
    shown = operator_sessions.OpenedSessionAnswer(*current(answer), answer.get("session_token"), more)
    return operator_sessions.encode_opened_session(shown)


def status(answer: Json) -> bytes:
    held = current(answer) if answer["authenticated"] else None
    return operator_sessions.encode_status(has_owner=answer["has_owner"], current=held)


def listed(shown: Json) -> operator_sessions.ListedSessionAnswer:
    client = (shown["network"], shown["user_agent"])
    return operator_sessions.ListedSessionAnswer(session(shown), *client, is_current=shown["is_current"])


def token(shown: Json) -> tokens.ApiToken:
    return tokens.ApiToken(
        token_id=shown["token_id"],
        name=shown["name"],
        prefix=shown["prefix"],
        scopes=tuple(shown["scopes"]),
        status=shown["status"],
        created_by=shown.get("created_by"),
        created_at=instant(shown["created_at"]),
        expires_at=instant(shown["expires_at"]),
        last_used_at=optional_instant(shown, "last_used_at"),
        revoked_at=optional_instant(shown, "revoked_at"),
    )


def tokens_page(answer: Json) -> bytes:
    listed_tokens = [token(shown) for shown in answer["tokens"]]
    return tokens.encode_tokens(listed_tokens, listed_tokens[-1].token_id if "next_cursor" in answer else None)


def invitation(shown: Json) -> invitations.Invitation:
    instants: Json = {name: instant(shown[name]) for name in ("created_at", "expires_at")}
    return invitations.Invitation(**(shown | instants))


def join_token(shown: Json) -> nodes.JoinToken:
    fields: Json = {name: shown.get(name) for name in ("node_name", "uses", "uses_left", "status", "created_by")}
    return nodes.JoinToken(
        **fields,
        join_token_id=shown["join_token_id"],
        pool=shown["pool"],
        created_at=instant(shown["created_at"]),
        expires_at=instant(shown["expires_at"]),
        revoked_at=optional_instant(shown, "revoked_at"),
    )


def pool(shown: Json) -> nodes.Pool:
    return nodes.Pool(shown["pool"], instant(shown["created_at"]), shown["nodes"])


def node(shown: Json) -> nodes.Node:
    names = ("node_id", "pool", "node_name", "status", "liveness", "join_token_id", "software")
    actor = shown.get("revoke_actor", {})
    fields: Json = {name: shown.get(name) for name in names}
    revoked_at = optional_instant(shown, "revoked_at")
    return nodes.Node(
        **fields,
        created_at=instant(shown["created_at"]),
        approved_at=optional_instant(shown, "approved_at"),
        last_seen_at=optional_instant(shown, "last_seen_at"),
        revocation=None
        if revoked_at is None
        else nodes.Revocation(revoked_at, shown["revoke_reason_code"], actor.get("type"), actor.get("id")),
    )


def config_key(shown: Json) -> ConfigKey:
    return ConfigKey(shown["key_id"], b64decode(shown["public_key"]))


def node_page(answer: Json) -> nodes.NodePage:
    keys = [
        nodes.NodeKeyAnswer(
            each["generation"],
            b64decode(each["public_key"]),
            instant(each["created_at"]),
            optional_instant(each, "valid_until"),
        )
        for each in answer["keys"]
    ]
    names = ("offered", "applied", "rejected")
    told: dict[str, Json] = {name: {**answer[name], "at": instant(answer[name]["at"])} for name in names}
    error: Json = told["rejected"].pop("error")
    return nodes.NodePage(
        node(answer["node"]),
        tuple(keys),
        instant(answer["key_shared_at"]),
        nodes.OfferedConfig(**told["offered"]),
        nodes.AppliedConfig(**told["applied"]),
        nodes.RejectedConfig(**told["rejected"], **error),
        answer["report"],
    )


def settings(answer: Json) -> system_settings.SettingsAnswer:
    change = answer["last_change"]
    changed_by = system_settings.LastChangeAnswer(instant(change["changed_at"]), *change["actor"].values())
    left = [system_settings.SessionsToRevoke(**each) for each in answer["domain_revocations"]]
    return system_settings.SettingsAnswer(answer["version"], answer["settings"], changed_by, left)


def steps(answer: Json) -> list[onboarding.OnboardingStepAnswer]:
    return [
        onboarding.OnboardingStepAnswer(shown["name"], optional_instant(shown, "done_at"), shown.get("skipped", False))
        for shown in answer["steps"]
    ]


def audit_row(shown: Json) -> audit.ListedAuditRow:
    same = ("audit_id", "event", "outcome", "caller", "network", "request_id", "subject", "reason_code")
    fields: Json = {name: shown.get(name) for name in same}
    row = audit.AuditRow(
        **fields,
        occurred_at=instant(shown["occurred_at"]),
        actor_type=shown.get("actor", {}).get("type"),
        actor_id=shown.get("actor", {}).get("id"),
        details=json.dumps(shown["details"]) if "details" in shown else None,
    )
    return audit.ListedAuditRow(row, shown["seal_seq"])


def audit_page(answer: Json) -> bytes:
    cursor = audit.AuditCursor(instant("2026-04-05T11:59:59Z"), 41) if "next_cursor" in answer else None
    return audit.encode_audit([audit_row(shown) for shown in answer["events"]], cursor)


def rollout_page(answer: Json) -> bytes:
    stage = answer["stage"]
    items = [
        rollout.RolloutItem(
            shown["node_id"],
            shown["node_name"],
            shown["state"],
            Position(shown["applied_epoch"], shown["applied_sequence"]),
            Position(shown["offered_epoch"], shown["offered_sequence"]),
            instant(shown["since"]),
            ConfigError(**shown["error"]) if "error" in shown else None,
        )
        for shown in answer["items"]
    ]
    return rollout.encode_rollout(
        rollout.RolloutAnswer(
            answer["pool"],
            Position(answer["epoch"], answer["sequence"]),
            instant(answer["activated_at"]),
            answer["nodes"],
            items,
            rollout.RolloutStage(stage["percent"], stage["halt_on_rejected"], instant(stage["halted_at"])),
            has_more="next_cursor" in answer,
        )
    )


def subject(noun: str, shown: Json) -> answers.SubjectAnswer:
    return answers.SubjectAnswer(
        shown[f"{noun}_id"],
        shown["name"],
        tuple(shown["pools"]),
        shown["state"],
        shown["revision"],
        shown["published_revision"],
        shown["last_version"],
        shown.get("active_version"),
        instant(shown["created_at"]),
        instant(shown["updated_at"]),
    )


def whole_subject(noun: str, answer: Json) -> bytes:
    shown = answer[noun]
    return answers.encode_subject(noun, subject(noun, shown), shown["draft"], answer.get("outcome"))


def version(shown: Json) -> answers.VersionAnswer:
    return answers.VersionAnswer(
        shown["version"],
        shown["revision"],
        tuple(shown["pools"]),
        shown["digest"],
        shown.get("note"),
        shown["created_by"],
        instant(shown["created_at"]),
    )


def activation(shown: Json) -> answers.ActivationAnswer:
    return answers.ActivationAnswer(
        shown.get("version"),
        shown.get("previous_version"),
        shown["percent"],
        shown.get("note"),
        shown["activated_by"],
        instant(shown["activated_at"]),
    )


def checks(answer: Json) -> list[answers.Check]:
    return [answers.Check(**shown) for shown in answer["checks"]]


def differences(answer: Json) -> list[answers.Difference]:
    absent = answers.ABSENT
    return [
        answers.Difference(shown["path"], shown.get("from", absent), shown.get("to", absent))
        for shown in answer["differences"]
    ]


def activated(answer: Json) -> bytes:
    pools = [answers.PoolPosition(**shown) for shown in answer["pools"]]
    return answers.encode_activated(answer["outcome"], answer.get("version"), pools)


def position_after(answer: Json) -> str | None:
    """The position in the cursor of a page, as the page's last item has it."""
    return requests.decode_page(f"cursor={answer['next_cursor']}").after if "next_cursor" in answer else None


def secret(shown: Json) -> secrets.SecretAnswer:
    names = ("scope_id", "current_version", "opened_by", "secret_id", "scope_kind", "name", "usage", "last_version")
    fields: Json = {name: shown.get(name) for name in names}
    return secrets.SecretAnswer(
        **fields,
        created_at=instant(shown["created_at"]),
        updated_at=instant(shown["updated_at"]),
        deleted_at=optional_instant(shown, "deleted_at"),
        last_opened_at=optional_instant(shown, "last_opened_at"),
    )


def whole_secret(answer: Json) -> bytes:
    shown = answer["secret"]
    versions: list[Json] = [{**each, "created_at": instant(each["created_at"])} for each in shown["versions"]]
    grants: list[Json] = [{**each, "granted_at": instant(each["granted_at"])} for each in shown["grants"]]
    return secrets.encode_secret(
        secret(shown),
        [secrets.SecretVersionAnswer(**each) for each in versions],
        [secrets.GrantAnswer(**each) for each in grants],
    )


def written_secret(answer: Json) -> bytes:
    return secrets.encode_written(answer["outcome"], answer["secret_id"], answer["version"])


def compiled_prompt(answer: Json) -> bytes:
    sections = [agents.SectionSize(each["key"], each["bytes"]) for each in answer["sections"]]
    text, digest, variables = answer["text"], answer.get("digest"), answer["variables"]
    return agents.encode_compiled_prompt(
        agents.CompiledPrompt(text, digest, sections, variables, answer["estimated_tokens"])
    )


def encoders_of(noun: str) -> dict[str, Callable[[Json], bytes]]:
    """The answers about a kind of published configuration."""
    whole = partial(whole_subject, noun)
    return {
        f"list_{noun}s": lambda a: answers.encode_subjects(
            noun, [subject(noun, shown) for shown in a[f"{noun}s"]], position_after(a)
        ),
        **{f"{verb}_{noun}": whole for verb in ("create", "read", "change", "revert")},
        f"archive_{noun}": lambda a: answers.encode_outcome(noun, a["outcome"], a[f"{noun}_id"]),
        f"check_{noun}": lambda a: answers.encode_checks(checks(a)),
        f"diff_{noun}": lambda a: answers.encode_diff(differences(a)),
        f"publish_{noun}": lambda a: answers.encode_published(a["outcome"], a["version"], checks(a)),
        f"activate_{noun}": activated,
        f"pause_{noun}": activated,
        f"list_{noun}_versions": lambda a: answers.encode_versions(
            [version(shown) for shown in a["versions"]], position_after(a)
        ),
        f"read_{noun}_version": lambda a: answers.encode_version(version(a["version"]), a["version"]["draft"]),
        f"list_{noun}_activations": lambda a: answers.encode_activations(
            [activation(shown) for shown in a["activations"]], position_after(a)
        ),
    }


def decoders_of(noun: str) -> dict[str, Callable[[bytes], Any]]:
    """The requests about a kind of published configuration."""
    return {
        f"create_{noun}": requests.decode_create,
        f"change_{noun}": requests.decode_change,
        f"publish_{noun}": requests.decode_publish,
        f"activate_{noun}": requests.decode_activate,
        f"pause_{noun}": lambda body: {"note": requests.decode_pause(body)},
        f"revert_{noun}": requests.decode_revert,
    }


ENCODERS: dict[str, Callable[[Json], bytes]] = {
    "read_status": status,
    "exchange_setup_code": lambda a: accounts.encode_registration_token(
        a["registration_token"], instant(a["expires_at"])
    ),
    "register_owner": opened,
    "log_in": opened,
    "recover_password": opened,
    "change_password": lambda a: accounts.encode_changed_password(a["revoked_session_count"]),
    "log_out": lambda a: operator_sessions.encode_revoke_session(a["outcome"], a["operator_session_id"]),
    "renew_session": lambda a: operator_sessions.encode_session(*current(a)),
    "renew_session_v1": lambda a: operator_sessions.encode_session(*current(a)),
    "list_operator_sessions": lambda a: operator_sessions.encode_sessions([listed(shown) for shown in a["sessions"]]),
    "revoke_operator_session": lambda a: operator_sessions.encode_revoke_session(
        a["outcome"], a["operator_session_id"]
    ),
    "list_tokens": tokens_page,
    "create_token": lambda a: tokens.encode_created_token(token(a["token"]), a["secret"]),
    "revoke_token": lambda a: tokens.encode_revoke_token(a["outcome"], a["token_id"]),
    "count_recovery_codes": lambda a: accounts.encode_recovery_code_count(
        a["unused_count"], optional_instant(a, "made_at")
    ),
    "regenerate_recovery_codes": lambda a: accounts.encode_recovery_codes(a["recovery_codes"]),
    "read_settings": lambda a: system_settings.encode_settings(settings(a)),
    "change_settings": lambda a: system_settings.encode_change_settings(
        a["outcome"], a["changed"], a["cautions"], settings(a)
    ),
    "read_onboarding": lambda a: onboarding.encode_onboarding(a["state"], steps(a)),
    "advance_onboarding": lambda a: onboarding.encode_advance_onboarding(a["outcome"], a["state"], steps(a)),
    "list_audit": audit_page,
    "read_rollout": rollout_page,
    **encoders_of("gateway_config"),
    **encoders_of("agent"),
    "read_compiled_prompt": compiled_prompt,
    "register_agent_key": lambda a: agent_key.encode_registered_agent_key(agent_key.RegisteredAgentKey(**a)),
    "list_node_pools": lambda a: nodes.encode_pools([pool(each) for each in a["pools"]]),
    "create_node_pool": lambda a: nodes.encode_create_pool(a["outcome"], pool(a["pool"])),
    "list_invitations": lambda a: invitations.encode_invitations(
        [invitation(each) for each in a["invitations"]], "invitation-123" if "next_cursor" in a else None
    ),
    "invite_address": lambda a: invitations.encode_invite(
        a["outcome"], a["invitation_id"], instant(a["expires_at"]), letter_queued=a["letter_queued"]
    ),
    "delete_invitation": lambda a: invitations.encode_delete_invitation(a["invitation_id"]),
    "list_join_tokens": lambda a: nodes.encode_join_tokens(
        [join_token(each) for each in a["join_tokens"]], "join-token-123" if "next_cursor" in a else None
    ),
    "create_join_token": lambda a: nodes.encode_created_join_token(join_token(a["join_token"]), a["secret"]),
    "revoke_join_token": lambda a: nodes.encode_revoke_join_token(a["outcome"], a["join_token_id"]),
    "list_nodes": lambda a: nodes.encode_nodes(
        [node(each) for each in a["nodes"]], "node-123" if "next_cursor" in a else None
    ),
    "register_node": lambda a: nodes.encode_registered_node(
        node(a["node"]), [config_key(each) for each in a["config_keys"]]
    ),
    "read_node": lambda a: nodes.encode_node_page(node_page(a)),
    "approve_node": lambda a: nodes.encode_approve_node(a["outcome"], a["node_id"]),
    "revoke_node": lambda a: nodes.encode_revoke_node(a["outcome"], a["node_id"]),
    "list_secrets": lambda a: secrets.encode_secrets([secret(each) for each in a["secrets"]], position_after(a)),
    "read_secret_key": lambda a: secrets.encode_public_key(a["key_id"], b64decode(a["public_key"])),
    "read_secret": whole_secret,
    "put_secret": written_secret,
    "put_pool_secret": written_secret,
    "put_agent_secret": written_secret,
    "restore_secret": written_secret,
    "grant_secret": lambda a: secrets.encode_granted(a["outcome"], a["secret_id"], a["grantee"]),
    "withdraw_secret": lambda a: secrets.encode_granted(a["outcome"], a["secret_id"], a["grantee"]),
    "delete_secret": lambda a: secrets.encode_changed(a["outcome"], a["secret_id"]),
    "undelete_secret": lambda a: secrets.encode_changed(a["outcome"], a["secret_id"]),
    "destroy_secret_versions": lambda a: secrets.encode_destroyed(a["outcome"], a["secret_id"], a["versions"]),
    **connection_exchanges.ENCODERS,
}


def advance_onboarding(body: bytes) -> Json:
    read = onboarding.decode_advance_onboarding(body)
    return {"step": read.step, **({"skip": True} if read.skips else {})}


def invite_address(body: bytes) -> Json:
    read = asdict(invitations.decode_invite(body))
    days = read.pop("life").days
    return {**read, "expires_in_days": days}


def create_join_token(body: bytes) -> Json:
    read = asdict(nodes.decode_create_join_token(body))
    life = read.pop("life")
    return {**read, "expires_in_seconds": int(life.total_seconds())}


def register_node(body: bytes) -> Json:
    read = asdict(nodes.decode_register_node(body))
    keys = read.pop("keys")
    encoded = {f"node_{name}": b64encode(value).decode() for name, value in keys.items()}
    return {**read, **encoded}


def revoke_node(body: bytes) -> Json:
    reason_code, actor_type, actor_id = nodes.decode_revoke_node(body)
    return {"reason_code": reason_code, "actor": {"type": actor_type, "id": actor_id}}


def put_secret(body: bytes) -> Json:
    read = secrets.decode_put_secret(body)
    more = {"expected_version": read.expected_version, "usage": read.usage}
    if isinstance(read.value, secrets.SealedValue):
        return {**more, "sealed_value": b64encode(read.value.sealed).decode(), "key_id": read.value.key_id}
    return {**more, "value": read.value.decode()}


DECODERS: dict[str, Callable[[bytes], Any]] = {
    "exchange_setup_code": lambda body: {"setup_code": accounts.decode_exchange_setup_code(body)},
    "register_owner": accounts.decode_register_owner,
    "log_in": accounts.decode_log_in,
    "recover_password": accounts.decode_recover_password,
    "change_password": accounts.decode_change_password,
    "regenerate_recovery_codes": lambda body: {"current_password": accounts.decode_regenerate_recovery_codes(body)},
    "create_token": tokens.decode_create_token,
    "change_settings": lambda body: system_settings.decode_change_settings(body, frozenset(SETTINGS)),
    "advance_onboarding": advance_onboarding,
    **decoders_of("gateway_config"),
    **decoders_of("agent"),
    "register_agent_key": agent_key.decode_register_agent_key,
    "invite_address": invite_address,
    "create_join_token": create_join_token,
    "register_node": register_node,
    "revoke_node": revoke_node,
    "put_secret": put_secret,
    "put_pool_secret": put_secret,
    "put_agent_secret": put_secret,
    "restore_secret": secrets.decode_restore_secret,
    "grant_secret": lambda body: {"grantee": secrets.decode_grant_secret(body)},
    "destroy_secret_versions": lambda body: {"versions": secrets.decode_destroy_versions(body)},
    **connection_exchanges.DECODERS,
}
UNASKED: dict[str, Any] = {
    "transport": "bearer", "life": timedelta(days=90), "uses": 1, "expires_in_seconds": 900, "accept_unverified": False,
    "send": False, "expires_in_days": 14,
}  # fmt: skip
"""The value that is read where nothing was sent."""

QUERIES: dict[str, Any] = {
    "read the rollout of a pool": (rollout.decode_rollout, rollout.RolloutQuery("edge", limit=2)),
    "list a page of gateway configurations": (requests.decode_page, requests.PageQuery(1, None)),
    "list a page of agents": (requests.decode_page, requests.PageQuery(1, None)),
    "list versions": (requests.decode_page, requests.PageQuery(2, None)),
    "list versions of an agent": (requests.decode_page, requests.PageQuery(2, None)),
    "compare the active version with the draft": (requests.decode_diff, ("active", "draft")),
    "compare the active version with the draft of an agent": (requests.decode_diff, ("active", "draft")),
    "read a compiled prompt": (agents.decode_compiled_prompt, "draft"),
    "read the prompt of a draft that cannot be published": (agents.decode_compiled_prompt, "draft"),
    "list invitations: page": (invitations.decode_list_invitations, invitations.ListInvitationsQuery(limit=1)),
    "list join tokens: page": (nodes.decode_page, nodes.PageQuery(limit=1)),
    "list nodes: page": (nodes.decode_list_nodes, nodes.ListNodesQuery(nodes.PageQuery(limit=1))),
    "list a page of secrets": (
        secrets.decode_list_secrets,
        secrets.ListSecretsQuery(limit=2, scope_kind="pool", name="MODEL_KEY"),
    ),
    "list a page of tokens": (tokens.decode_list_tokens, tokens.ListTokensQuery(limit=1)),
    "list a page of the audit trail": (
        audit.decode_list_audit,
        audit.ListAuditQuery(audit.AuditFilter(actor_type="admin", since=datetime(2026, 4, 5, tzinfo=UTC)), limit=2),
    ),
}

EXCHANGES = cases("control_plane", "exchanges")


def fields_of(read: Any) -> Json:
    fields = read if is_object(read) else asdict(read)
    return {name: [*value] if isinstance(value, tuple) else value for name, value in fields.items()}


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if case.values[0]["status"] == 200])
def test_an_answer_is_written_byte_for_byte(exchange: Json) -> None:
    assert ENCODERS[exchange["operation"]](exchange["response"]) == encode(exchange["response"])


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if case.values[0]["status"] != 200])
def test_an_error_is_written_byte_for_byte(exchange: Json) -> None:
    assert encode_error(ErrorCode(exchange["response"]["error"]["code"])) == encode(exchange["response"])


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if "request" in case.values[0]])
def test_a_request_is_read_field_by_field(exchange: Json) -> None:
    sent = exchange["request"]
    read = fields_of(DECODERS[exchange["operation"]](json.dumps(sent, indent=2).encode()))
    assert {name: value for name, value in read.items() if value is not None and UNASKED.get(name) != value} == sent


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if "query" in case.values[0]])
def test_a_query_is_read(exchange: Json) -> None:
    decode, expected = QUERIES[exchange["name"]]
    assert decode(exchange["query"]) == expected


def test_a_page_of_the_audit_trail_is_written_as_json_lines_byte_for_byte() -> None:
    page = next(case["response"] for case in load("control_plane")["exchanges"] if "events" in case["response"])
    golden = load("control_plane")["json_lines"]
    rows = [audit_row(shown) for shown in page["events"]]
    assert audit.encode_audit_lines(rows).decode() == golden["body"]
    cursor = audit.AuditCursor(rows[-1].row.occurred_at, rows[-1].row.audit_id)
    assert audit.decode_list_audit(f"cursor={page['next_cursor']}").cursor == cursor
    assert audit.encode_next_link(golden["query"], cursor) == golden["link"]


def test_a_page_of_tokens_continues_after_its_last_one() -> None:
    page = next(case["response"] for case in load("control_plane")["exchanges"] if "next_cursor" in case["response"])
    query = tokens.decode_list_tokens(f"cursor={page['next_cursor']}")
    assert query.after == page["tokens"][-1]["token_id"]


def test_every_operation_has_codecs_for_its_exchanges() -> None:
    exchanges = load("control_plane")["exchanges"]
    assert {each["operation"] for each in exchanges} == ENCODERS.keys()
    assert {each["operation"] for each in exchanges if "request" in each} == DECODERS.keys()


def test_no_repr_shows_a_code_a_password_or_a_token() -> None:
    for exchange in load("control_plane")["exchanges"]:
        decode = DECODERS.get(exchange["operation"])
        if decode is not None:
            read = decode(json.dumps(exchange["request"]).encode())
            assert isinstance(read, dict) or not any(secret in repr(read) for secret in SECRETS)
