"""The id that ties an answer, its log lines and its audit row together."""

import re
from contextvars import ContextVar

from shared.kernel.entropy import Entropy

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")

current_request_id: ContextVar[str | None] = ContextVar("current_request_id", default=None)
"""Set for the task of a request; telemetry puts it on every log line."""


def request_id_for(given: str | None, entropy: Entropy) -> str:
    """`given` when it is sane (SPEC §2.1), else a new one of 128 random bits."""
    if given is not None and _SANE.match(given):
        return given
    return entropy.token_bytes(16).hex()
