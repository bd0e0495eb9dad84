"""A state machine of challenges on real Postgres: sends, guesses, time, blocks (SPEC §3.3, §3.4, §3.5, §3.7).

Time goes in steps of four minutes, so that no edge of SPEC (60 s, 7 min, 10 min) is nearer than the seconds
a run takes. Budgets are wide: they have a machine of their own.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from services.public_auth.domain.budget import Budget, Budgets
from services.public_auth.domain.confirm import ConfirmRefusal, CountWrongCode
from services.public_auth.store.confirm_challenge import ConfirmOutcome, SessionMade, SessionRepeated
from services.public_auth.store.issue_challenge import IssuePolicy
from tests.support.builders import client_public_key, email_address
from tests.support.health_checks import SLOW_BY_NATURE
from tests.support.public_flow import PublicFlow
from tests.support.trusted import block_email, unblock_email
from tests.support.world import World

MINUTES = 4
WIDE = Budget(total=100_000, per_network=100_000, kept_for_known=0)
BUDGETS = Budgets(mails_an_hour=WIDE, mails_a_day=WIDE, live_challenges=Budget(1000, 2, 0), wrong_codes=WIDE)
NETWORKS = ["192.0.2.1", "192.0.2.2"]
KEYS = {name: client_public_key(name) for name in ("mine", "another")}


@dataclass
class Code:
    born: int
    mailed: int
    ended: bool = False


@dataclass
class Handle:
    """The model of one challenge."""

    code: Code | None
    network: str
    born: int
    state: str = "live"
    attempts: int = 0
    confirmed: int = 0
    key: str = ""


@dataclass
class Model:
    now: int = 0
    blocked: bool = False
    codes: list[Code] = field(default_factory=list)
    handles: list[Handle] = field(default_factory=list)

    def lives(self, code: Code | None) -> bool:
        return code is not None and not code.ended and self.now < code.born + 10

    def send(self, network: str) -> str:
        newest, decision = (self.codes[-1] if self.codes else None), "new_code"
        if self.blocked:
            newest, decision = None, "blocked"
        elif newest is not None and self.lives(newest) and (self.now < newest.born + 7 or self.now == newest.mailed):
            decision = "shared_unmailed" if self.now == newest.mailed else "shared_mailed"
            newest.mailed = self.now
            own = [one for one in self.handles if (one.code, one.network, one.state) == (newest, network, "live")]
            own = [one for one in own if self.now < one.born + 10]
            if len(own) == 2:
                own[0].state = "cancelled"
        else:
            newest = Code(self.now, self.now)
            self.codes.append(newest)
        self.handles.append(Handle(newest, network, self.now, "decoy" if self.blocked else "live"))
        return decision

    def confirm(self, handle: Handle, key: str, *, right: bool) -> str:
        if handle.state == "confirmed":
            kept, exact = self.now < handle.confirmed + 10, right and key == handle.key
            return ("repeated" if exact else "invalid_code") if kept else "challenge_expired"
        if self.now >= handle.born + 10 or handle.attempts == 5 or (right and not self.lives(handle.code)):
            return "challenge_expired"
        if not (right and handle.state == "live"):
            handle.attempts += 1
            if (handle.attempts, handle.state) == (5, "live"):
                handle.state = "failed"
            return "wrong"
        if self.blocked:
            return "blocked_by_policy"
        for other in self.handles:
            if other.state == "live" and self.now < other.born + 10:
                other.state = "cancelled"
        for code in self.codes:
            code.ended = True
        handle.state, handle.confirmed, handle.key = "confirmed", self.now, key
        return "made"


def word(outcome: ConfirmOutcome) -> str:
    """The outcome as the model says it."""
    match outcome:
        case SessionMade():
            return "made"
        case CountWrongCode():
            return "wrong"
        case ConfirmRefusal():
            return outcome.value
        case SessionRepeated():
            return "repeated"
        case _:
            return "unexpected"


STORED = {
    "pending_send": "live",
    "sent": "live",
    "confirmed_pending_expire": "confirmed",
    "delivery_suppressed": "decoy",
}


class Challenges(RuleBasedStateMachine):
    """One address; every challenge it ever got may be guessed at."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.flow = PublicFlow(self.world, IssuePolicy(BUDGETS, new_address_mail_limit=None))
        self.email = email_address()
        self.model = Model()
        self.ids: list[str] = []
        self.codes: list[str] = []
        self.sessions: dict[str, str] = {}

    @rule(network=st.sampled_from(NETWORKS))
    def send(self, network: str) -> None:
        expected = self.model.send(network)
        challenge_id = self.flow.send(self.email, network)
        assert self.flow.decisions[-1] == expected
        self.ids.append(challenge_id)
        self.codes.append(self.flow.code(challenge_id))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), key=st.sampled_from(sorted(KEYS)), right=st.sampled_from([True, False, False]))
    def confirm(self, data: st.DataObject, key: str, *, right: bool) -> None:
        """Of old challenges too; in a second of three draws of the newest."""
        newest = len(self.ids) - 1
        self._confirm(data.draw(st.just(newest) | st.integers(0, newest)), key, right=right)

    @precondition(lambda self: len(self.ids) > 1)
    @rule(data=st.data(), key=st.sampled_from(sorted(KEYS)))
    def confirm_several(self, data: st.DataObject, key: str) -> None:
        """The right code of each: what one success does to the others shows at once."""
        for index in data.draw(st.permutations(range(len(self.ids))))[:4]:
            self._confirm(index, key, right=True)

    @precondition(lambda self: self.ids)
    @rule()
    def guess_until_it_is_over(self) -> None:
        for _ in range(6):
            self._confirm(len(self.ids) - 1, "mine", right=False)

    @precondition(lambda self: self.sessions)
    @rule()
    def repeat_exactly(self) -> None:
        index = self.ids.index(next(reversed(self.sessions)))
        self._confirm(index, self.model.handles[index].key, right=True)

    @precondition(lambda self: self.ids)
    @rule(units=st.sampled_from([1, 1, 2, 3]))
    def let_time_pass(self, units: int) -> None:
        self.model.now += units * MINUTES
        self.world.travel(timedelta(minutes=units * MINUTES))

    @rule()
    def block_or_unblock(self) -> None:
        self.model.blocked = not self.model.blocked
        self.world.call(block_email if self.model.blocked else unblock_email, self.world, self.email)

    @invariant()
    def every_challenge_is_in_the_state_of_its_model(self) -> None:
        rows = self._fetch("select challenge_id, state, attempts from challenges where email = $1", self.email)
        stored = {row["challenge_id"]: (STORED.get(row["state"], row["state"]), row["attempts"]) for row in rows}
        models = zip(self.ids, self.model.handles, strict=True)
        assert stored == {challenge_id: (one.state, one.attempts) for challenge_id, one in models}

    @invariant()
    def each_success_made_one_session_and_nothing_else_made_any(self) -> None:
        rows = self._fetch("select * from device_sessions join users using (user_id) where email = $1", self.email)
        assert {row["challenge_id"]: row["device_session_id"] for row in rows} == self.sessions

    def _confirm(self, index: int, key: str, *, right: bool) -> None:
        handle = self.model.handles[index]
        expected = self.model.confirm(handle, key, right=right and handle.code is not None)
        code = self.codes[index] if right else f"{(int(self.codes[index]) + 1) % 1_000_000:06d}"
        outcome = self.flow.confirm(self.ids[index], code, KEYS[key])
        assert word(outcome) == expected
        if isinstance(outcome, SessionMade):
            self.sessions[self.ids[index]] = outcome.session.device_session_id
        if isinstance(outcome, SessionRepeated):
            assert outcome.session.device_session_id == self.sessions[self.ids[index]]

    def _fetch(self, sql: str, *arguments: Any) -> list[Any]:
        return self.world.call(self.world.owner.unit_of_work, lambda connection: connection.fetch(sql, *arguments))


@pytest.mark.timeout(600)  # a failure takes minutes to shrink on a real database
def test_challenges_go_as_the_model_says(world: World) -> None:
    Challenges.world = world
    budget = settings(
        max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=SLOW_BY_NATURE, print_blob=True
    )
    run_state_machine_as_test(Challenges, settings=budget)
