"""A state machine of budgets on real Postgres: several networks, one of them the owner's (SPEC §3.6).

The model counts what was answered: mails that were queued, codes that were evaluated, challenges that live. It knows
nothing of how the decision is made. It counts in units of 20 minutes, so that no edge of a window is near.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.public_auth.domain.budget import Budget, Budgets
from services.public_auth.domain.confirm import CountWrongCode
from services.public_auth.store.confirm_challenge import SessionMade
from services.public_auth.store.issue_challenge import IssuePolicy
from tests.support.builders import email_address
from tests.support.public_flow import PublicFlow
from tests.support.world import World

MINUTES = 20
HOUR, DAY = 60 // MINUTES, 24 * 60 // MINUTES
OWNER = "192.0.2.1"
NETWORKS = [OWNER, *(f"198.51.100.{stranger}" for stranger in range(1, 6))]
SMALL = Budgets(
    mails_an_hour=Budget(total=4, per_network=2, kept_for_known=1),
    mails_a_day=Budget(total=6, per_network=3, kept_for_known=2),
    live_challenges=Budget(total=4, per_network=2, kept_for_known=1),
    wrong_codes=Budget(total=30, per_network=10, kept_for_known=10),
)


@dataclass
class Challenge:
    challenge_id: str
    network: str
    code: str
    born: int
    evaluated: int = 0


@dataclass
class Model:
    """What was used since the last success. A use is the time and the network that asked."""

    now: int = 0
    known: set[str] = field(default_factory=set)
    mails: list[tuple[int, str]] = field(default_factory=list)
    wrong_codes: list[tuple[int, str]] = field(default_factory=list)
    live: list[Challenge] = field(default_factory=list)

    def mailed(self, within: int) -> list[str]:
        """Networks, one for each mail."""
        return [network for at, network in self.mails if at > self.now - within]

    def spent_and_reserved(self, within: int = DAY) -> list[str]:
        """Networks, one for each wrong code that was evaluated, or that a live challenge may yet bring."""
        reserved = [one.network for one in self.live for _ in range(5 - one.evaluated)]
        return [network for at, network in self.wrong_codes if at > self.now - within] + reserved

    def places(self, code: str) -> list[str]:
        return [one.network for one in self.live if one.code == code]

    def pass_time(self, units: int) -> None:
        self.now += units
        self.live = []  # ten minutes are over

    def succeed(self, network: str) -> None:
        self.known.add(network)
        self.mails, self.wrong_codes, self.live = [], [], []


def within_budget(used: Sequence[str], budget: Budget, known: Collection[str]) -> bool:
    """No more in all than the total, for one network than its share, for strangers than what is not kept."""
    strangers = sum(network not in known for network in used)
    shares_hold = all(used.count(network) <= budget.per_network for network in used)
    return len(used) <= budget.total and shares_hold and strangers <= budget.total - budget.kept_for_known


def within_kept(used: Sequence[str], budget: Budget, network: str, known: Collection[str], need: int = 1) -> bool:
    """Whether `need` more fit what is kept for known networks, and the share of this one."""
    by_known = sum(each in known for each in used)
    return by_known + need <= budget.kept_for_known and used.count(network) + need <= budget.per_network


class BudgetsOfAnAddress(RuleBasedStateMachine):
    """One address whose owner logged in from `OWNER` before."""

    world: World
    budgets: Budgets

    def __init__(self) -> None:
        super().__init__()
        self.flow = PublicFlow(self.world, IssuePolicy(self.budgets, new_address_mail_limit=None))
        self.email = email_address()
        self.model = Model()

    @initialize()
    def the_owner_is_known(self) -> None:
        self._send(OWNER)
        self._log_in(self.model.live[-1])

    @rule(network=st.sampled_from(NETWORKS), times=st.integers(1, 3))
    def send(self, network: str, times: int) -> None:
        for _ in range(times):
            self._send(network)

    @rule(times=st.integers(1, 2))
    def every_stranger_sends(self, times: int) -> None:
        for network in NETWORKS[1:] * times:
            self._send(network)

    @precondition(lambda self: self.model.live)
    @rule(data=st.data(), times=st.integers(1, 6))
    def guess_wrong(self, data: st.DataObject, times: int) -> None:
        one = data.draw(st.sampled_from(self.model.live))
        self._guess_wrong(one, times)

    @precondition(lambda self: self.model.live)
    @rule()
    def everybody_guesses_wrong(self) -> None:
        for one in list(self.model.live):
            self._guess_wrong(one, 5)

    @precondition(lambda self: len(self.model.live) > 3)
    @rule(data=st.data())
    def log_in(self, data: st.DataObject) -> None:
        """Not too often: each success starts the counts anew."""
        self._log_in(data.draw(st.sampled_from(self.model.live)))

    @rule(units=st.sampled_from([1, 1, HOUR, DAY // 2]))
    def let_time_pass(self, units: int) -> None:
        self.model.pass_time(units)
        self.world.travel(timedelta(minutes=units * MINUTES))

    @invariant()
    def no_budget_is_passed(self) -> None:
        model, budgets = self.model, self.budgets
        assert within_budget(model.mailed(HOUR), budgets.mails_an_hour, model.known)
        assert within_budget(model.mailed(DAY), budgets.mails_a_day, model.known)
        assert within_budget(model.spent_and_reserved(), budgets.wrong_codes, model.known)
        for code in {one.code for one in model.live}:
            assert within_budget(model.places(code), budgets.live_challenges, model.known)

    def teardown(self) -> None:
        """Whatever strangers did: tomorrow the owner logs in."""
        self.model.pass_time(DAY + 1)
        self.world.travel(timedelta(minutes=(DAY + 1) * MINUTES))
        for network in NETWORKS:
            if network not in self.model.known:
                self._send(network)
        self._send(OWNER)
        self._log_in(next(one for one in reversed(self.model.live) if one.network == OWNER))

    def _send(self, network: str) -> None:
        model, entitled = self.model, self._is_entitled(network)
        challenge_id = self.flow.send(self.email, network)
        decision = self.flow.decisions[-1]
        if decision in ("new_code", "shared_mailed"):
            model.mails.append((model.now, network))
        if decision in ("new_code", "shared_mailed", "shared_unmailed"):
            self._add_live(challenge_id, network)
        else:
            assert not entitled, f"{decision}: a known owner was shut out"

    def _is_entitled(self, network: str) -> bool:
        """A known network that uses no more than what is kept; counted with wider windows than the budgets have."""
        model, budgets, known = self.model, self.budgets, self.model.known
        places = [one.network for one in model.live]
        return (
            network in known
            and within_kept(model.mailed(HOUR + 1), budgets.mails_an_hour, network, known)
            and within_kept(model.mailed(DAY + 1), budgets.mails_a_day, network, known)
            and within_kept(model.spent_and_reserved(DAY + 1), budgets.wrong_codes, network, known, need=5)
            and within_kept(places, budgets.live_challenges, network, known)
        )

    def _add_live(self, challenge_id: str, network: str) -> None:
        """A network's third challenge on a code ends its oldest."""
        code = self.flow.code(challenge_id)
        own = [one for one in self.model.live if (one.network, one.code) == (network, code)]
        if len(own) == self.budgets.live_challenges.per_network:
            self.model.live.remove(own[0])
            assert self.flow.confirm(own[0].challenge_id, own[0].code) == CountWrongCode(evaluated=False)
        self.model.live.append(Challenge(challenge_id, network, code, self.model.now))

    def _guess_wrong(self, one: Challenge, times: int) -> None:
        wrong = f"{(int(one.code) + 1) % 1_000_000:06d}"
        for _ in range(times):
            if self.flow.confirm(one.challenge_id, wrong) == CountWrongCode(evaluated=True):
                one.evaluated += 1
                self.model.wrong_codes.append((self.model.now, one.network))
        assert one.evaluated <= 5
        self.model.live = [each for each in self.model.live if each.evaluated < 5]

    def _log_in(self, one: Challenge) -> None:
        """The right code works, on the challenge of whichever network the person is at."""
        assert isinstance(self.flow.confirm(one.challenge_id, one.code, network=one.network), SessionMade)
        self.model.succeed(one.network)


@pytest.mark.timeout(600)  # a failure takes minutes to shrink on a real database
@pytest.mark.parametrize(
    ("budgets", "examples", "steps"), [(SMALL, 20, 20), (Budgets(), 10, 25)], ids=["small", "default"]
)
def test_no_interleaving_passes_a_budget_and_a_known_owner_is_never_shut_out(
    world: World, budgets: Budgets, examples: int, steps: int
) -> None:
    BudgetsOfAnAddress.world, BudgetsOfAnAddress.budgets = world, budgets
    run_state_machine_as_test(
        BudgetsOfAnAddress,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
