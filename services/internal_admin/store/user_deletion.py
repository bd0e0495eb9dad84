"""Store: the unit of work that erases a user."""

import asyncpg

from services.internal_admin.domain.audit_subject import audit_subject_of_id
from services.internal_admin.domain.mutation import NOTHING, PART, Done, Part
from services.internal_admin.domain.revocation import UserNotFound
from services.internal_admin.domain.user_deletion import DeleteUser, DeleteUserOutcome, UserDeleted
from services.internal_admin.store.audit import insert_mutation_event
from services.internal_admin.store.revocation import CONTINUED, lock_address_of_user, revoke_active_sessions
from shared.io import queries

_SQL = queries.load_texts("services.internal_admin.store", "user_deletion.sql")


async def delete_user(
    connection: asyncpg.Connection, command: DeleteUser, done: Done = NOTHING
) -> DeleteUserOutcome | Part:
    """Revoke the user's active sessions, queue their records, erase the rest. Audited whatever the outcome.

    The last transaction erases the user, and nothing of the first ones lets a login in: a new session is revoked with
    those before it.

    A login under way is decided again, and finds its challenge gone. The trail keeps ids, and so do revoked sessions
    until their time is over.
    """
    async with connection.transaction():
        outcome = await _delete(connection, command, done)
        is_user = isinstance(outcome, UserDeleted | Part)
        await insert_mutation_event(
            connection,
            "security.delete_user",
            outcome.done.outcome if isinstance(outcome, Part) else outcome.name,
            command.user_id if is_user else audit_subject_of_id(command.user_id),
            command.cause,
            affected_session_count=len(outcome.changes) if is_user else None,
        )
        return outcome


async def _delete(connection: asyncpg.Connection, command: DeleteUser, done: Done) -> DeleteUserOutcome | Part:
    user_id = command.user_id
    email_id = await lock_address_of_user(connection, user_id)
    if email_id is None:
        return UserNotFound()
    email = await read_address_of_user(connection, user_id, email_id)
    revoked = await revoke_active_sessions(connection, email_id, user_id, command.cause)
    if not (revoked.is_all and await _removed_all(connection, email_id, email)):
        return Part(revoked.changes, done.and_revoked(revoked.changes, CONTINUED))
    await connection.execute(_SQL["remove_user"], user_id)
    await remove_known_networks(connection, email_id)
    await connection.execute(_SQL["remove_kept_answers"], email)
    await connection.execute(_SQL["remove_email"], email_id)
    is_kept_for_block = await connection.fetchval(_SQL["has_block"], email_id)
    return UserDeleted(revoked.changes, is_kept_for_block, done.session_ids)


async def _removed_all(connection: asyncpg.Connection, email_id: int, email: str) -> bool:
    """Whether no challenge and no code is left: strangers may have sent many."""
    for removal in ("remove_challenges", "remove_login_codes"):
        status = await connection.execute(_SQL[removal], email_id, email, PART)
        if int(status.rpartition(" ")[2]) == PART:
            return False
    return True


async def read_address_of_user(connection: asyncpg.Connection, user_id: str, email_id: int) -> str:
    """The spelling, inside a transaction that holds the address' row."""
    return await connection.fetchval(_SQL["read_address_of_user"], user_id, email_id)


async def remove_known_networks(connection: asyncpg.Connection, email_id: int) -> None:
    """Those of an address that is nobody's any more."""
    await connection.execute(_SQL["remove_known_networks"], email_id)
