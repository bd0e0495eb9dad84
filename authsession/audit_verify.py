"""`authsession audit verify`: checks the whole audit chain, page by page in bounded memory (SPEC §10.8)."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.internal_admin.audit.domain.chain import Place
from services.internal_admin.audit.domain.check import ChainCheck
from services.internal_admin.audit.store.seals import SQL, read_checkpoint, read_links
from shared.kernel.keyring import KeyRing

PAGE = 2_000
_BEFORE_ALL = -(2**63)  # the sequence gives no negative id, but an attacker could

Say = Callable[[str], None]


@dataclass(slots=True)
class Waiting:
    """Rows that are too young to have a seal."""

    rows: int = 0
    oldest: datetime | None = None


async def verify_trail(
    connection: asyncpg.Connection, keys: KeyRing, anchors: Iterable[Place], say: Say, note: Say
) -> int:
    """Returns the number of findings. `say` gets each finding as one line; `note` gets counts, speed and the anchor.

    It needs no transaction: seals are only appended, and the walk notices a prefix that retention removes meanwhile.
    """
    found = 0

    def tell(finding: str) -> None:
        nonlocal found
        found += 1
        say(finding)

    started = time.perf_counter()
    check = ChainCheck(keys, anchors)
    begin = await _walk(connection, check, tell)
    waiting = await _unsealed(connection, check, tell)
    seconds = time.perf_counter() - started
    note(f"{check.checked} rows checked in {seconds:.1f} s ({check.checked / seconds:.0f} per second)")
    if begin:
        note(f"the chain begins after seal {begin}: retention removed the rows before it")
    for seq in check.uncompared_anchors:
        note(f"the anchor of seal {seq} was not compared: retention removed that seal")
    if waiting.oldest is not None:
        note(f"{waiting.rows} rows are not sealed yet, the oldest of {waiting.oldest.isoformat(timespec='seconds')}")
    if check.last.seq:
        note(f"anchor {check.last}")
    return found


async def _walk(connection: asyncpg.Connection, check: ChainCheck, tell: Say) -> int:
    """Walks from the checkpoint to the end. Returns the number of the checkpoint's seal."""
    for finding in check.begin(await read_checkpoint(connection)):
        tell(finding)
    begin = check.last.seq
    while links := await read_links(connection, check.last.seq, PAGE):
        if links[0].seal.place.seq != check.last.seq + 1:
            checkpoint = await read_checkpoint(connection)
            if checkpoint.place.seq > check.last.seq:  # retention overtook this walk
                for finding in check.begin(checkpoint):
                    tell(finding)
                continue
        for link in links:
            for finding in check.check(link):
                tell(finding)
    for finding in check.end():
        tell(finding)
    return begin


async def _unsealed(connection: asyncpg.Connection, check: ChainCheck, tell: Say) -> Waiting:
    waiting, after = Waiting(), _BEFORE_ALL
    while rows := await connection.fetch(*SQL["read_unsealed"](after_audit_id=after, limit=PAGE)):
        for row in rows:
            if check.is_overdue(row["occurred_at"]):
                tell(f"row {row['audit_id']} has no seal, although much younger rows are sealed")
            else:
                waiting.rows += 1
                waiting.oldest = min(row["occurred_at"], waiting.oldest or row["occurred_at"])
        after = rows[-1]["audit_id"]
    return waiting
