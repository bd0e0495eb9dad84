"""Store: revoking the sessions of blocked e-mail domains, batch by batch.

A login that read the settings before its domain was blocked must not leave an active session. Each address of the
domain has its row locked and its version raised: a login that wrote before is seen by the revocation that follows, and
one that writes later is decided again. An address that nobody had yet when its domain was passed gets its first code
after the block (`test_a_domain_block_racing_logins_leaves_no_active_session`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from services.internal_admin.domain.settings_change import SessionsToRevoke
from shared.io import queries
from shared.kernel.actor import Actor

REASON = "email_domain_blocked"
MOST_COUNTED = 10_000

_SQL = queries.load_texts("services.internal_admin.store", "domain_revocation.sql")


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step did. `worked`: there was an order, so that there may be more to do."""

    worked: bool
    revoked: int


async def begin_domain_revocations(connection: asyncpg.Connection, domains: Sequence[str], actor: Actor) -> None:
    """Order the domains' sessions revoked, inside the transaction that blocks them."""
    await connection.execute(_SQL["begin_domain_revocations"], domains, actor.type, actor.id)


async def end_domain_revocations(connection: asyncpg.Connection, domains: Sequence[str]) -> None:
    """Take the orders back, inside the transaction that unblocks them: no session goes any more once it commits."""
    await connection.execute(_SQL["end_domain_revocations"], domains)


async def revoke_next_of_domains(connection: asyncpg.Connection, limit: int) -> Batch:
    """Revoke up to `limit` sessions of the oldest order, with outbox and audit rows; one transaction.

    Killed at any point it leaves the order as it was before, or after. Several at once work on orders of their own.
    """
    async with connection.transaction():
        order = await connection.fetchrow(_SQL["lock_domain_revocation"])
        if order is None:
            return Batch(worked=False, revoked=0)
        domain, after = order["domain"], order["after_email_id"]
        locked = await connection.fetch(_SQL["lock_emails_of_domain"], domain, after, limit)
        email_ids = [row["email_id"] for row in locked]
        await connection.execute(_SQL["bump_emails"], email_ids)
        actor = order["actor_type"], order["actor_id"]
        revoked = await connection.fetchval(_SQL["revoke_sessions_of_emails"], email_ids, limit, REASON, *actor)
        if not email_ids:
            await end_domain_revocations(connection, [domain])
        elif revoked < limit:  # otherwise these addresses may have more: the next batch begins with them again
            await connection.execute(_SQL["write_progress"], domain, email_ids[-1])
        return Batch(worked=True, revoked=revoked)


async def count_sessions_to_revoke(connection: asyncpg.Connection) -> tuple[SessionsToRevoke, ...]:
    """Of each order, by domain. It looks at no more than `MOST_COUNTED` addresses."""
    rows = await connection.fetch(_SQL["count_sessions_to_revoke"], MOST_COUNTED)
    return tuple(SessionsToRevoke(*row) for row in rows)
