"""Mails from one network to addresses that never confirmed have a limit (SPEC §9.2). It reveals nothing (§3.4)."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from services.public_auth.domain.budget import Budgets
from services.public_auth.store.confirm_challenge import SessionMade
from services.public_auth.store.issue_challenge import IssuePolicy, NewAddressMailLimit
from tests.support.builders import email_address
from tests.support.public_flow import PublicFlow
from tests.support.trusted import block_email
from tests.support.world import World

LIMIT = IssuePolicy(Budgets(), NewAddressMailLimit(2, timedelta(hours=1)))
STRANGER = "203.0.113.77"


@pytest.fixture
def limited(world: World) -> PublicFlow:
    world.database.execute("update mail_deliveries set queued_at = queued_at - interval '2 hours'")
    return PublicFlow(world, LIMIT)


def decided(flow: PublicFlow, email: str) -> str:
    flow.send(email, STRANGER)
    return flow.decisions[-1]


def log_in(flow: PublicFlow, email: str, network: str) -> None:
    challenge_id = flow.send(email, network)
    assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id), network=network), SessionMade)


def has_account(flow: PublicFlow, email: str) -> None:
    log_in(flow, email, "192.0.2.1")


def is_new(flow: PublicFlow, email: str) -> None:
    """Whether the address is new: nothing is known of it."""


def is_blocked(flow: PublicFlow, email: str) -> None:
    flow.world.call(block_email, flow.world, email)


def asked_a_moment_ago(flow: PublicFlow, email: str) -> None:
    flow.send(email)


def test_past_the_limit_only_addresses_that_confirmed_get_mail(limited: PublicFlow) -> None:
    member = email_address()
    has_account(limited, member)
    assert [decided(limited, email_address()) for _ in range(3)] == ["new_code", "new_code", "new_address_mail_limit"]
    assert decided(limited, member) == "new_code"


def test_those_who_log_in_from_the_network_do_not_count(limited: PublicFlow) -> None:
    for _ in range(3):
        colleague = email_address()
        has_account(limited, colleague)
        limited.world.database.execute("update mail_deliveries set queued_at = queued_at - interval '2 hours'")
        log_in(limited, colleague, STRANGER)
        limited.world.database.execute("update mail_deliveries set queued_at = queued_at - interval '2 hours'")
        assert decided(limited, colleague) == "new_code"
    assert decided(limited, email_address()) == "new_code"
    assert decided(limited, email_address()) == "new_code"


@pytest.mark.parametrize("target", [is_new, has_account, is_blocked, asked_a_moment_ago])
def test_the_rest_of_the_limit_does_not_tell_what_the_address_before_was(
    limited: PublicFlow, target: Callable[[PublicFlow, str], None]
) -> None:
    """A stranger can tell from their own mailbox whether the limit is reached."""
    email = email_address()
    target(limited, email)
    assert decided(limited, email_address()) == "new_code"
    decided(limited, email)
    assert decided(limited, email_address()) == "new_address_mail_limit"
