"""Batches of sends and wrong codes that run at once: afterwards the sums in the database are within SPEC §3.6."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.public_auth.domain.budget import Budget, Budgets
from services.public_auth.domain.confirm import CountWrongCode
from services.public_auth.domain.network_tag import network_tags
from services.public_auth.store.confirm_challenge import SessionMade
from services.public_auth.store.issue_challenge import IssuePolicy
from shared.kernel.network import Network
from tests.support.builders import email_address
from tests.support.health_checks import SLOW_BY_NATURE
from tests.support.public_flow import LOGIN_CODE_KEYS, PublicFlow, race
from tests.support.world import World

SMALL = Budgets(
    mails_an_hour=Budget(total=4, per_network=2, kept_for_known=1),
    mails_a_day=Budget(total=6, per_network=3, kept_for_known=2),
    live_challenges=Budget(total=4, per_network=2, kept_for_known=1),
    wrong_codes=Budget(total=30, per_network=10, kept_for_known=10),
)
OWNER = "192.0.2.1"
NETWORKS = [OWNER, *(f"198.51.100.{stranger}" for stranger in range(1, 5))]
GUESS = "guess"
# One batch: networks that send, and as many wrong codes spread over the challenges that were issued before.
BATCHES = st.lists(
    st.lists(st.sampled_from([*NETWORKS, GUESS, GUESS, GUESS]), min_size=4, max_size=16), min_size=1, max_size=5
)

USED = """
with success as (
    select max(confirmed_at) as at from challenges where email = $1
), used as (
    select 'mails' as what, null::uuid as code, network_tag, 1 as units from mail_deliveries, success
     where email = $1 and state in ('queued', 'sent') and queued_at > success.at
    union all
    select 'places', login_code_id, network_tag, 1 from challenges
     where email = $1 and state in ('pending_send', 'sent')
    union all
    select 'wrong codes', null, network_tag,
           evaluated + case when state in ('pending_send', 'sent') then 5 - attempts else 0 end
      from challenges, success
     where email = $1 and created_at > success.at
)
select what, sum(units) as total, coalesce(sum(units) filter (where network_tag <> $2), 0) as strangers,
       (select max(share) from (select sum(units) as share from used as each
                                 where (each.what, each.code) is not distinct from (used.what, used.code)
                                 group by each.network_tag) as shares) as largest_share
  from used group by what, code
"""


@pytest.mark.timeout(600)  # a failure takes minutes to shrink on a real database
@pytest.mark.parametrize(("budgets", "examples"), [(SMALL, 60), (Budgets(), 30)], ids=["small", "default"])
def test_the_sums_stay_within_the_budgets_whatever_runs_at_once(world: World, budgets: Budgets, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=SLOW_BY_NATURE)
    @given(batches=BATCHES)
    def law(batches: list[list[str]]) -> None:
        flow, email = PublicFlow(world, IssuePolicy(budgets, new_address_mail_limit=None)), email_address()
        first = flow.send(email, OWNER)
        assert isinstance(flow.confirm(first, flow.code(first), network=OWNER), SessionMade)
        challenges: dict[str, str] = {}
        evaluated = 0
        for batch in batches:
            evaluated += _run_at_once(world, flow, email, batch, challenges)
            _assert_within(world, email, budgets)
            (row,) = _fetch(world, "select sum(evaluated) as evaluated from challenges where email = $1", email)
            assert row["evaluated"] == evaluated

    law()


def _run_at_once(world: World, flow: PublicFlow, email: str, batch: list[str], challenges: dict[str, str]) -> int:
    """Returns how many wrong codes were evaluated; adds what was issued, with a code that is wrong for it."""
    targets = list(challenges)
    guesses = [flow.confirming(targets[n % len(targets)], challenges[targets[n % len(targets)]])
               for n in range(batch.count(GUESS) if targets else 0)]  # fmt: skip
    sends = [partial(flow.sending, email, network) for network in batch if network != GUESS]
    answers = world.call(race, *guesses, *sends)
    challenges.update((issued, flow.wrong_code(issued)) for issued in answers[len(guesses) :])
    return answers[: len(guesses)].count(CountWrongCode(evaluated=True))


def _assert_within(world: World, email: str, budgets: Budgets) -> None:
    """Counts since the owner's success; all within one hour, so the hour's budget binds the mails."""
    kinds = {"mails": budgets.mails_an_hour, "places": budgets.live_challenges, "wrong codes": budgets.wrong_codes}
    owner = network_tags(LOGIN_CODE_KEYS, Network(OWNER)).newest
    for row in _fetch(world, USED, email, owner):
        budget = kinds[row["what"]]
        assert row["total"] <= budget.total
        assert row["strangers"] <= budget.total - budget.kept_for_known
        assert row["largest_share"] <= budget.per_network


def _fetch(world: World, sql: str, *arguments: Any) -> list[Any]:
    return world.call(world.owner.unit_of_work, lambda connection: connection.fetch(sql, *arguments))
