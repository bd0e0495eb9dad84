"""A body in gzip (RFC 1952), unpacked within a limit that holds for the unpacked bytes."""

import zlib

_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class BadGzip(Exception):
    """The bytes are not exactly one whole gzip member."""


class UnpackedTooLarge(Exception):
    """The body would have more than the permitted bytes."""


def unpack_gzip(data: bytes, max_bytes: int) -> bytes:
    """The unpacked body, at most `max_bytes`; no more than one byte beyond is ever unpacked.

    Bytes behind the member are refused, because another reader could ignore them. So is a second member: senders of
    telemetry write one. Raises `BadGzip` or `UnpackedTooLarge`.
    """
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        body = unpacker.decompress(data, max_bytes + 1)
    except zlib.error:
        raise BadGzip from None
    if len(body) > max_bytes:
        raise UnpackedTooLarge
    if not unpacker.eof or unpacker.unused_data:
        raise BadGzip
    return body
