"""The revocation of sessions of blocked e-mail domains, batch by batch: its orders, and the worker (SPEC §5.5).

A login that read the settings before its domain was blocked must not leave an active session.
Each address of the domain has its row locked and its version raised.
A login that wrote before is seen by the revocation that follows, and one that writes later is decided again.
An address that is new after the walk over its domain gets its first code after the block
(`test_a_domain_block_racing_logins_leaves_no_active_session`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from contracts.control_plane.system_settings import SessionsToRevoke
from shared.io import queries
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.lifecycle.supervision import Signal

_SQL = queries.load("services.internal_admin.system_settings", "domains.sql")

REASON = "email_domain_blocked"
MAX_COUNTED = 10_000
BATCH = 500
IDLE = timedelta(seconds=2)
"""The longest wait for a domain that another process blocked. The process that blocked it is woken at once."""
REST = 4.0
"""A domain may have a million sessions. They get a fifth of the time; the rest is for logins."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The result of one step. `worked`: there was an order, so there may be more to do."""

    worked: bool
    revoked: int


class DomainRevocation:
    """The worker. Any number may run. After a kill it goes on where the last committed batch ended."""

    def __init__(self, postgres: Postgres, relay_wake: Signal) -> None:
        """`relay_wake` is notified of every batch, so that the relay publishes the revocations."""
        self.wake = Signal()
        """Notify it when a domain was blocked."""
        self._postgres = postgres
        self._relay_wake = relay_wake

    async def step(self) -> int:
        """Revoke a batch. `BATCH` while there are orders, else 0. Raises `DependencyUnavailable("postgres")`."""
        batch = await self._postgres.unit_of_work(revoke_next_of_domains, limit=BATCH)
        if batch.revoked:
            self._relay_wake.notify()
        return BATCH if batch.worked else 0


async def begin_domain_revocations(connection: asyncpg.Connection, domains: Sequence[str], actor: Actor) -> None:
    """Order the sessions of the domains revoked, inside the transaction that blocks them."""
    await connection.execute(
        *_SQL["begin_domain_revocations"](domains=domains, actor_type=actor.type, actor_id=actor.id)
    )


async def end_domain_revocations(connection: asyncpg.Connection, domains: Sequence[str]) -> None:
    """Withdraw the orders, inside the transaction that unblocks the domains. After its commit no session is revoked."""
    await connection.execute(*_SQL["end_domain_revocations"](domains=domains))


async def revoke_next_of_domains(connection: asyncpg.Connection, limit: int) -> Batch:
    """Revoke up to `limit` sessions of the oldest order, with outbox and audit rows, in one transaction.

    A kill at any point leaves the order as it was before, or after. Several at once work on different orders.
    """
    async with connection.transaction():
        order = await connection.fetchrow(*_SQL["lock_domain_revocation"]())
        if order is None:
            return Batch(worked=False, revoked=0)
        domain, after = order["domain"], order["after_email_id"]
        locked = await connection.fetch(
            *_SQL["lock_emails_of_domain"](domain=domain, after_email_id=after, limit=limit)
        )
        email_ids = [row["email_id"] for row in locked]
        await connection.execute(*_SQL["bump_emails"](email_ids=email_ids))
        revoked = await connection.fetchval(
            *_SQL["revoke_sessions_of_emails"](
                email_ids=email_ids,
                limit=limit,
                reason_code=REASON,
                actor_type=order["actor_type"],
                actor_id=order["actor_id"],
            )
        )
        if not email_ids:
            await end_domain_revocations(connection, [domain])
        elif revoked < limit:  # otherwise these addresses may have more: the next batch begins with them again
            await connection.execute(*_SQL["write_progress"](domain=domain, after_email_id=email_ids[-1]))
        return Batch(worked=True, revoked=revoked)


async def count_sessions_to_revoke(connection: asyncpg.Connection) -> tuple[SessionsToRevoke, ...]:
    """The sessions left to revoke, by domain. It looks at no more than `MAX_COUNTED` addresses."""
    rows = await connection.fetch(*_SQL["count_sessions_to_revoke"](limit=MAX_COUNTED))
    return tuple(SessionsToRevoke(*row) for row in rows)
