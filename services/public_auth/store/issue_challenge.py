"""The unit of work of sends: read, ask the domain, write guarded. An overtaken send is decided again, alone.

It runs on asyncio, inside `Postgres.unit_of_work`, and has no rule of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

import asyncpg

from services.public_auth.domain.budget import Budgets, Usage
from services.public_auth.domain.issue import (
    CHALLENGE_LIFE,
    LOGIN_CODE_LIFE,
    IssueDecision,
    IssueView,
    LiveCode,
    NewCode,
    Place,
    ShareCode,
    Withhold,
    decide_issue,
)
from services.public_auth.domain.login_code import StoredCode
from services.public_auth.domain.network_tag import NetworkTags
from services.public_auth.store.decided_again import until_written
from shared.io import queries
from shared.kernel.email_address import EmailAddress
from shared.lifecycle.batching import DecidedAgain

_SQL = queries.load(__package__)


@dataclass(frozen=True, slots=True)
class NewAddressMailLimit:
    """At most `mails` in `window` from one network to addresses that never confirmed (SPEC §9.2).

    It counts all sends of the network to addresses that did not confirm from *this network*, mailed or not. Otherwise
    the rest of the limit, which strangers can see in their own mailboxes, would reveal whether an address has an
    account.
    """

    mails: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class IssuePolicy:
    """The configured part of a send's decision."""

    budgets: Budgets
    new_address_mail_limit: NewAddressMailLimit | None
    users_live_here: bool = True
    """Whether users live in our own Postgres; all spellings of an address are then one person.

    A user service may tell spellings apart (SPEC §8).
    """


@dataclass(frozen=True, slots=True)
class ChallengeDraft:
    """The data of a send that is made before the database is read: the same for every decision, at the same cost."""

    email: EmailAddress
    network: NetworkTags = field(repr=False)
    preferred_language: str
    challenge_id: str = field(repr=False)
    delivery_id: UUID
    login_code_id: UUID
    stored_code: StoredCode
    seal_key_id: str
    sealed_code: bytes = field(repr=False)


async def issue_challenge(connection: asyncpg.Connection, draft: ChallengeDraft, policy: IssuePolicy) -> IssueDecision:
    """Issues `draft` as a challenge and returns the decision, committed. Under contention it decides again."""

    async def attempt() -> IssueDecision | DecidedAgain:
        [decision] = await issue_challenges(connection, [draft], policy)
        return decision

    lock_email = _SQL["lock_email"](folded=_addresses(draft))
    try:
        return await until_written(connection, attempt, lock_email)
    except asyncpg.ForeignKeyViolationError:
        # The user was erased meanwhile, and with the user the shared code and the e-mail's row.
        return await until_written(connection, attempt, lock_email)


async def issue_challenges(
    connection: asyncpg.Connection, drafts: Sequence[ChallengeDraft], policy: IssuePolicy
) -> list[IssueDecision | DecidedAgain]:
    """Issues a batch at the price of one, committed. It waits for no lock.

    `DecidedAgain` means that a send contends with another one, of this batch or not, and must be decided again, alone.
    """
    found = await connection.fetch(*_read_for_issue(drafts, policy))
    rows = sorted(found, key=itemgetter("place"))
    decisions = [decide_issue(_view(row, policy.new_address_mail_limit), policy.budgets) for row in rows]
    first_of_its_mailbox = {draft.email.mailbox: place for place, draft in reversed(list(enumerate(drafts)))}
    chosen = [(drafts[place], rows[place], decisions[place]) for place in sorted(first_of_its_mailbox.values())]
    written = await connection.fetch(*_write_issue(chosen))
    delivery_ids = {row["delivery_id"] for row in written}
    return [
        decision if draft.delivery_id in delivery_ids else DecidedAgain.NEEDED
        for draft, decision in zip(drafts, decisions, strict=True)
    ]


def _addresses(draft: ChallengeDraft) -> tuple[str, ...]:
    """The addresses whose rows guard a send: the address itself, and its mailbox if that is another one."""
    email = draft.email
    return (email.folded,) if email.mailbox == email.folded else (email.folded, email.mailbox)


def _read_for_issue(drafts: Sequence[ChallengeDraft], policy: IssuePolicy) -> queries.Bound:
    limit = policy.new_address_mail_limit
    tags = [draft.network.readable for draft in drafts]
    width = max(map(len, tags))
    return _SQL["read_for_issue"](
        folded=[draft.email.folded for draft in drafts],
        identity=[draft.email.identity for draft in drafts],
        mailbox=[draft.email.mailbox for draft in drafts],
        network_tags=[tag for each in tags for tag in each + each[:1] * (width - len(each))],
        tags_per_send=width,
        new_address_mail_limit=limit.mails if limit else None,
        new_address_mail_window=limit.window if limit else None,
        live_challenges_per_network=policy.budgets.live_challenges.per_network,
        users_live_here=policy.users_live_here,
    )


def _view(row: asyncpg.Record, limit: NewAddressMailLimit | None) -> IssueView:
    return IssueView(
        now=row["now"],
        known=row["known"],
        suppressed=_suppressed(row, limit),
        mails_an_hour=Usage(row["mails_hour_total"], row["mails_hour_own"]),
        mails_a_day=Usage(row["mails_day_total"], row["mails_day_own"]),
        wrong_codes=Usage(row["wrong_codes_total"], row["wrong_codes_own"]),
        code=_live_code(row),
    )


def _suppressed(row: asyncpg.Record, limit: NewAddressMailLimit | None) -> str | None:
    if row["blocked"]:
        return "blocked"
    if row["domain_refused"]:
        return "email_domain"
    if row["sign_up_refused"]:
        return "sign_up"
    if limit is not None and not row["has_confirmed"] and row["new_address_mails"] >= limit.mails:
        return "new_address_mail_limit"
    return None


def _live_code(row: asyncpg.Record) -> LiveCode | None:
    if row["login_code_id"] is None:
        return None
    return LiveCode(
        login_code_id=row["login_code_id"],
        expires_at=row["code_expires_at"],
        mailed_at=row["code_mailed_at"],
        mails=Usage(row["code_total"], row["code_own"]),
        places=Usage(row["places_total"], row["places_own"]),
        oldest_own=_oldest(row["own_places"]),
    )


def _oldest(places: Sequence[tuple[datetime, str, int]] | None) -> Place | None:
    if places is None:
        return None
    _, challenge_id, attempts = min(places)
    return Place(challenge_id, attempts)


def _withheld(row: asyncpg.Record) -> Place | None:
    challenge_id = row["withheld_own_id"]
    return None if challenge_id is None else Place(challenge_id, row["withheld_own_attempts"])


@dataclass(frozen=True, slots=True)
class _Rows:
    """The values of the challenge and of its queue row that depend on the decision."""

    login_code_id: UUID | None
    challenge_state: str
    delivery_state: str
    reason: str | None
    rewritten: Place | None = None
    """The challenge that gives up its place. A decoy rewrites one without a place, so that both cost the same."""


def _rows(draft: ChallengeDraft, row: asyncpg.Record, decision: IssueDecision) -> _Rows:
    match decision:
        case NewCode():
            return _Rows(draft.login_code_id, "pending_send", "queued", None)
        case ShareCode(login_code_id, mailed, place):
            states = ("pending_send", "queued", None) if mailed else ("sent", "decoy", "shared_unmailed")
            return _Rows(login_code_id, *states, place)
        case Withhold(suppressed, reason):
            state = "delivery_suppressed" if suppressed else "delivery_throttled"
            return _Rows(None, state, "decoy", reason, _withheld(row))


def _write_issue(chosen: Sequence[tuple[ChallengeDraft, asyncpg.Record, IssueDecision]]) -> queries.Bound:
    guards = [guard for place, (draft, row, _) in enumerate(chosen, 1) for guard in _guards(draft, row, place)]
    sends = [_send(draft, row, decision) for draft, row, decision in chosen]
    return _SQL["write_issue"](
        now=chosen[0][1]["now"],
        code_life=LOGIN_CODE_LIFE,
        challenge_life=CHALLENGE_LIFE,
        **queries.columns(guards),
        **queries.columns(sends),
    )


def _guards(draft: ChallengeDraft, row: asyncpg.Record, place: int) -> list[dict[str, Any]]:
    """The rows that a send locks, each with its version at the read."""
    own, *mailbox = _addresses(draft)
    return [
        _guard(own, row["email_id"], row["version"], place, is_own=True),
        *(_guard(address, row["mailbox_id"], row["mailbox_version"], place, is_own=False) for address in mailbox),
    ]


def _guard(folded: str, email_id: int | None, version: int | None, place: int, *, is_own: bool) -> dict[str, Any]:
    return {
        "guard_folded": folded,
        "guard_email_id": email_id,
        "guard_version": version,
        "guard_place": place,
        "guard_is_own": is_own,
    }


def _send(draft: ChallengeDraft, row: asyncpg.Record, decision: IssueDecision) -> dict[str, Any]:
    rows = _rows(draft, row, decision)
    is_new = isinstance(decision, NewCode)
    _, *mailbox = _addresses(draft)
    return {
        "guard_count": 1 + len(mailbox),
        "email": row["address"],
        "mailbox": mailbox[0] if mailbox else None,
        "new_code_id": draft.login_code_id,
        "key_id": draft.stored_code.key_id,
        "salt": draft.stored_code.salt,
        "mac": draft.stored_code.mac,
        "sealed_code": draft.sealed_code if is_new else None,
        "seal_key_id": draft.seal_key_id if is_new else None,
        "code_ended_at": None if is_new else row["now"],  # an unused code is written as ended
        "challenge_id": draft.challenge_id,
        "login_code_id": rows.login_code_id,
        "network_tag": draft.network.newest,
        "preferred_language": draft.preferred_language,
        "challenge_state": rows.challenge_state,
        "delivery_id": draft.delivery_id,
        "delivery_state": rows.delivery_state,
        "reason": rows.reason,
        "displaced_id": rows.rewritten.challenge_id if rows.rewritten else None,
        "displaced_attempts": rows.rewritten.attempts if rows.rewritten else None,
        "to_new_address": not row["known"],
    }
