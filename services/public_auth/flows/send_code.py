"""`send-email-code`: issues a challenge for every e-mail. There is no other outcome (SPEC §3.4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.public_auth.domain.issue import IssueDecision, NewCode, ShareCode, Withhold
from services.public_auth.domain.login_code import store_code
from services.public_auth.domain.network_tag import network_tags
from services.public_auth.store.issue_challenge import (
    ChallengeDraft,
    IssuePolicy,
    issue_challenge,
    issue_challenges,
)
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.email_address import EmailAddress
from shared.kernel.entropy import Entropy
from shared.kernel.ids import new_challenge_id, new_uuid
from shared.kernel.keyring import KeyRing
from shared.kernel.network import Network
from shared.kernel.sealing import seal
from shared.lifecycle.batching import DecidedAgain, Gathering, Turn, Turns

_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class SendCode:
    """Mail a login code to `email`, if that is allowed."""

    email: EmailAddress
    network: Network = field(repr=False)
    preferred_language: str


class SendCodeFlow:
    """Issues challenges. `on_issued` gets each decision as one word, after it is committed."""

    def __init__(
        self,
        postgres: Postgres,
        turns: Turns,
        *,
        login_code_keys: KeyRing,
        sealing_keys: KeyRing,
        policy: IssuePolicy,
        clock: Clock,
        entropy: Entropy,
        on_issued: Callable[[str], None],
    ) -> None:
        self._issues = gathered_issues(postgres, turns, policy)
        self._login_code_keys = login_code_keys
        self._sealing_keys = sealing_keys
        self._clock = clock
        self._entropy = entropy
        self._on_issued = on_issued

    async def run(self, command: SendCode) -> str:
        """Issues a new challenge and returns its id, after the commit. It never waits for mail.

        Raises `DependencyUnavailable`. The send may then have happened; a repeat shares its code.
        """
        draft = self._draft(command)
        decision = await self._issues.decide(draft)
        self._on_issued(_named(decision))
        return draft.challenge_id

    def _draft(self, command: SendCode) -> ChallengeDraft:
        code = self._entropy.six_digits()
        login_code_id = new_uuid(self._clock, self._entropy)
        # The row's id is associated data, so that a sealed code opens only in its own row (SPEC §7.2).
        key_id, sealed = seal(self._sealing_keys, code.encode("ascii"), login_code_id.bytes, self._entropy)
        return ChallengeDraft(
            email=command.email,
            network=network_tags(self._login_code_keys, command.network),
            preferred_language=command.preferred_language,
            challenge_id=new_challenge_id(self._clock, self._entropy),
            delivery_id=new_uuid(self._clock, self._entropy),
            login_code_id=login_code_id,
            stored_code=store_code(self._login_code_keys, code, self._entropy.token_bytes(_SALT_BYTES)),
            seal_key_id=key_id,
            sealed_code=sealed,
        )


def gathered_issues(postgres: Postgres, turns: Turns, policy: IssuePolicy) -> Gathering[ChallengeDraft, IssueDecision]:
    """Issues challenges in batches; a challenge that contends is issued alone."""

    async def together(drafts: Sequence[ChallengeDraft], _: Turn) -> list[IssueDecision | DecidedAgain]:
        return await postgres.unit_of_work(issue_challenges, drafts, policy)

    async def alone(draft: ChallengeDraft) -> IssueDecision:
        return await postgres.unit_of_work(issue_challenge, draft, policy)

    return Gathering(turns, together, alone)


def _named(decision: IssueDecision) -> str:
    """The decision as one word for a metric."""
    match decision:
        case NewCode():
            return "new_code"
        case ShareCode(mailed=mailed):
            return "shared_mailed" if mailed else "shared_unmailed"
        case Withhold(reason=reason):
            return reason
