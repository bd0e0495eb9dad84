"""An address under siege: sends and confirms by the real units of work, on a connection with a clock of its own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import asyncpg

from services.public_auth.domain.confirm import CountWrongCode
from services.public_auth.domain.issue import IssueDecision, NewCode, ShareCode
from services.public_auth.domain.login_code import store_code
from services.public_auth.domain.network_tag import network_tags
from services.public_auth.store.confirm_challenge import ConfirmOutcome, SessionDraft, SessionMade, confirm_challenge
from services.public_auth.store.issue_challenge import ChallengeDraft, IssuePolicy, issue_challenge
from shared.kernel.clock import SystemClock
from shared.kernel.email_address import parse_email
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_challenge_id, new_device_session_id, new_user_id, new_uuid
from shared.kernel.keyring import KeyRing
from shared.kernel.network import parse_network
from shared.kernel.sealing import seal
from tests.support.builders import client_public_key
from tests.support.stack import LOGIN_CODE_KEYS, SEALING_KEYS

_CODES, _SEALS = KeyRing.parse("siege", LOGIN_CODE_KEYS), KeyRing.parse("siege", SEALING_KEYS)
_CLOCK, _ENTROPY = SystemClock(), SystemEntropy()
_KEY = client_public_key()
_numbers = count(1)
_RIGHT, _WRONG = "111111", "222222"


@dataclass(frozen=True, slots=True)
class Sent:
    """One send: what was decided, and the challenge that its network holds now."""

    challenge_id: str
    email: str
    network: int
    decision: IssueDecision

    @property
    def is_mailed(self) -> bool:
        return isinstance(self.decision, NewCode) or (isinstance(self.decision, ShareCode) and self.decision.mailed)

    @property
    def has_code(self) -> bool:
        return isinstance(self.decision, NewCode | ShareCode)


@dataclass(slots=True)
class Siege:
    """One address, the networks that besiege it, and what came of it. `now` counts from the first move."""

    connection: asyncpg.Connection
    networks: int
    policy: IssuePolicy
    local_part: str = field(default_factory=lambda: f"anna{next(_numbers)}")
    now: timedelta = timedelta(0)
    move: int = 0
    mails: list[timedelta] = field(default_factory=list)
    guesses: list[timedelta] = field(default_factory=list)
    held: list[Sent] = field(default_factory=list)
    """Challenges of the hostile networks that may still be guessed at."""

    @property
    def email(self) -> str:
        return f"{self.local_part}@example.com"

    async def set_clock(self, now: timedelta) -> None:
        """For this connection, from now on."""
        self.now = now
        target = datetime(2030, 1, 1, tzinfo=UTC) + now
        await self.connection.fetchval(
            "select set_config('authsession.clock_offset', ($1::timestamptz - clock_timestamp())::text, false)", target
        )

    async def send(self, network: int, *, email: str | None = None, address: str | None = None) -> Sent:
        """A hostile network asks for a code."""
        sent = await self._send(email or self.email, address or ipv4(network), network)
        if sent.has_code:
            self.held.append(sent)
        return sent

    async def guess(self, sent: Sent, times: int = 5) -> None:
        """A hostile network enters wrong codes."""
        for _ in range(times):
            outcome = await self._confirm(sent.challenge_id, _WRONG, ipv4(sent.network))
            if outcome != CountWrongCode(evaluated=True):
                break
            if sent.email.lower() == self.email:  # another address of the mailbox is another account
                self.guesses.append(self.now)

    async def log_in(self, address: str, email: str | None = None) -> bool:
        """Whether an owner gets in from there: with a challenge of theirs, and a code that was mailed."""
        sent = await self._send(email or self.email, address, -1)
        return sent.has_code and isinstance(await self._confirm(sent.challenge_id, _RIGHT, address), SessionMade)

    async def could_log_in(self, address: str, email: str | None = None) -> bool:
        """The same, undone."""
        mails = len(self.mails)
        trial = self.connection.transaction()
        await trial.start()
        try:
            return await self.log_in(address, email)
        finally:
            await trial.rollback()
            del self.mails[mails:]

    async def _send(self, email: str, address: str, network: int) -> Sent:
        draft = _challenge_draft(email, address)
        sent = Sent(draft.challenge_id, email, network, await issue_challenge(self.connection, draft, self.policy))
        if sent.is_mailed:
            self.mails.append(self.now)
        return sent

    async def _confirm(self, challenge_id: str, code: str, address: str) -> ConfirmOutcome:
        draft = SessionDraft(
            challenge_id=challenge_id,
            code=code,
            client_key=_KEY,
            proven=False,
            time_zone="UTC",
            network=network_tags(_CODES, parse_network(address)),
            network_text=address,
            request_id="siege",
            device_session_id=new_device_session_id(_CLOCK, _ENTROPY),
            user_id=new_user_id(_CLOCK, _ENTROPY),
        )
        return await confirm_challenge(self.connection, draft, _CODES)


def _challenge_draft(email: str, address: str) -> ChallengeDraft:
    """Every code is the same: the networks do not look at it, and the owners need not unseal it."""
    login_code_id = new_uuid(_CLOCK, _ENTROPY)
    key_id, sealed = seal(_SEALS, _RIGHT.encode("ascii"), login_code_id.bytes, _ENTROPY)
    return ChallengeDraft(
        email=parse_email(email),
        network=network_tags(_CODES, parse_network(address)),
        preferred_language="en",
        challenge_id=new_challenge_id(_CLOCK, _ENTROPY),
        delivery_id=new_uuid(_CLOCK, _ENTROPY),
        login_code_id=login_code_id,
        stored_code=store_code(_CODES, _RIGHT, _ENTROPY.token_bytes(16)),
        seal_key_id=key_id,
        sealed_code=sealed,
    )


def ipv4(network: int) -> str:
    """The address of a hostile network."""
    return f"198.51.100.{network + 1}"
