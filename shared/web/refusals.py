"""Answers to failed requests. Only this module turns exceptions into error envelopes (SPEC §2.2)."""

import logging
import math
from collections.abc import Iterable
from datetime import timedelta
from typing import cast

from opentelemetry import metrics

from contracts.errors import ERRORS, ErrorCode, Refusal, encode_error
from contracts.signed_request import AUTHENTICATION_SCHEME
from shared.kernel.faults import DependencyUnavailable, Overloaded
from shared.web.exchange import Response

_ERRORS = metrics.get_meter("authsession").create_counter(
    "authsession.errors", unit="{error}", description="Error answers, by code."
)
_log = logging.getLogger("authsession.web.refusals")
_BEARER = (b"www-authenticate", b"Bearer")
_SIGNED_REQUEST = (b"www-authenticate", AUTHENTICATION_SCHEME.encode())
_OF_SIGNED_REQUESTS = frozenset({
    ErrorCode.NODE_UNKNOWN, ErrorCode.NODE_REVOKED, ErrorCode.SESSION_UNKNOWN, ErrorCode.SESSION_REVOKED,
    ErrorCode.PAYLOAD_HASH_MISMATCH, ErrorCode.INVALID_SIGNATURE, ErrorCode.TIMESTAMP_OUT_OF_WINDOW,
    ErrorCode.REQUEST_REPLAYED,
})  # fmt: skip
_RETRY_AFTER_FAULT = timedelta(seconds=1)


def refusal(code: ErrorCode, message: str | None = None, *, retry_after: timedelta | None = None) -> Response:
    """The envelope with the status of `code`. `retry_after` becomes whole seconds, rounded up (RFC 9110 §10.2.3).

    A 401 names a scheme of authentication (RFC 9110 §11.6.1): Bearer (RFC 6750 §3), or that of signed requests.
    """
    _ERRORS.add(1, {"code": code.value})
    status = ERRORS[code].status
    headers = () if retry_after is None else ((b"retry-after", b"%d" % _whole_seconds(retry_after)),)
    challenge = _SIGNED_REQUEST if code in _OF_SIGNED_REQUESTS else _BEARER
    return Response(status, encode_error(code, message), (*headers, challenge) if status == 401 else headers)


def method_not_allowed(allowed: Iterable[str]) -> Response:
    """The answer 405 with the header `Allow` (RFC 9110 §15.5.6)."""
    answer = refusal(ErrorCode.METHOD_NOT_ALLOWED)
    return Response(answer.status, answer.body, ((b"allow", ", ".join(sorted(allowed)).encode("ascii")),))


def answer_to(error: Exception) -> Response:
    """The answer to an exception.

    It is that of a `Refusal`, 503 for an unavailable dependency or a full process, else the constant 500. Faults are
    logged. A full process is not, because a stranger can cause it as often as he likes; the errors by code count it.
    """
    error = _unwrapped(error)
    if isinstance(error, Refusal):
        return refusal(error.code, error.message)
    if isinstance(error, Overloaded):
        return refusal(ErrorCode.SERVICE_UNAVAILABLE, retry_after=error.retry_after)
    if isinstance(error, DependencyUnavailable):
        _log.warning("dependency unavailable", extra={"dependency": error.name}, exc_info=error)
        return refusal(ErrorCode.SERVICE_UNAVAILABLE, retry_after=error.retry_after)
    _log.error("request failed", exc_info=error)
    return refusal(ErrorCode.INTERNAL_ERROR, retry_after=_RETRY_AFTER_FAULT)


def _unwrapped(error: Exception) -> Exception:
    """The exception inside a group of one, as a nursery in an endpoint makes it; other exceptions unchanged."""
    if isinstance(error, ExceptionGroup):
        grouped = cast(ExceptionGroup[Exception], error).exceptions
        return _unwrapped(grouped[0]) if len(grouped) == 1 else cast(Exception, error)
    return error


def _whole_seconds(duration: timedelta) -> int:
    return max(1, math.ceil(duration.total_seconds()))
