"""A change of a connection: a candidate is stored, verified outside of every transaction, and then accepted or kept."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import trio

from services.internal_admin.callers.identity import Caller
from services.internal_admin.changes.domain import Answer, KeyConflict
from services.internal_admin.changes.flow import AnsweredChange
from services.internal_admin.connections.domain import (
    CandidateOutcome,
    NotFound,
    Probed,
    Settle,
    Settled,
    SettleOutcome,
    Target,
    WriteCandidate,
)
from services.internal_admin.connections.mail import MailCopy
from services.internal_admin.connections.metrics import VERIFICATIONS
from services.internal_admin.connections.probes import Prober
from services.internal_admin.connections.store import read_target, settle, write_candidate
from services.internal_admin.publication.domain.wake import Wake
from services.internal_admin.secrets.store.values import Vault
from shared.io.postgres import Postgres
from shared.kernel.faults import Overloaded

MAX_VERIFICATIONS: Final = 20
"""Verifications of one process at once. One more is refused, so that nobody waits for another's far end."""
RETRY_AFTER: Final = timedelta(seconds=10)


class Verifications:
    """Verifies revisions. Killed at any moment it leaves the accepted revision, and a candidate that expires.

    `wake` ends held polls, because nodes get a new secret at once.
    """

    def __init__(self, postgres: Postgres, vault: Vault, copy: MailCopy, prober: Prober, wake: Wake) -> None:
        self._postgres = postgres
        self._vault = vault
        self._copy = copy
        self._prober = prober
        self._wake = wake
        self._free = trio.CapacityLimiter(MAX_VERIFICATIONS)

    async def put(
        self, command: WriteCandidate, made: AnsweredChange[SettleOutcome]
    ) -> Answer | KeyConflict | CandidateOutcome:
        """Store, verify, and accept or refuse. An outcome that is no answer refused the candidate.

        Raises `Overloaded` before anything is stored.
        """
        with self._place():
            target = await self._postgres.unit_of_work(write_candidate, self._vault, command)
            if not isinstance(target, Target):
                return target
            probed = await self._probe(target)
            accepts = command.asked.accepts_unverified and self._prober.can_be_called(target.kind, target.settings)
            ended = Settle(target, probed, accepts_unverified=accepts, is_on_demand=False, caller=command.caller)
            answer = await made.make(settle, self._vault, self._copy, ended)
        self._wake.notify()
        return answer

    async def verify(self, name: str, caller: Caller) -> SettleOutcome | NotFound:
        """Verify the candidate, which success accepts; without one, the accepted revision, which serves in any case."""
        with self._place():
            target = await self._postgres.unit_of_work(read_target, self._vault, name)
            if isinstance(target, NotFound):
                return target
            probed = await self._probe(target)
            ended = Settle(target, probed, accepts_unverified=False, is_on_demand=True, caller=caller)
            outcome = await self._postgres.unit_of_work(settle, self._vault, self._copy, ended)
        if isinstance(outcome, Settled):
            self._wake.notify()
        return outcome

    async def _probe(self, target: Target) -> Probed:
        probed = await self._prober.probe(target.kind, target.settings, target.secrets)
        VERIFICATIONS.add(1, {"kind": target.kind, "result": probed.result})
        return probed

    @contextmanager
    def _place(self) -> Generator[None]:
        """A place among the verifications. Raises `Overloaded` if there is none."""
        holder = object()
        try:
            self._free.acquire_on_behalf_of_nowait(holder)
        except trio.WouldBlock:
            raise Overloaded(RETRY_AFTER) from None
        try:
            yield
        finally:
            self._free.release_on_behalf_of(holder)
