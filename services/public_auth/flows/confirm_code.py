"""`confirm-email-code`: exchanges a code and a key for a device session, or refuses (SPEC §3.7)."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ParamSpec, TypeVar

from contracts.user_service import Ensured, ExistingUser, RegistrationContext, Resolution
from services.public_auth.domain.confirm import ConfirmRefusal, CountWrongCode
from services.public_auth.domain.network_tag import network_tags
from services.public_auth.flows.new_notices import NewNotices
from services.public_auth.metrics import count_wrong_code
from services.public_auth.store.confirm_challenge import (
    ConfirmOutcome,
    SessionDraft,
    SessionMade,
    SessionRepeated,
    UserContradicted,
    UserWanted,
    confirm_challenge,
    confirm_challenges,
    confirm_with_named_user,
)
from shared.io.postgres import Postgres, Unit
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.faults import DependencyUnavailable, InvariantBroken
from shared.kernel.ids import new_device_session_id, new_user_id
from shared.kernel.keyring import KeyRing
from shared.kernel.network import Network
from shared.lifecycle.batching import DecidedAgain, Gathering, Turn, Turns
from shared.projection.relay import Relay
from shared.users.directory import UserDirectory

_DEFAULT_TIME_ZONE = "UTC"
_DIRECTORY = "user_service"

P = ParamSpec("P")
OutcomeT = TypeVar("OutcomeT")

_log = logging.getLogger("authsession.login.confirm_code")


@dataclass(frozen=True, slots=True)
class ConfirmCode:
    """Register `client_key` with the code of a challenge. Form, key and proof have been checked."""

    challenge_id: str = field(repr=False)
    code: str = field(repr=False)
    client_key: ClientPublicKey
    proven: bool
    time_zone: str | None
    label: str | None = field(repr=False)
    network: Network = field(repr=False)
    request_id: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The key is registered, and the gateway's record is readable in Redis."""

    device_session_id: str


@dataclass(frozen=True, slots=True)
class Unpublished:
    """The session is made, but gateways cannot see it yet because `dependency` is unavailable."""

    dependency: str


class ConfirmCodeFlow:
    """Confirms challenges. `on_confirmed` gets each outcome as one word, after it is committed."""

    def __init__(
        self,
        postgres: Postgres,
        turns: Turns,
        relay: Relay,
        *,
        users: UserDirectory | None,
        login_code_keys: KeyRing,
        clock: Clock,
        entropy: Entropy,
        on_confirmed: Callable[[str], None],
    ) -> None:
        """`users` is None if users live in our own Postgres: the statement of the login then finds or makes them."""
        self.new_notice: NewNotices | None = None
        """Set it before the first login. Without it no user is told of a login."""
        self.on_noticed: Callable[[], None] = lambda: None
        """Called when a notice was queued."""
        self._postgres = postgres
        self._users = users
        self._relay = relay
        self._login_code_keys = login_code_keys
        self._clock = clock
        self._entropy = entropy
        self._on_confirmed = on_confirmed
        self._confirms = Gathering(turns, self._confirmed_together, self._confirmed_alone)

    async def run(self, command: ConfirmCode) -> Confirmed | ConfirmRefusal:
        """Confirms a challenge and publishes its session. Returns when the record is readable in Redis.

        Raises `DependencyUnavailable`; a repeat of the same command then gets the same session.
        """
        draft = self._draft(command)
        if self._users is None:
            outcome = await self._confirms.decide(draft)
        else:
            outcome = await self._decided_with(self._users, draft)
        if isinstance(outcome, SessionMade) and outcome.is_noticed:
            self.on_noticed()
        answer = _answer(outcome)
        self._on_confirmed("confirmed" if isinstance(answer, Confirmed) else answer)
        return answer

    async def _decided_with(self, users: UserDirectory, draft: SessionDraft) -> ConfirmOutcome | Unpublished:
        """Decides once without the user, so that only a right code causes a call; then again with the user, guarded.

        The call happens between two units of work, so no lock and no connection waits for it.
        """
        outcome = await self._confirms.decide(draft)
        if not isinstance(outcome, UserWanted):
            return outcome
        named = await _named(users, outcome, draft.time_zone)
        if not isinstance(named, ExistingUser):
            return ConfirmRefusal.BLOCKED_BY_POLICY
        draft = replace(draft, user_id=named.user_id)
        return await self._confirmed(confirm_with_named_user, draft, self._login_code_keys, outcome.email)

    async def _confirmed_together(
        self, drafts: Sequence[SessionDraft], turn: Turn
    ) -> Sequence[ConfirmOutcome | Unpublished | DecidedAgain]:
        epoch = await self._relay.epoch()
        outcomes = await self._postgres.unit_of_work(confirm_challenges, drafts, self._login_code_keys)
        turn.end()
        return await self._published(outcomes, epoch)

    async def _confirmed_alone(self, draft: SessionDraft) -> ConfirmOutcome | Unpublished:
        return await self._confirmed(confirm_challenge, draft, self._login_code_keys)

    async def _confirmed(
        self, function: Unit[P, ConfirmOutcome], *args: P.args, **kwargs: P.kwargs
    ) -> ConfirmOutcome | Unpublished:
        epoch = await self._relay.epoch()
        outcome = await self._postgres.unit_of_work(function, *args, **kwargs)
        [published] = await self._published([outcome], epoch)
        return published

    async def _published(self, outcomes: Sequence[OutcomeT], epoch: str) -> Sequence[OutcomeT | Unpublished]:
        """Publishes the records of a batch in one write. If that fails, outcomes with a record are `Unpublished`."""
        logins = [outcome for outcome in outcomes if isinstance(outcome, SessionMade | SessionRepeated)]
        if logins:
            try:
                await self._relay.publish([change for login in logins for change in login.changes], epoch)
            except DependencyUnavailable as fault:
                unpublished = Unpublished(fault.name)
                return [
                    unpublished if isinstance(outcome, SessionMade | SessionRepeated) else outcome
                    for outcome in outcomes
                ]
        return outcomes

    def _draft(self, command: ConfirmCode) -> SessionDraft:
        return SessionDraft(
            challenge_id=command.challenge_id,
            code=command.code,
            client_key=command.client_key,
            proven=command.proven,
            time_zone=command.time_zone or _DEFAULT_TIME_ZONE,
            label=command.label,
            network=network_tags(self._login_code_keys, command.network),
            network_text=command.network.text,
            request_id=command.request_id,
            device_session_id=new_device_session_id(self._clock, self._entropy),
            user_id=new_user_id(self._clock, self._entropy) if self._users is None else None,
            new_notice=self.new_notice,
            users_live_here=self._users is None,
        )


async def _named(users: UserDirectory, wanted: UserWanted, time_zone: str) -> Ensured | Resolution:
    """The user of the address. A call that may make a user is only made where a new user may sign up (SPEC §20.4)."""
    if not wanted.may_sign_up:
        return await users.resolve_by_email(wanted.email)
    return await users.ensure_by_email(wanted.email, RegistrationContext(wanted.preferred_language, time_zone))


def _answer(outcome: ConfirmOutcome | Unpublished) -> Confirmed | ConfirmRefusal:
    match outcome:
        case SessionMade(session) | SessionRepeated(session):
            return Confirmed(session.device_session_id)
        case Unpublished(dependency):
            raise DependencyUnavailable(dependency)
        case CountWrongCode(evaluated):
            count_wrong_code(evaluated=evaluated)
            return ConfirmRefusal.INVALID_CODE
        case ConfirmRefusal():
            return outcome
        case UserContradicted():
            _log.error("user service contradicts itself: another user for an address, or another address for a user")
            raise DependencyUnavailable(_DIRECTORY)
        case UserWanted():
            raise InvariantBroken("a login was decided without its user")
