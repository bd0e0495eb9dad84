"""A state machine over operators' sessions: open, renew, revoke, time, disable. Whatever the order, each session is
admitted to what the model says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.internal_admin.access.flow import OperatorAuthenticator
from services.internal_admin.callers.identity import Caller
from services.internal_admin.operator_sessions import store
from services.internal_admin.operator_sessions.domain import RevokeOperatorSession, SessionLives
from tests.support.control_plane import ControlPlane, SignedIn, open_control_plane
from tests.support.health_checks import SLOW_BY_NATURE
from tests.support.world import World

HOUR = timedelta(hours=1)
ABSOLUTE, IDLE, RENEWAL = 18 * HOUR, 12 * HOUR, 8 * HOUR
STEP = 5 * HOUR + timedelta(minutes=11)  # no edge is a multiple of it: none falls into the moment of a call
LIVES = SessionLives(ABSOLUTE, IDLE, RENEWAL)
CALLER = Caller("operator-1", "192.0.2.7", "request-1")


@dataclass(slots=True)
class ModelSession:
    """The rules of SPEC §10.4 for one session; times since the machine began."""

    is_of_owner: bool
    opened: timedelta
    renewed: timedelta
    is_revoked: bool = False

    def state(self, now: timedelta) -> str:
        """`ended`, `renewal_due` or `live`, by age alone."""
        if now - self.renewed > IDLE or now - self.opened > ABSOLUTE:
            return "ended"
        return "renewal_due" if now - self.renewed > RENEWAL else "live"


class OperatorSessions(RuleBasedStateMachine):
    """Each rule does one thing to both and compares the answers."""

    world: World
    plane: ControlPlane
    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.owner_id = self.plane.claim_owner().operator_id
        self.clerk_id = self.plane.add_operator()
        self.authenticator = OperatorAuthenticator(self.world.internal, LIVES)
        self.model: dict[str, ModelSession] = {}
        self.signed_in: list[SignedIn] = []
        self.now = timedelta()
        self.is_clerk_disabled = False

    def state(self, session: SignedIn) -> str:
        model = self.model[session.operator_session_id]
        is_out = model.is_revoked or (self.is_clerk_disabled and not model.is_of_owner)
        return "ended" if is_out else model.state(self.now)

    @rule(target=sessions, is_of_owner=st.booleans())
    def open(self, is_of_owner: bool) -> SignedIn:
        opened = self.plane.open_session(self.owner_id if is_of_owner else self.clerk_id)
        self.model[opened.operator_session_id] = ModelSession(is_of_owner, self.now, self.now)
        self.signed_in.append(opened)
        return opened

    @rule(session=sessions)
    def renew(self, session: SignedIn) -> None:
        read = self.world.call(
            self.world.internal.unit_of_work, store.renew_session, session.operator_session_id, LIVES, CALLER
        )
        assert (read is None) is (self.state(session) == "ended")
        if read is not None:
            self.model[session.operator_session_id].renewed = self.now

    @rule(session=sessions, asker=sessions)
    def revoke(self, session: SignedIn, asker: SignedIn) -> None:
        model = self.model[session.operator_session_id]
        is_asker_owner = self.model[asker.operator_session_id].is_of_owner
        command = RevokeOperatorSession(session.operator_session_id, asker.operator_id, "operator_revoke", CALLER)
        outcome = self.world.call(self.world.internal.unit_of_work, store.revoke_session, command)
        if not is_asker_owner and model.is_of_owner:
            assert outcome == "session_not_found"
            return
        assert outcome == ("already_revoked" if model.is_revoked else "revoked")
        model.is_revoked = True

    @rule()
    def travel(self) -> None:
        self.world.travel(STEP)
        self.now += STEP

    @rule(is_disabled=st.booleans())
    def disable_the_clerk_or_not(self, is_disabled: bool) -> None:
        sql = "update operators set disabled_at = case when $2 then clock_now() end where operator_id = $1"
        self.world.database.execute(sql, self.clerk_id, is_disabled)
        self.is_clerk_disabled = is_disabled

    @invariant()
    def each_is_admitted_to_what_the_model_says(self) -> None:
        for session in self.signed_in:
            operator = self.world.call(self.authenticator.authenticate, session.session_token)
            shown = "ended" if operator is None else "renewal_due" if operator.is_renewal_due else "live"
            assert shown == self.state(session)

    @invariant()
    def the_list_is_of_the_sessions_that_live(self) -> None:
        listed = self.world.call(self.world.internal.unit_of_work, store.list_sessions, self.owner_id, IDLE)
        ids = [one.operator_session_id for one in listed if one.operator_session_id in self.model]
        living = [one.operator_session_id for one in reversed(self.signed_in) if self.state(one) != "ended"]
        assert ids == [one for one in living if self.model[one].is_of_owner]


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, lives=LIVES) as opened:
        yield opened


def test_sessions_of_operators_follow_the_model(world: World, plane: ControlPlane) -> None:
    machine = type("Machine", (OperatorSessions,), {"world": world, "plane": plane})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=10, stateful_step_count=15, deadline=None, suppress_health_check=SLOW_BY_NATURE),
    )
