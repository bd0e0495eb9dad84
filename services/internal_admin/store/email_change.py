"""Store: the unit of work that gives a user another address."""

import asyncpg

from services.internal_admin.domain.audit_subject import audit_subject_of_email, audit_subject_of_id
from services.internal_admin.domain.email_change import (
    ChangeUserEmail,
    ChangeUserEmailOutcome,
    EmailBlocked,
    EmailChanged,
    EmailInUse,
    EmailUnchanged,
    UsersLiveElsewhere,
)
from services.internal_admin.domain.revocation import UserNotFound
from services.internal_admin.store.audit import insert_mutation_event
from services.internal_admin.store.lock_attempts import WrongRow, lock_the_right_row
from services.internal_admin.store.statements import SQL
from services.internal_admin.store.user_deletion import read_address_of_user, remove_known_networks
from shared.io import queries

_SQL = queries.load_texts("services.internal_admin.store", "email_change.sql")


async def change_user_email(connection: asyncpg.Connection, command: ChangeUserEmail) -> ChangeUserEmailOutcome:
    """Change the address in one transaction that holds the rows of both. Audited whatever the outcome, by ids only.

    Codes of the old address end: they were mailed to a user who is there no more. Codes of the new one stay good:
    whoever reads that mailbox is the user now. The new address is known from no network yet.
    """
    async with connection.transaction():
        outcome = await _change(connection, command)
        is_known = not isinstance(outcome, UserNotFound | UsersLiveElsewhere)
        is_changed = isinstance(outcome, EmailChanged)
        await insert_mutation_event(
            connection,
            "security.change_user_email",
            outcome.name,
            command.user_id if is_known else audit_subject_of_id(command.user_id),
            command.cause,
            old=audit_subject_of_email(outcome.old_email_id) if is_changed else None,
            new=audit_subject_of_email(outcome.new_email_id) if is_changed else None,
        )
        return outcome


async def _change(connection: asyncpg.Connection, command: ChangeUserEmail) -> ChangeUserEmailOutcome:
    if command.users_live_elsewhere:
        return UsersLiveElsewhere()
    locked = await _lock_both(connection, command)
    if locked is None:
        return UserNotFound()
    (old, new), user_id, email = locked, command.user_id, command.email
    if await read_address_of_user(connection, user_id, old) == email.identity:
        return EmailUnchanged()
    if await connection.fetchval(_SQL["is_in_use"], new, user_id, email.identity, old != new):
        return EmailInUse()
    if await connection.fetchval(_SQL["is_blocked"], [old, new], email.identity):
        return EmailBlocked()
    await connection.execute(_SQL["move_user"], user_id, new, email.identity)
    if old != new:
        await remove_known_networks(connection, old)
    return EmailChanged(old, new)


async def _lock_both(connection: asyncpg.Connection, command: ChangeUserEmail) -> tuple[int, int] | None:
    """The rows of the old and the new address, the latter made if new; None: no such user.

    By their ids, as every statement that locks several does; a row that is made now comes last, for it has the highest.
    Again, if another transaction moved the user or removed the row before the lock was there.
    """

    async def attempt() -> tuple[int, int] | None:
        row = await connection.fetchrow(_SQL["read_addresses"], command.user_id, command.email.folded)
        assert row is not None
        old, new = row["old"], row["new"]
        if old is None:
            return None
        wanted = {old, new} - {None}
        locked = await connection.fetch(_SQL["lock_emails"], list(wanted))
        if len(locked) < len(wanted) or not await connection.fetchval(SQL["is_address_of_user"], command.user_id, old):
            raise WrongRow
        new = new or await connection.fetchval(SQL["lock_email"], command.email.folded)
        await connection.execute(_SQL["bump_emails"], [old, new])
        return old, new

    return await lock_the_right_row(connection, attempt)
