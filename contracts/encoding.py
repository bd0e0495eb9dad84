"""Compact JSON of what we send. Below `errors` and `strict_json`, which both need it."""

import json

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))


def encode(value: object) -> bytes:
    """Compact UTF-8 JSON (RFC 8259) of a value made of dicts, lists, strings, integers and booleans, in their order.

    Raises `ValueError` for what JSON cannot carry (a lone surrogate, a non-finite number): our fault, no refusal.
    """
    return _ENCODER.encode(value).encode()
