"""The decision on a new session of an agent: the same key, the limit of the settings, and the limit of one agent."""

from dataclasses import replace

import pytest

from services.internal_admin.agent_keys.domain import (
    MAX_ACTIVE_SESSIONS,
    AlreadyRegistered,
    Open,
    Sessions,
    TooManySessions,
    actor_of,
    decide,
)
from services.internal_admin.callers.identity import Caller
from shared.kernel.actor import Actor

NONE = Sessions(with_key=None, active=0, living=0, limit=0, limit_policy="reject")


def test_without_a_limit_an_agent_has_sessions_up_to_the_most_that_a_pause_revokes() -> None:
    most = replace(NONE, active=MAX_ACTIVE_SESSIONS - 1, living=MAX_ACTIVE_SESSIONS - 1)
    assert decide(NONE) == decide(most) == Open(revokes_oldest=False)
    assert decide(replace(most, active=MAX_ACTIVE_SESSIONS)) == TooManySessions(MAX_ACTIVE_SESSIONS)


def test_the_limit_of_the_settings_holds_with_its_policy() -> None:
    full = replace(NONE, active=3, living=3, limit=3)
    assert decide(full) == TooManySessions(3)
    assert decide(replace(full, limit_policy="revoke_oldest")) == Open(revokes_oldest=True)
    assert decide(replace(full, living=2)) == Open(revokes_oldest=False)


def test_a_session_past_its_age_counts_for_the_pause_alone() -> None:
    aged = replace(NONE, active=MAX_ACTIVE_SESSIONS, living=0, limit=3)
    assert decide(aged) == TooManySessions(MAX_ACTIVE_SESSIONS)


def test_a_key_with_a_session_needs_no_room() -> None:
    full = replace(NONE, with_key="device-session-1", active=3, living=3, limit=3)
    assert decide(full) == AlreadyRegistered("device-session-1")


@pytest.mark.parametrize(
    ("name", "actor"),
    [
        ("operator-01j", Actor("operator", "operator-01j")),
        ("token-01j", Actor("token", "token-01j")),
        ("break_glass", Actor("break_glass", None)),
        ("command_line", Actor("command_line", None)),
    ],
)
def test_the_caller_of_a_pause_is_the_actor_of_its_revocations(name: str, actor: Actor) -> None:
    assert actor_of(Caller(name, None, None)) == actor
