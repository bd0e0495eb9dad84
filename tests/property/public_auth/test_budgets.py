"""A state machine of budgets on real Postgres: several networks, one of them the owner's (SPEC §3.6).

The model counts what was answered: mails that were queued, codes that were evaluated, challenges that live. It knows
nothing of how the decision is made. It counts in units of 20 minutes, so that no edge of a window is near.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import settings
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
from tests.support.health_checks import SLOW_BY_NATURE
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
    """The uses so far. A use is the time and the network that asked."""

    now: int = 0
    known: dict[str, int] = field(default_factory=dict)
    """How many wrong codes there had been when each last succeeded."""
    mails: list[tuple[int, str, str]] = field(default_factory=list)
    """To the mailbox, each with its code, but for those whose code logged somebody in."""
    mails_before_success: int = 0
    wrong_codes: list[tuple[int, str, str]] = field(default_factory=list)
    """Each with its challenge, but for those of challenges that logged somebody in."""
    live: list[Challenge] = field(default_factory=list)

    def mailed(self, within: int) -> list[str]:
        """Networks, one for each mail."""
        return [network for at, network, _ in self.mails if at > self.now - within]

    def mailed_since_success(self, within: int) -> list[str]:
        """The same, for networks that are known."""
        mails = self.mails[self.mails_before_success :]
        return [network for at, network, _ in mails if at > self.now - within]

    def spent_and_reserved(self, within: int = DAY, after: int = 0) -> list[str]:
        """Networks, one for each wrong code that was evaluated, or that a live challenge may yet bring."""
        reserved = [one.network for one in self.live for _ in range(5 - one.evaluated)]
        return [network for at, network, _ in self.wrong_codes[after:] if at > self.now - within] + reserved

    def places(self, code: str) -> list[str]:
        return [one.network for one in self.live if one.code == code]

    def pass_time(self, units: int) -> None:
        self.now += units
        self.live = []  # ten minutes are over

    def succeed(self, one: Challenge) -> None:
        self.mails = [mail for mail in self.mails if mail[2] != one.code]
        self.mails_before_success = len(self.mails)
        slips = [wrong for wrong in self.wrong_codes if wrong[2] == one.challenge_id]
        for slip in slips:
            at = self.wrong_codes.index(slip)
            self.known = {network: before - (before > at) for network, before in self.known.items()}
            del self.wrong_codes[at]
        self.known[one.network] = len(self.wrong_codes)
        self.live = []


def within_budget(used: Sequence[str], budget: Budget) -> bool:
    """No more in all than the total, for one network than its share."""
    return len(used) <= budget.total and all(used.count(network) <= budget.per_network for network in used)


def within_strangers_part(used: Sequence[str], budget: Budget, known: Collection[str]) -> bool:
    """No more of strangers than what is not kept, for one of them than its share."""
    strangers = [network for network in used if network not in known]
    limit = budget.total - budget.kept_for_known
    return len(strangers) <= limit and all(strangers.count(network) <= budget.per_network for network in strangers)


def within_kept(used: Sequence[str], budget: Budget, known: Collection[str], need: int = 1) -> bool:
    """Whether `need` more fit what is kept for known networks."""
    return sum(each in known for each in used) + need <= budget.kept_for_known


def within_share(used: Sequence[str], budget: Budget, network: str, need: int = 1) -> bool:
    """Whether `need` more fit the share of one network."""
    return used.count(network) + need <= budget.per_network


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

    @rule(network=st.sampled_from(NETWORKS), place=st.integers(1, 3))
    def send_to_another_address_of_the_mailbox(self, network: str, place: int) -> None:
        """Its mails count together with those of the address; its codes and guesses are its own."""
        challenge_id = self.flow.send(self.email.replace("@", f"+{place}@"), network)
        if self.flow.decisions[-1] in ("new_code", "shared_mailed"):
            self.model.mails.append((self.model.now, network, f"{place}: {self.flow.code(challenge_id)}"))

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
        """Not too often: each success makes another network known."""
        self._log_in(data.draw(st.sampled_from(self.model.live)))

    @rule(units=st.sampled_from([1, 1, HOUR, DAY // 2]))
    def let_time_pass(self, units: int) -> None:
        self.model.pass_time(units)
        self.world.travel(timedelta(minutes=units * MINUTES))

    @invariant()
    def no_budget_is_passed(self) -> None:
        model, budgets = self.model, self.budgets
        assert within_strangers_part(model.mailed(HOUR), budgets.mails_an_hour, model.known)
        assert within_strangers_part(model.mailed(DAY), budgets.mails_a_day, model.known)
        assert within_strangers_part(model.spent_and_reserved(), budgets.wrong_codes, model.known)
        assert within_budget(model.mailed_since_success(HOUR), budgets.mails_an_hour)
        assert within_budget(model.mailed_since_success(DAY), budgets.mails_a_day)
        assert len(model.spent_and_reserved()) <= budgets.wrong_codes.total  # whoever succeeded in between
        for network, before in model.known.items():
            spent = model.spent_and_reserved(after=before)
            assert spent.count(network) <= budgets.wrong_codes.per_network
        for code in {one.code for one in model.live}:
            assert within_budget(model.places(code), budgets.live_challenges)
            assert within_strangers_part(model.places(code), budgets.live_challenges, model.known)

    def teardown(self) -> None:
        """The owner logs in tomorrow, whatever strangers did."""
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
            model.mails.append((model.now, network, self.flow.code(challenge_id)))
        if decision in ("new_code", "shared_mailed", "shared_unmailed"):
            self._add_live(challenge_id, network)
        else:
            assert not entitled, f"{decision}: a known owner was shut out"

    def _is_entitled(self, network: str) -> bool:
        """A known network that uses no more than what is kept; counted with wider windows than the budgets have."""
        model, budgets, known = self.model, self.budgets, self.model.known
        places = [one.network for one in model.live]
        if network not in known:
            return False
        hour, day = model.mailed_since_success(HOUR + 1), model.mailed_since_success(DAY + 1)
        spent, own_spent = model.spent_and_reserved(DAY + 1), model.spent_and_reserved(DAY + 1, known[network])
        return (
            within_kept(hour, budgets.mails_an_hour, known)
            and within_share(hour, budgets.mails_an_hour, network)
            and within_kept(day, budgets.mails_a_day, known)
            and within_share(day, budgets.mails_a_day, network)
            and within_kept(spent, budgets.wrong_codes, known, need=5)
            and within_share(own_spent, budgets.wrong_codes, network, need=5)
            and within_kept(places, budgets.live_challenges, known)
            and within_share(places, budgets.live_challenges, network)
        )

    def _add_live(self, challenge_id: str, network: str) -> None:
        """A network's third challenge on a code ends its oldest, and so does the second where no more fit."""
        code = self.flow.code(challenge_id)
        own = [one for one in self.model.live if (one.network, one.code) == (network, code)]
        is_displaced = bool(own) and self.flow.state(own[0].challenge_id) == "cancelled"
        assert is_displaced or len(own) < self.budgets.live_challenges.per_network
        if is_displaced:
            self.model.live.remove(own[0])
            assert self.flow.confirm(own[0].challenge_id, own[0].code) == CountWrongCode(evaluated=False)
        self.model.live.append(Challenge(challenge_id, network, code, self.model.now))

    def _guess_wrong(self, one: Challenge, times: int) -> None:
        wrong = f"{(int(one.code) + 1) % 1_000_000:06d}"
        for _ in range(times):
            if self.flow.confirm(one.challenge_id, wrong) == CountWrongCode(evaluated=True):
                one.evaluated += 1
                self.model.wrong_codes.append((self.model.now, one.network, one.challenge_id))
        assert one.evaluated <= 5
        self.model.live = [each for each in self.model.live if each.evaluated < 5]

    def _log_in(self, one: Challenge) -> None:
        """The right code works, on the challenge of whichever network the person is at."""
        assert isinstance(self.flow.confirm(one.challenge_id, one.code, network=one.network), SessionMade)
        self.model.succeed(one)


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
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=SLOW_BY_NATURE
        ),
    )
