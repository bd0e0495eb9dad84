"""Units of work that erase a user or change the address, and statements that read users (SPEC §4.1, §4.2, §4.2a)."""

import asyncpg

from contracts.audit_events import EventName
from contracts.internal_users import User
from services.internal_admin.callers.page import Page, cut_page
from services.internal_admin.callers.trail import audit_subject_of_email, audit_subject_of_id, insert_mutation_event
from services.internal_admin.changes.domain import PART, Done, Part
from services.internal_admin.sessions.domain import UserNotFound
from services.internal_admin.sessions.locks import WrongRow, lock_the_right_row
from services.internal_admin.sessions.store import (
    CONTINUED,
    is_address_of_user,
    lock_address_of_user,
    lock_email,
    revoke_active_sessions,
)
from services.internal_admin.users.domain import (
    ChangeUserEmail,
    ChangeUserEmailOutcome,
    DeleteUser,
    DeleteUserOutcome,
    EmailBlocked,
    EmailChanged,
    EmailInUse,
    EmailUnchanged,
    UserDeleted,
    UsersLiveElsewhere,
)
from shared.io import queries
from shared.kernel.email_address import EmailAddress

_SQL = queries.load("services.internal_admin.users")


async def has_user(connection: asyncpg.Connection, user_id: str) -> bool:
    """Whether there is a user of this id: one who logged in here before."""
    return await connection.fetchval(*_SQL["has_user"](user_id=user_id))


async def read_user(connection: asyncpg.Connection, email: EmailAddress, *, as_typed: bool) -> User | None:
    """The user of an address; None if there is none. Any spelling counts, unless `as_typed`."""
    row = await connection.fetchrow(*_SQL["read_user"](folded=email.folded, email=email.identity if as_typed else None))
    return None if row is None else _user(row)


async def list_users(connection: asyncpg.Connection, after: str | None, limit: int) -> Page[User]:
    """Users by their ids, from the last on; only those `after` an id, at most `limit`."""
    if after is None:
        rows = await connection.fetch(*_SQL["list_first_users"](limit=limit + 1))
    else:
        rows = await connection.fetch(*_SQL["list_users"](after_user_id=after, limit=limit + 1))
    return cut_page([_user(row) for row in rows], limit)


async def delete_user(connection: asyncpg.Connection, done: Done, command: DeleteUser) -> DeleteUserOutcome | Part:
    """Revoke the user's active sessions, queue their records, erase the rest. Every outcome is audited.

    The last transaction erases the user. A login before it makes a new session, which is revoked with the others.

    A login under way is decided again, and finds its challenge gone. The trail keeps ids, and so do revoked sessions
    until the end of their retention.
    """
    async with connection.transaction():
        outcome = await _delete(connection, command, done)
        is_user = isinstance(outcome, UserDeleted | Part)
        await insert_mutation_event(
            connection,
            EventName.DELETE_USER,
            outcome.done.outcome if isinstance(outcome, Part) else outcome.name,
            command.user_id if is_user else audit_subject_of_id(command.user_id),
            command.cause,
            affected_session_count=len(outcome.changes) if is_user else None,
        )
        return outcome


async def change_user_email(connection: asyncpg.Connection, command: ChangeUserEmail) -> ChangeUserEmailOutcome:
    """Change the address in one transaction that holds the rows of both. Every outcome is audited, by ids only.

    Codes of the old address end: they were mailed to a user who is there no more. Codes of the new one stay good,
    because the reader of that mailbox is the user now. The new address is known from no network yet. Invitations of
    both are used up, so the next reader of the old mailbox cannot sign up by one.
    """
    async with connection.transaction():
        outcome = await _change(connection, command)
        is_known = not isinstance(outcome, UserNotFound | UsersLiveElsewhere)
        is_changed = isinstance(outcome, EmailChanged)
        await insert_mutation_event(
            connection,
            EventName.CHANGE_USER_EMAIL,
            outcome.name,
            command.user_id if is_known else audit_subject_of_id(command.user_id),
            command.cause,
            old=audit_subject_of_email(outcome.old_email_id) if is_changed else None,
            new=audit_subject_of_email(outcome.new_email_id) if is_changed else None,
        )
        return outcome


async def _delete(connection: asyncpg.Connection, command: DeleteUser, done: Done) -> DeleteUserOutcome | Part:
    user_id = command.user_id
    email_id = await lock_address_of_user(connection, user_id)
    if email_id is None:
        return UserNotFound()
    email = await read_address_of_user(connection, user_id, email_id)
    revoked = await revoke_active_sessions(connection, email_id, user_id, command.cause)
    is_all = revoked.is_all and await _removed_sent(connection, email_id, email)
    if not (is_all and await _removed_orders(connection, user_id)):
        return Part(revoked.changes, done.and_revoked(revoked.changes, CONTINUED))
    await connection.execute(*_SQL["remove_user"](user_id=user_id))
    await remove_known_networks(connection, email_id)
    await connection.execute(*_SQL["remove_invitations"](email_ids=[email_id]))
    await connection.execute(*_SQL["remove_kept_answers"](email=email))
    await connection.execute(*_SQL["remove_email"](email_id=email_id))
    is_kept_for_block = await connection.fetchval(*_SQL["has_block"](email_id=email_id))
    return UserDeleted(revoked.changes, is_kept_for_block, done.session_ids)


async def _removed_sent(connection: asyncpg.Connection, email_id: int, email: str) -> bool:
    """Remove up to `PART` challenges, codes and letters. Whether none is left: strangers may have sent many."""
    for removal in ("remove_challenges", "remove_login_codes", "remove_letters"):
        status = await connection.execute(*_SQL[removal](email_id=email_id, email=email, limit=PART))
        if int(status.rpartition(" ")[2]) == PART:
            return False
    return True


async def _removed_orders(connection: asyncpg.Connection, user_id: str) -> bool:
    """Remove up to `PART` orders of the user's devices, and the notices about them. Whether none is left."""
    for removal in ("remove_orders", "remove_notices"):
        status = await connection.execute(*_SQL[removal](user_id=user_id, limit=PART))
        if int(status.rpartition(" ")[2]) == PART:
            return False
    return True


async def read_address_of_user(connection: asyncpg.Connection, user_id: str, email_id: int) -> str:
    """The spelling of the user's address. Call it inside a transaction that holds the address' row."""
    return await connection.fetchval(*_SQL["read_address_of_user"](user_id=user_id, email_id=email_id))


async def remove_known_networks(connection: asyncpg.Connection, email_id: int) -> None:
    """Remove the known networks of an address, unless it has a user left."""
    await connection.execute(*_SQL["remove_known_networks"](email_id=email_id))


async def _change(connection: asyncpg.Connection, command: ChangeUserEmail) -> ChangeUserEmailOutcome:
    if command.users_live_elsewhere:
        return UsersLiveElsewhere()
    locked = await _lock_both(connection, command)
    if locked is None:
        return UserNotFound()
    (old, new), user_id, email = locked, command.user_id, command.email
    if await read_address_of_user(connection, user_id, old) == email.identity:
        return EmailUnchanged()
    if await connection.fetchval(
        *_SQL["is_in_use"](email_id=new, user_id=user_id, email=email.identity, is_another_row=old != new)
    ):
        return EmailInUse()
    if await connection.fetchval(*_SQL["is_blocked"](email_ids=[old, new], email=email.identity)):
        return EmailBlocked()
    await connection.execute(*_SQL["move_user"](user_id=user_id, email_id=new, email=email.identity))
    if old != new:
        await remove_known_networks(connection, old)
        await connection.execute(*_SQL["remove_invitations"](email_ids=[old, new]))
    return EmailChanged(old, new)


async def _lock_both(connection: asyncpg.Connection, command: ChangeUserEmail) -> tuple[int, int] | None:
    """Lock the rows of the old and the new address, the latter made if new; None: there is no such user.

    Rows are locked by their ids, as in every statement that locks several. A row that is made now comes last, because
    it has the highest id. The locking begins again if another transaction moved the user or removed a row first.
    """

    async def attempt() -> tuple[int, int] | None:
        row = await connection.fetchrow(*_SQL["read_addresses"](user_id=command.user_id, folded=command.email.folded))
        assert row is not None
        old, new = row["old"], row["new"]
        if old is None:
            return None
        wanted = {old, new} - {None}
        locked = await connection.fetch(*_SQL["lock_emails"](email_ids=list(wanted)))
        if len(locked) < len(wanted) or not await is_address_of_user(connection, command.user_id, old):
            raise WrongRow
        new = new or await lock_email(connection, command.email.folded)
        await connection.execute(*_SQL["bump_emails"](email_ids=[old, new]))
        return old, new

    return await lock_the_right_row(connection, attempt)


def _user(row: asyncpg.Record) -> User:
    return User(
        user_id=row["user_id"],
        email=row["email"],
        preferred_language=row["preferred_language"],
        time_zone=row["time_zone"],
        created_at=row["created_at"],
    )
