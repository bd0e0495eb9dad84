"""A state machine over sessions and blocks: issue, revoke, revoke all (with except), block (with end), unblock, time.

Whatever the order, the API says what the model says, and gateways see every revocation.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from tests.support.builders import StoredUser, email_address, store_session, store_user
from tests.support.health_checks import SLOW_BY_NATURE
from tests.support.internal_api import InternalApi, open_internal_api
from tests.support.world import World

BLOCK_LIFE, STEP = timedelta(minutes=10), timedelta(minutes=6)  # an end never falls into the moment of a call


class Model:
    """SPEC §4 and §5 as a model: users by index, the first two of one address; sessions by id, in order of creation."""

    def __init__(self, addresses: list[str]) -> None:
        self.addresses = addresses
        self.owner: dict[str, int] = {}
        self.revoked: set[str] = set()
        self.blocks: dict[str | int, timedelta | None] = {}  # an address or a user, until when
        self.now = timedelta()

    def is_blocked(self, subject: str | int) -> bool:
        return subject in self.blocks and not self._is_over(self.blocks[subject])

    def may_log_in(self, user: int) -> bool:
        return not self.is_blocked(user) and not self.is_blocked(self.addresses[user])

    def active(self, user: int) -> list[str]:
        """Newest first."""
        return [one for one in reversed(self.owner) if self.owner[one] == user and one not in self.revoked]

    def revoke(self, session: str) -> str:
        outcome = "already_revoked" if session in self.revoked else "revoked"
        self.revoked.add(session)
        return outcome

    def revoke_all(self, user: int, spared: str | None = None) -> list[str]:
        ended = [one for one in self.active(user) if one != spared]
        self.revoked.update(ended)
        return ended

    def block(self, subject: str | int, life: timedelta | None) -> tuple[str, list[str]]:
        outcome = "already_blocked" if self.is_blocked(subject) else "blocked"
        self.blocks[subject] = None if life is None else self.now + life
        users = [user for user, address in enumerate(self.addresses) if subject in (user, address)]
        ended = [one for one in reversed(self.owner) if self.owner[one] in users and one not in self.revoked]
        self.revoked.update(ended)
        return outcome, ended

    def unblock(self, subject: str | int) -> str:
        outcome = "unblocked" if self.is_blocked(subject) else "not_blocked"
        self.blocks.pop(subject, None)
        return outcome

    def _is_over(self, end: timedelta | None) -> bool:
        return end is not None and end <= self.now


class SessionsAndBlocks(RuleBasedStateMachine):
    """Each rule does one thing to both and compares the answers."""

    world: World
    api: InternalApi
    sessions = Bundle("sessions")
    users = st.integers(0, 2)
    kinds = st.sampled_from(["email", "user_id"])

    def __init__(self) -> None:
        super().__init__()
        shared, own = email_address(), email_address()
        self.stored = [self._store(shared), self._store(shared.upper()), self._store(own)]
        self.model = Model([user.email.lower() for user in self.stored])

    @rule(target=sessions, user=users)
    def issue(self, user: int) -> str:
        """As confirm does: only to somebody who may log in."""
        if not self.model.may_log_in(user):
            return "device-session-never-issued"
        session = store_session(self.world.database, self.stored[user]).device_session_id
        self.model.owner[session] = user
        return session

    @rule(session=sessions)
    def revoke(self, session: str) -> None:
        answer = self.api.revoke(session)
        if session not in self.model.owner:
            assert answer.status_code == 404
            return
        assert answer.json()["outcome"] == self.model.revoke(session)

    @rule(user=users)
    def revoke_all(self, user: int) -> None:
        answer = self.api.revoke_all(self.stored[user].user_id).json()
        assert answer["affected_device_session_ids"] == self.model.revoke_all(user)

    @rule(user=users, spared=consumes(sessions))
    def revoke_all_but(self, user: int, spared: str) -> None:
        answer = self.api.revoke_all(self.stored[user].user_id, except_device_session_id=spared)
        if self.model.owner.get(spared) != user:
            assert answer.status_code == 400
            return
        assert answer.json()["affected_device_session_ids"] == self.model.revoke_all(user, spared)

    @rule(user=users, kind=kinds, life=st.sampled_from([None, BLOCK_LIFE]))
    def block(self, user: int, kind: str, life: timedelta | None) -> None:
        body = self._subject(user, kind) | ({} if life is None else {"expires_at": self._instant(life)})
        outcome, ended = self.model.block(self._subject_of_model(user, kind), life)
        answer = self.api.block(**body).json()
        assert (answer["outcome"], answer["affected_device_session_ids"]) == (outcome, ended)

    @rule(user=users, kind=kinds)
    def unblock(self, user: int, kind: str) -> None:
        outcome = self.model.unblock(self._subject_of_model(user, kind))
        assert self.api.unblock(**self._subject(user, kind)).json()["outcome"] == outcome

    @rule()
    def travel(self) -> None:
        self.world.travel(STEP)
        self.model.now += STEP

    @invariant()
    def lists_agree(self) -> None:
        for index, user in enumerate(self.stored):
            shown = self.api.get(f"/users/{user.user_id}/sessions").json()["sessions"]
            statuses = {one["device_session_id"]: one["status"] for one in shown}
            assert statuses == {
                one: "revoked" if one in self.model.revoked else "active"
                for one, owner in self.model.owner.items()
                if owner == index
            }

    @invariant()
    def blocks_agree(self) -> None:
        for user in range(3):
            for kind in ("email", "user_id"):
                found = self.api.get("/user-blocks", **self._subject(user, kind)).json()["blocks"]
                assert len(found) == self.model.is_blocked(self._subject_of_model(user, kind))

    @invariant()
    def gateways_see_every_revocation(self) -> None:
        for session in self.model.revoked:
            assert self.api.status_at_gateways(session) == "revoked"

    def _store(self, email: str) -> StoredUser:
        return store_user(self.world.database, email=email)

    def _subject(self, user: int, kind: str) -> dict[str, str]:
        stored = self.stored[user]
        return {"email": stored.email} if kind == "email" else {"user_id": stored.user_id}

    def _subject_of_model(self, user: int, kind: str) -> str | int:
        return self.model.addresses[user] if kind == "email" else user

    def _instant(self, life: timedelta) -> str:
        now: datetime = self.world.database.execute("select clock_now()")[0][0]
        return (now + life).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[InternalApi]:
    with open_internal_api(world) as internal_api:
        yield internal_api


def test_sessions_and_blocks_follow_the_model(world: World, api: InternalApi) -> None:
    machine = type("Machine", (SessionsAndBlocks,), {"world": world, "api": api})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=SLOW_BY_NATURE),
    )
