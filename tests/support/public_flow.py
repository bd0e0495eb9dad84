"""The public flow without HTTP and Redis. It sends and confirms on the real database, as the public role."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import cycle
from typing import Any, Concatenate, ParamSpec, TypeVar

import asyncpg
import trio

from services.public_auth.domain.budget import Budgets
from services.public_auth.domain.network_tag import network_tags
from services.public_auth.flows.new_notices import NewNotices
from services.public_auth.flows.send_code import SendCode, SendCodeFlow
from services.public_auth.store.confirm_challenge import (
    ConfirmOutcome,
    SessionDraft,
    confirm_challenge,
    confirm_challenges,
)
from services.public_auth.store.issue_challenge import IssuePolicy
from shared.io.postgres import Body, Postgres
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.clock import SystemClock
from shared.kernel.email_address import parse_email
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_device_session_id, new_user_id
from shared.kernel.keyring import KeyRing
from shared.kernel.network import Network
from shared.kernel.sealing import unseal
from shared.lifecycle.batching import DecidedAgain, Gathering, Turn, Turns
from tests.support.builders import client_public_key
from tests.support.world import World

P = ParamSpec("P")
T = TypeVar("T")
LOGIN_CODE_KEYS = KeyRing.parse("test", "codes:" + "Y29kZXMt" * 8)
SEALING_KEYS = KeyRing.parse("test", "seals:" + "c2VhbHMt" * 8)
HOME = "192.0.2.1"
CODES_BY_SPELLING = IssuePolicy(Budgets(), new_address_mail_limit=None, users_live_here=False)
"""The policy with a user service: each spelling of an address has its own code, and may have its own user."""


class PublicFlow:
    """Sends and confirms at two replicas in turn. `decisions` holds one word for each send: its decision."""

    def __init__(
        self,
        world: World,
        policy: IssuePolicy | None = None,
        postgres: Postgres | None = None,
        *,
        notices: bool = False,
    ) -> None:
        self.world = world
        self.decisions: list[str] = []
        self._policy = policy or IssuePolicy(Budgets(), new_address_mail_limit=None)
        self._postgres = postgres or world.public
        self._clock, self._entropy = SystemClock(), SystemEntropy()
        self._new_notice = NewNotices(SEALING_KEYS, self._clock, self._entropy, has_page=True) if notices else None
        self._replicas = cycle([self._replica(), self._replica()])

    def reaching(self, postgres: Postgres) -> "PublicFlow":
        """The same flow over another connection pool to the same database."""
        return PublicFlow(self.world, self._policy, postgres)

    def _replica(self) -> tuple[SendCodeFlow, Gathering[SessionDraft, ConfirmOutcome]]:
        turns = Turns()
        send = SendCodeFlow(
            self._postgres,
            turns,
            login_code_keys=LOGIN_CODE_KEYS,
            sealing_keys=SEALING_KEYS,
            policy=self._policy,
            clock=self._clock,
            entropy=self._entropy,
            on_issued=self.decisions.append,
        )
        return send, Gathering(turns, self._confirmed_together, self._confirmed_alone)

    async def _confirmed_together(self, drafts: Sequence[SessionDraft], _: Turn) -> list[ConfirmOutcome | DecidedAgain]:
        return await self._postgres.unit_of_work(confirm_challenges, drafts, keys=LOGIN_CODE_KEYS)

    async def _confirmed_alone(self, draft: SessionDraft) -> ConfirmOutcome:
        return await self._postgres.unit_of_work(confirm_challenge, draft, keys=LOGIN_CODE_KEYS)

    def send(self, email: str, network: str | Network = HOME) -> str:
        """Sends a code and returns the challenge id. The last of `decisions` is the decision."""
        return self.world.call(self.sending, email, network)

    async def sending(self, email: str, network: str | Network = HOME) -> str:
        """The send as a trio function, for races."""
        send, _ = next(self._replicas)
        asking = Network(network) if isinstance(network, str) else network
        return await send.run(SendCode(parse_email(email), asking, "en"))

    def confirm(
        self,
        challenge_id: str,
        code: str,
        key: ClientPublicKey | None = None,
        network: str = HOME,
        label: str | None = None,
    ) -> ConfirmOutcome:
        return self.world.call(self.confirming(challenge_id, code, key, network, label))

    def confirming(
        self,
        challenge_id: str,
        code: str,
        key: ClientPublicKey | None = None,
        network: str = HOME,
        label: str | None = None,
    ) -> Callable[[], Awaitable[ConfirmOutcome]]:
        """The confirm as a trio function, for races."""
        _, confirms = next(self._replicas)
        return partial(confirms.decide, self.session_draft(challenge_id, code, key, network, label))

    def confirm_unit(self, challenge_id: str, code: str) -> Body[ConfirmOutcome]:
        """A confirm outside a batch, to be run on any connection."""
        return partial(confirm_challenge, draft=self.session_draft(challenge_id, code), keys=LOGIN_CODE_KEYS)

    def session_draft(
        self,
        challenge_id: str,
        code: str,
        key: ClientPublicKey | None = None,
        network: str = HOME,
        label: str | None = None,
    ) -> SessionDraft:
        """A confirm in the form that the store takes."""
        return SessionDraft(
            challenge_id=challenge_id,
            code=code,
            client_key=key or client_public_key(),
            proven=False,
            time_zone="UTC",
            network=network_tags(LOGIN_CODE_KEYS, Network(network)),
            network_text=network,
            request_id="request-1",
            device_session_id=new_device_session_id(self._clock, self._entropy),
            user_id=new_user_id(self._clock, self._entropy),
            label=label,
            new_notice=self._new_notice,
            users_live_here=self._policy.users_live_here,
        )

    def code(self, challenge_id: str) -> str:
        """The code mailed for the challenge, or `000000` for a decoy. It can be read only while the code lives."""
        sql = "select l.* from challenges c join login_codes l using (login_code_id) where c.challenge_id = $1"
        rows = self.world.call(self.world.owner.unit_of_work, lambda connection: connection.fetch(sql, challenge_id))
        if not rows:
            return "000000"
        (row,) = rows
        sealed = unseal(SEALING_KEYS, row["seal_key_id"], row["sealed_code"], row["login_code_id"].bytes)
        return sealed.decode("ascii")

    def wrong_code(self, challenge_id: str) -> str:
        """Six digits that differ from the challenge's code."""
        return f"{(int(self.code(challenge_id)) + 1) % 1_000_000:06d}"

    def state(self, challenge_id: str) -> str:
        rows = self.world.database.execute("select state from challenges where challenge_id = $1", challenge_id)
        return rows[0]["state"]


def contender(
    pool: Postgres,
    function: Callable[Concatenate[asyncpg.Connection, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Callable[[], Awaitable[T]]:
    """One unit of work, which `race` starts."""

    async def run() -> T:
        return await pool.unit_of_work(function, *args, **kwargs)

    return run


async def race(*contenders: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Runs the trio functions at once, released by one barrier. Returns their results in order."""
    barrier = trio.Event()
    results: list[Any] = [None] * len(contenders)

    async def contend(index: int) -> None:
        await barrier.wait()
        results[index] = await contenders[index]()

    async with trio.open_nursery() as nursery:
        for index in range(len(contenders)):
            nursery.start_soon(contend, index)
        barrier.set()
    return results


def after(seconds: float, contender: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """A contender that starts `seconds` after the others, or at once where `seconds` is negative."""

    async def start_late() -> Any:
        await trio.sleep(max(0.0, seconds))
        return await contender()

    return start_late
