"""The decision of a send: share the newest code, make a new one, or mail nothing (SPEC §3.4-§3.6). Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.public_auth.domain.budget import ATTEMPTS_PER_CHALLENGE, MAILS_OF_A_CODE, Budgets, Usage

LOGIN_CODE_LIFE = timedelta(minutes=10)
CHALLENGE_LIFE = timedelta(minutes=10)
SHAREABLE_LIFE = timedelta(minutes=3)
"""A further send shares a code that lives longer than this."""
MAIL_COOLDOWN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class LiveCode:
    """The newest login code of the address that has neither ended nor expired."""

    login_code_id: UUID
    expires_at: datetime
    mailed_at: datetime | None
    """When the newest of its mails was queued. Only mails that left, or still can leave, count."""
    mails: Usage
    """Its mails that left, or still can leave."""
    places: Usage
    """The live challenges that share it."""
    oldest_own: "Place | None"
    """The oldest live challenge of the asking network that shares it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A live challenge that can give up its place, in the state in which it was read."""

    challenge_id: str
    attempts: int

    @property
    def unspent(self) -> int:
        """The attempts that it still reserves."""
        return ATTEMPTS_PER_CHALLENGE - self.attempts


@dataclass(frozen=True, slots=True)
class IssueView:
    """The data for the decision, from one statement at the instant `now` of Postgres' clock."""

    now: datetime
    known: bool
    """The e-mail confirmed from this network in the last 90 days."""
    suppressed: str | None
    """The reason why nothing may be mailed; None if mail is allowed."""
    mails_an_hour: Usage
    """Mails to the mailbox, where `anna@` and `anna+…@` are one. Mails whose code led to a login do not count."""
    mails_a_day: Usage
    wrong_codes: Usage
    """Wrong codes evaluated in 24 h, plus the attempts that live challenges reserve.

    A success of the asking network resets its own count.
    """
    code: LiveCode | None


@dataclass(frozen=True, slots=True)
class ShareCode:
    """Issue a challenge on the live code. Mail the code again only if `mailed`."""

    login_code_id: UUID
    mailed: bool
    takes_place_of: Place | None


@dataclass(frozen=True, slots=True)
class NewCode:
    """Issue a challenge on a new code, and mail it."""


@dataclass(frozen=True, slots=True)
class Withhold:
    """Issue a challenge without a code: a decoy that mails nothing and reserves nothing."""

    suppressed: bool
    reason: str


IssueDecision = ShareCode | NewCode | Withhold


def decide_issue(view: IssueView, budgets: Budgets) -> IssueDecision:
    """Decides one send. The caller commits the decision only if `view` is still current."""
    if view.suppressed is not None:
        return Withhold(suppressed=True, reason=view.suppressed)
    if view.code is not None and _is_shared(view.code, view.now):
        return _share(view, view.code, budgets)
    if not _mail_allowed(view, budgets):
        return Withhold(suppressed=False, reason="mail_budget")
    if not _guesses_fit(view, budgets, ATTEMPTS_PER_CHALLENGE):
        return Withhold(suppressed=False, reason="wrong_code_budget")
    return NewCode()


def _is_shared(code: LiveCode, now: datetime) -> bool:
    return code.expires_at - now > SHAREABLE_LIFE or _in_cooldown(code, now)


def _in_cooldown(code: LiveCode, now: datetime) -> bool:
    return code.mailed_at is not None and now - code.mailed_at < MAIL_COOLDOWN


def _share(view: IssueView, code: LiveCode, budgets: Budgets) -> ShareCode | Withhold:
    has_place = budgets.live_challenges.allows(code.places, known=view.known)
    place = None if has_place and _guesses_fit(view, budgets, ATTEMPTS_PER_CHALLENGE) else code.oldest_own
    if place is None and not has_place:
        return Withhold(suppressed=False, reason="live_challenge_budget")
    need = ATTEMPTS_PER_CHALLENGE - (place.unspent if place else 0)
    # A challenge that gives up its place returns its reserved attempts. If they cover the need, no budget can refuse.
    if need > 0 and not _guesses_fit(view, budgets, need):
        return Withhold(suppressed=False, reason="wrong_code_budget")
    mailed = not _in_cooldown(code, view.now) and _mailed_again(view, code) and _mail_allowed(view, budgets)
    return ShareCode(code.login_code_id, mailed=mailed, takes_place_of=place)


def _mailed_again(view: IssueView, code: LiveCode) -> bool:
    return MAILS_OF_A_CODE.allows(code.mails, known=view.known)


def _guesses_fit(view: IssueView, budgets: Budgets, need: int) -> bool:
    return budgets.wrong_codes.allows_fairly(view.wrong_codes, known=view.known, need=need)


def _mail_allowed(view: IssueView, budgets: Budgets) -> bool:
    return all(
        budget.allows_fairly(used, known=view.known)
        for budget, used in ((budgets.mails_an_hour, view.mails_an_hour), (budgets.mails_a_day, view.mails_a_day))
    )
