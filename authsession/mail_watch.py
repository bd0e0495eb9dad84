"""Prints, for a person at a terminal, each code that the stub mailed and why a send mailed nothing (SPEC §1.4).

Development only: it unseals codes. Watches Postgres, so it sees what any replica does.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from authsession.embedded.child import Line
from shared.io import queries
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable, unseal

# A row becomes visible when its transaction commits, later than its time: look back that far, print each once.
_LOOK_BACK = timedelta(seconds=30)
_SQL = queries.load("authsession")
_WHY = {
    "shared_unmailed": "the code mailed before still holds, use that one",
    "mail_budget": "too many mails to this address",
    "wrong_code_budget": "too many wrong codes for this address",
    "live_challenge_budget": "too many open challenges on this code",
    "blocked": "the user or e-mail is blocked",
    "email_domain": "the e-mail's domain is blocked, or not among those allowed",
    "new_address_mail_limit": "too many mails from one network to addresses that never confirmed",
}


class MailWatch:
    """What was mailed since the watch began. `on_code` is called with each challenge's id and code, after its line."""

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
        """Takes what is there as known."""
        await self._new_rows()

    async def step(self) -> None:
        """Prints what is new."""
        for row in await self._new_rows():
            if row["state"] == "sent":
                self._show_code(row)
            else:
                why = row["reason"] or row["state"]
                self._on_line(f"{row['email']} nothing mailed: {_WHY.get(why, why)} ({row['challenge_id']})")

    async def _new_rows(self) -> list[asyncpg.Record]:
        since = await self._connection.fetchval(_SQL["read_clock"]) - _LOOK_BACK
        rows = await self._connection.fetch(_SQL["read_finished_deliveries"], since)
        new = [row for row in rows if row["delivery_id"] not in self._seen]
        self._seen = {row["delivery_id"]: row["finished_at"] for row in rows}
        return new

    def _show_code(self, row: asyncpg.Record) -> None:
        to, challenge_id = row["email"], row["challenge_id"]
        if row["sealed_code"] is None:
            self._on_line(f"{to} a code that has ended already ({challenge_id})")
            return
        try:
            code = unseal(self._keys, row["seal_key_id"], row["sealed_code"], row["login_code_id"].bytes).decode()
        except Unsealable:
            self._on_line(f"{to} a code sealed with a key that is gone ({challenge_id})")
            return
        self._on_line(f"{to} {code} ({challenge_id})")
        self._on_code(challenge_id, code)
