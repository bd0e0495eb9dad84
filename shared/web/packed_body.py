"""The body of a request without its `Content-Encoding`, for routes whose rule says `accepts_gzip`."""

from contracts.errors import ErrorCode, Refusal
from shared.http.gzip_body import BadGzip, UnpackedTooLarge, unpack_gzip
from shared.web.exchange import MAX_BODY_BYTES, Request


def unpacked_body(request: Request, max_bytes: int) -> bytes:
    """The body, unpacked if it is gzip. Check a signature first: it is about the bytes of `request.body`.

    Raises `Refusal`: `request_too_large` if it has more than `max_bytes`, `invalid_request` if it is malformed. Raises
    `Overloaded` if it is large and the memory for large bodies is used up.
    """
    is_gzip = (request.headers.get("content-encoding") or "").lower() == "gzip"
    if not is_gzip and len(request.body) > max_bytes:
        raise Refusal(ErrorCode.REQUEST_TOO_LARGE)
    if not is_gzip:
        return request.body
    try:
        body = unpack_gzip(request.body, max_bytes)
    except UnpackedTooLarge:
        raise Refusal(ErrorCode.REQUEST_TOO_LARGE) from None
    except BadGzip:
        raise Refusal(ErrorCode.INVALID_REQUEST, "the body is no gzip, or has bytes behind it") from None
    if len(body) > MAX_BODY_BYTES:
        request.keep_memory(len(body))
    return body
