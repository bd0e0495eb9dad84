"""What a send does: share the newest code, make a new one, or mail nothing. Pure (SPEC §3.4-§3.6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.public_auth.domain.budget import ATTEMPTS_PER_CHALLENGE, MAILS_OF_A_CODE, Budgets, Usage

LOGIN_CODE_LIFE = timedelta(minutes=10)
CHALLENGE_LIFE = timedelta(minutes=10)
SHAREABLE_LIFE = timedelta(minutes=3)
"""A code with more than this to live is shared by a further send."""
MAIL_COOLDOWN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class LiveCode:
    """The newest login code of the address that neither ended nor expired."""

    login_code_id: UUID
    expires_at: datetime
    mailed_at: datetime | None
    """When its newest mail that left, or is about to, was queued."""
    mails: Usage
    """Of those, how many there are."""
    places: Usage
    """Live challenges that share it."""
    oldest_own: "Place | None"
    """The asking network's oldest live challenge on it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A live challenge that could give up its place, as it was read."""

    challenge_id: str
    attempts: int

    @property
    def unspent(self) -> int:
        """Attempts it still reserves."""
        return ATTEMPTS_PER_CHALLENGE - self.attempts


@dataclass(frozen=True, slots=True)
class IssueView:
    """All that the decision needs, read in one statement at the instant `now` of Postgres' clock."""

    now: datetime
    known: bool
    """The e-mail confirmed from this network in the last 90 days."""
    suppressed: str | None
    """Why nothing may be mailed at all, or None."""
    mails_an_hour: Usage
    """Mails to the mailbox, `anna@` and `anna+…@` together, without those whose code logged somebody in."""
    mails_a_day: Usage
    wrong_codes: Usage
    """Wrong codes evaluated in 24 h plus the attempts that live challenges reserve. The asking network's own count anew
    after its success."""
    code: LiveCode | None


@dataclass(frozen=True, slots=True)
class ShareCode:
    """Issue a challenge on the code that lives; mail it again only where `mailed`."""

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
    """Decide one send. The caller commits it only if nothing that `view` holds has changed."""
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
    # A place that is taken over gives back what it reserved; where that covers the need, no budget can refuse.
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
