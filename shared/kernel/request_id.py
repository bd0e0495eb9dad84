"""The request id, which connects an answer with its log lines and its audit row."""

import re
from contextvars import ContextVar

from shared.kernel.entropy import Entropy

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")

current_request_id: ContextVar[str | None] = ContextVar("current_request_id", default=None)
"""The id of the request that this task serves. Telemetry adds it to every log line."""


def request_id_for(given: str | None, entropy: Entropy) -> str:
    """The client's id if it has the form of SPEC §2.1, else a new one of 128 random bits in hexadecimal."""
    if given is not None and _SANE.match(given):
        return given
    return entropy.token_bytes(16).hex()
