"""Prints each code that the stub mailed, and the reason of each send that mailed nothing (SPEC §1.4).

It unseals codes, so it is for development only. It reads Postgres, so it sees the sends of every replica.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from authsession.embedded.child import Line
from shared.io import queries
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable, unseal

# A row becomes visible when its transaction commits, later than its time. So each step looks back and skips known rows.
_LOOK_BACK = timedelta(seconds=30)
_SQL = queries.load("authsession")
_WHY = {
    "shared_unmailed": "the code mailed before is still valid, use that one",
    "mail_budget": "too many mails to this address",
    "wrong_code_budget": "too many wrong codes for this address",
    "live_challenge_budget": "too many open challenges on this code",
    "blocked": "the user or e-mail is blocked",
    "email_domain": "the e-mail's domain is blocked or not allowed",
    "sign_up": "no user has this e-mail, and the setting sign_up lets no new user in without an invitation",
    "user_service": "the user service says that the user is blocked",
    "new_address_mail_limit": "too many mails from one network to addresses that never confirmed",
}


class MailWatch:
    """Watches the deliveries since `begin`. After a code's line, `on_code` gets its challenge id and the code."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        sealing_keys: KeyRing,
        on_line: Line,
        on_code: Callable[[str, str], None],
    ) -> None:
        self._connection = connection
        self._keys = sealing_keys
        self._on_line = on_line
        self._on_code = on_code
        self._seen: dict[UUID, datetime] = {}

    async def begin(self) -> None:
        """Marks the present deliveries as known."""
        await self._new_rows()

    async def step(self) -> None:
        """Prints the deliveries that finished since the last step."""
        for row in await self._new_rows():
            if row["state"] == "sent":
                self._show_code(row)
            else:
                why = row["reason"] or row["state"]
                self._on_line(f"{row['email']} nothing mailed: {_WHY.get(why, why)} ({row['challenge_id']})")

    async def _new_rows(self) -> list[asyncpg.Record]:
        since = await self._connection.fetchval(*_SQL["read_clock"]()) - _LOOK_BACK
        rows = await self._connection.fetch(*_SQL["read_finished_deliveries"](since=since))
        new = [row for row in rows if row["delivery_id"] not in self._seen]
        self._seen = {row["delivery_id"]: row["finished_at"] for row in rows}
        return new

    def _show_code(self, row: asyncpg.Record) -> None:
        to, challenge_id = row["email"], row["challenge_id"]
        if row["sealed_code"] is None:
            self._on_line(f"{to} the code has already ended ({challenge_id})")
            return
        try:
            code = unseal(self._keys, row["seal_key_id"], row["sealed_code"], row["login_code_id"].bytes).decode()
        except Unsealable:
            self._on_line(f"{to} the code is sealed with a key that is gone ({challenge_id})")
            return
        self._on_line(f"{to} {code} ({challenge_id})")
        self._on_code(challenge_id, code)
