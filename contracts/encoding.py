"""Compact JSON of requests and answers that we send. `errors` and `strict_json` both import it."""

import json

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))


def encode(value: object) -> bytes:
    """Compact UTF-8 JSON (RFC 8259) of dicts, lists, strings, integers and booleans; names keep their order.

    Raises `ValueError` for a lone surrogate or a non-finite number. That is our own fault, so it is no `Refusal`.
    """
    return _ENCODER.encode(value).encode()
