"""Domain: the command that revokes an operator's session, and every way it ends."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from services.internal_admin.callers.identity import Caller

RevokeReason: TypeAlias = Literal["log_out", "operator_revoke"]
RevokeOutcome: TypeAlias = Literal["revoked", "already_revoked", "session_not_found"]
"""Its word is that of the answer and of the audit trail."""


@dataclass(frozen=True, slots=True)
class RevokeOperatorSession:
    """`operator_id` asks for it: their own session, or any if they are the owner. Others are not found."""

    operator_session_id: str
    operator_id: str
    reason_code: RevokeReason
    caller: Caller
