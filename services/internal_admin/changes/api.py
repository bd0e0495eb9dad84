"""The answers to mutations of the internal API, with an `Idempotency-Key` or without (SPEC §4.3)."""

from collections.abc import Callable

from contracts.errors import ErrorCode, Refusal, encode_error
from services.internal_admin.callers.identity import Identity, is_shared
from services.internal_admin.callers.request import caller_of
from services.internal_admin.changes.domain import (
    Answer,
    Digests,
    KeyConflict,
    KeyedRequest,
    keyed_request,
    sha256_alone,
)
from services.internal_admin.changes.flow import AnsweredChange, OutcomeT, PublishedChange
from shared.web.exchange import Request, Response


def answered(
    change: PublishedChange,
    request: Request,
    identity: Identity | None,
    body_of: Callable[[OutcomeT], bytes],
    *,
    digests: Digests = sha256_alone,
) -> AnsweredChange[OutcomeT]:
    """The change that this request makes. `body_of` raises `Refusal` for a refused outcome; that answer is kept too.

    A request whose body holds a guessable secret needs `digests` with a key, because the digest is kept.

    Raises `Refusal` for a malformed key.
    """

    def answer(outcome: OutcomeT) -> Answer:
        try:
            return Answer(200, body_of(outcome))
        except Refusal as refusal:
            return Answer(refusal.status, encode_error(refusal.code, refusal.message))

    return AnsweredChange(change, answer, _keyed(request, identity, digests))


def response(answer: Answer | KeyConflict) -> Response:
    """The response to an answer. Raises `Refusal` if the key was used for another request."""
    if isinstance(answer, KeyConflict):
        raise Refusal(ErrorCode.IDEMPOTENCY_CONFLICT, "the Idempotency-Key was used for another request")
    return Response(answer.status, answer.body)


def _keyed(request: Request, identity: Identity | None, digests: Digests) -> KeyedRequest | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if_match = request.headers.get("if-match") or ""
    whole = f"{request.method} {request.path}{if_match}\n".encode() + request.body
    try:
        is_one_of_several = identity is not None and is_shared(identity)
        caller = caller_of(request, identity)
        return keyed_request(caller, key, whole, is_shared=is_one_of_several, digests=digests)
    except ValueError as problem:
        raise Refusal(ErrorCode.INVALID_REQUEST, f"Idempotency-Key must be {problem}") from None
