"""The mails that the stub transport kept. Their codes and tokens stay sealed here."""

import asyncpg

from services.internal_admin.mailbox.domain import SealedLetter, SealedMail
from shared.io import queries

_SQL = queries.load("services.internal_admin.mailbox")


async def read_mailbox(connection: asyncpg.Connection, folded: str) -> list[SealedMail]:
    """The mails to an address (`EmailAddress.folded`) whose codes live, newest first."""
    return [
        SealedMail(
            email=row["email"],
            locale=row["locale"],
            challenge_id=row["challenge_id"],
            sent_at=row["sent_at"],
            associated_data=row["login_code_id"].bytes,
            sealed_code=row["sealed_code"],
            seal_key_id=row["seal_key_id"],
        )
        for row in await connection.fetch(*_SQL["read_mailbox"](folded=folded))
    ]


async def read_letters(connection: asyncpg.Connection, folded: str) -> list[SealedLetter]:
    """The newest letters without a code to an address (`EmailAddress.folded`), newest first."""
    return [
        SealedLetter(
            kind=row["kind"],
            email=row["email"],
            locale=row["locale"],
            device_session_id=row["device_session_id"],
            label=row["label"],
            sent_at=row["sent_at"],
            associated_data=row["letter_id"].bytes,
            sealed_token=row["sealed_token"],
            seal_key_id=row["seal_key_id"],
        )
        for row in await connection.fetch(*_SQL["read_letters"](folded=folded))
    ]
