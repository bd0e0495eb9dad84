"""Api: what several routes read from a request in the same way."""

from typing import Protocol

from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.identity import Identity, Operator
from services.internal_admin.callers.mutation import Caller, Cause
from shared.kernel.actor import Actor
from shared.kernel.block import Subject
from shared.kernel.email_address import EmailAddress, parse_email
from shared.kernel.faults import InvariantBroken
from shared.web.exchange import Request


class Attributed(Protocol):
    """A decoded mutation: each says why, and who acted as the caller claims."""

    @property
    def reason_code(self) -> str: ...
    @property
    def actor_type(self) -> str: ...
    @property
    def actor_id(self) -> str | None: ...


def caller_of(request: Request, identity: Identity | None) -> Caller:
    """Who was authenticated, `anonymous` for nobody, and from where."""
    return Caller(identity.name if identity else "anonymous", request.client.network.text, request.request_id)


def operator_of(identity: Identity | None) -> Operator:
    """The operator, on routes for which `ACCESS` admits nobody else."""
    if not isinstance(identity, Operator):
        raise InvariantBroken("this route is an operator's")
    return identity


def cause_of(request: Request, identity: Identity | None, mutation: Attributed) -> Cause:
    """Why the mutation is done: the authenticated caller and the claimed actor apart (SPEC §4.4)."""
    actor = Actor(mutation.actor_type, mutation.actor_id)
    return Cause(mutation.reason_code, actor, caller_of(request, identity))


def email_address(text: str) -> EmailAddress:
    """The address, or the refusal `invalid_request`."""
    try:
        return parse_email(text)
    except ValueError:
        raise Refusal(ErrorCode.INVALID_REQUEST, "email is not a valid e-mail address") from None


def subject_of(email: str | None, user_id: str | None) -> Subject:
    """The subject that exactly one of both names."""
    if user_id is not None:
        return Subject("user_id", user_id)
    return Subject("email", email_address(email or "").folded)
