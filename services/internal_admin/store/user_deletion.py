"""Store: the unit of work that erases a user."""

import asyncpg

from services.internal_admin.domain.audit_subject import audit_subject_of_id
from services.internal_admin.domain.revocation import UserNotFound
from services.internal_admin.domain.user_deletion import DeleteUser, DeleteUserOutcome, UserDeleted
from services.internal_admin.store.audit import insert_mutation_event
from services.internal_admin.store.revocation import revoke_active_sessions
from services.internal_admin.store.statements import SQL
from shared.io import queries

_SQL = queries.load("services.internal_admin.store", "user_deletion.sql")


async def delete_user(connection: asyncpg.Connection, command: DeleteUser) -> DeleteUserOutcome:
    """Revoke the user's active sessions, queue their records, erase the rest. Audited whatever the outcome.

    A login under way is decided again, and finds its challenge gone. The trail keeps ids, and so do revoked sessions
    until their time is over.
    """
    async with connection.transaction():
        outcome = await _delete(connection, command)
        is_user = isinstance(outcome, UserDeleted)
        await insert_mutation_event(
            connection,
            "security.delete_user",
            outcome.name,
            command.user_id if is_user else audit_subject_of_id(command.user_id),
            command.cause,
            affected_session_count=len(outcome.changes) if is_user else None,
        )
        return outcome


async def _delete(connection: asyncpg.Connection, command: DeleteUser) -> DeleteUserOutcome:
    user_id = command.user_id
    email_id = await connection.fetchval(SQL["lock_email_of_user"], user_id)
    if email_id is None:
        return UserNotFound()
    email = await connection.fetchval(_SQL["read_address_of_user"], user_id, email_id)
    if email is None:  # erased by who had the lock before
        return UserNotFound()
    changes = await revoke_active_sessions(connection, email_id, user_id, command.cause)
    for removal in ("remove_challenges", "remove_login_codes"):
        await connection.execute(_SQL[removal], email_id, email)
    await connection.execute(_SQL["remove_user"], user_id)
    await connection.execute(_SQL["remove_known_networks"], email_id)
    await connection.execute(_SQL["remove_kept_answers"], email)
    await connection.execute(_SQL["remove_email"], email_id)
    return UserDeleted(changes, await connection.fetchval(_SQL["has_block"], email_id))
