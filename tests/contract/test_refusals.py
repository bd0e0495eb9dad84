"""Every malformed request of the vectors is refused with `invalid_request`, naming what is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from contracts.control_plane import accounts, connections, invitations, nodes, secrets
from contracts.control_plane.agents import decode_compiled_prompt
from contracts.control_plane.audit import decode_list_audit
from contracts.control_plane.onboarding import decode_advance_onboarding
from contracts.control_plane.publication import requests
from contracts.control_plane.rollout import decode_rollout
from contracts.control_plane.system_settings import decode_change_settings
from contracts.control_plane.tokens import decode_create_token, decode_list_tokens
from contracts.errors import ErrorCode, Refusal
from contracts.internal_blocks import decode_block_subject, decode_list_blocks, decode_unblock_subject
from contracts.internal_mailbox import decode_read_mailbox
from contracts.internal_sessions import decode_list_sessions, decode_revoke_session, decode_revoke_user_sessions
from contracts.internal_users import decode_change_user_email, decode_delete_user, decode_find_users
from contracts.node.agent_key import decode_register_agent_key
from contracts.node.join import decode_join, decode_key_change
from contracts.node.poll import decode_poll
from contracts.node.secrets import decode_open_secrets
from contracts.node.status import decode_status
from contracts.notices import decode_revoke_by_notice
from contracts.public_auth import decode_confirm, decode_send
from contracts.self_service import decode_label
from services.internal_admin.system_settings.domain.settings import SETTINGS
from tests.contract.vectors import body_of, cases, load

BODIES: dict[str, Callable[[bytes], object]] = {
    "send_email_code": decode_send,
    "confirm_email_code": decode_confirm,
    "name_device_session": decode_label,
    "revoke_by_notice": decode_revoke_by_notice,
    "revoke_session": decode_revoke_session,
    "revoke_user_sessions": decode_revoke_user_sessions,
    "block_subject": decode_block_subject,
    "unblock_subject": decode_unblock_subject,
    "delete_user": decode_delete_user,
    "change_user_email": decode_change_user_email,
    "exchange_setup_code": accounts.decode_exchange_setup_code,
    "register_owner": accounts.decode_register_owner,
    "log_in": accounts.decode_log_in,
    "recover_password": accounts.decode_recover_password,
    "change_password": accounts.decode_change_password,
    "regenerate_recovery_codes": accounts.decode_regenerate_recovery_codes,
    "create_token": decode_create_token,
    "change_settings": lambda body: decode_change_settings(body, frozenset(SETTINGS)),
    "advance_onboarding": decode_advance_onboarding,
    **{
        f"{verb}_{noun}": decode
        for noun in ("gateway_config", "agent")
        for verb, decode in {
            "create": requests.decode_create,
            "change": requests.decode_change,
            "publish": requests.decode_publish,
            "activate": requests.decode_activate,
            "pause": requests.decode_pause,
            "revert": requests.decode_revert,
        }.items()
    },
    "record_status": decode_status,
    "invite_address": invitations.decode_invite,
    "create_join_token": nodes.decode_create_join_token,
    "register_node": nodes.decode_register_node,
    "revoke_node": nodes.decode_revoke_node,
    "put_secret": secrets.decode_put_secret,
    "put_pool_secret": secrets.decode_put_secret,
    "put_agent_secret": secrets.decode_put_secret,
    "restore_secret": secrets.decode_restore_secret,
    "grant_secret": secrets.decode_grant_secret,
    "destroy_secret_versions": secrets.decode_destroy_versions,
    "put_connection": connections.decode_put_connection,
    "put_provider_api_key": connections.decode_put_api_key,
    "set_default_connection": connections.decode_put_default,
    "join_node": decode_join,
    "change_node_key": decode_key_change,
    "open_secrets": decode_open_secrets,
    "register_agent_key": decode_register_agent_key,
    "register_agent_key_by_node": decode_register_agent_key,
}
QUERIES: dict[str, Callable[[str], object]] = {
    "find_users": decode_find_users,
    "read_mailbox": decode_read_mailbox,
    "list_sessions": decode_list_sessions,
    "list_blocks": decode_list_blocks,
    "list_tokens": decode_list_tokens,
    "list_audit": decode_list_audit,
    "list_gateway_configs": requests.decode_page,
    "diff_gateway_config": requests.decode_diff,
    "read_compiled_prompt": decode_compiled_prompt,
    "poll_config": decode_poll,
    "read_rollout": decode_rollout,
    "list_invitations": invitations.decode_list_invitations,
    "list_join_tokens": nodes.decode_page,
    "list_nodes": nodes.decode_list_nodes,
    "list_secrets": secrets.decode_list_secrets,
}


def refusal_of(case: dict[str, Any]) -> Refusal:
    """The answer of the case's operation."""
    operation = case["operation"]
    with pytest.raises(Refusal) as refused:
        _ = QUERIES[operation](case["query"]) if "query" in case else BODIES[operation](body_of(case))
    return refused.value


@pytest.mark.parametrize("case", cases("refusals", "refusals"))
def test_a_malformed_request_is_refused_and_the_field_named(case: dict[str, Any]) -> None:
    refusal = refusal_of(case)
    assert refusal.code is ErrorCode.INVALID_REQUEST
    assert case.get("names", "") in refusal.message


def test_every_operation_that_takes_something_has_refusals() -> None:
    assert {case["operation"] for case in load("refusals")["refusals"]} == {*BODIES, *QUERIES}


def test_no_body_of_the_vectors_is_over_the_limit_of_16_kib() -> None:
    assert max(len(body_of(case)) for case in load("refusals")["refusals"] if "query" not in case) <= 16 * 1024


@pytest.mark.parametrize("case", cases("refusals", "refusals"))
def test_a_message_is_short_and_shows_no_value(case: dict[str, Any]) -> None:
    message = refusal_of(case).message
    assert len(message) <= 120
    assert not any(secret in message for secret in ("pilot", "@", "123456", "11qYAY", "challenge-123", "Orchid", "xml"))
