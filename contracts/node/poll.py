"""A node polls for its configuration: `GET /api/v1/node/config` (SPEC §16)."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from contracts.encoding import encode
from contracts.node.manifest import MAX_MANIFEST_BYTES, MAX_STATEMENT_BYTES, read_digest
from contracts.node.signed import Signed, read_signed, signed_fields
from contracts.strict_json import Fields, decode_object, invalid, known_fields, read_text
from contracts.strict_query import decode_query

DEFAULT_WAIT: Final = 0
MAX_WAIT: Final = 50
"""Seconds. An answer comes up to a sixteenth later, so that nodes do not poll in step."""

_QUERY_NAMES = frozenset({"have", "rejected", "wait"})
_ANSWER_NAMES = frozenset({"statement", "manifest"})
_WAIT = re.compile(r"0|[1-9][0-9]?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Poll:
    """`have` is the digest of the applied manifest, and `rejected` of one that the node refuses. `wait` is in seconds.

    Both digests count as seen: the answer waits until the current digest is another one.
    """

    have: str | None = None
    rejected: str | None = None
    wait: int = DEFAULT_WAIT


@dataclass(frozen=True, slots=True)
class PollAnswer:
    """The signed statement, and the signed manifest unless the node has it."""

    statement: Signed
    manifest: Signed | None


def decode_poll(query: str) -> Poll:
    """The query of a poll. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    parameters = decode_query(query, _QUERY_NAMES)
    return Poll(_optional_digest(parameters, "have"), _optional_digest(parameters, "rejected"), _read_wait(parameters))


def encode_poll(poll: Poll) -> str:
    """The query of a poll, without `?`."""
    given = {"have": poll.have, "rejected": poll.rejected, "wait": str(poll.wait)}
    return urlencode({name: value for name, value in given.items() if value is not None})


def encode_poll_answer(statement: Signed, manifest: Signed | None) -> bytes:
    """The answer to a poll."""
    answer: dict[str, object] = {"statement": signed_fields(statement)}
    return encode(answer if manifest is None else {**answer, "manifest": signed_fields(manifest)})


def decode_poll_answer(body: bytes) -> PollAnswer:
    """The answer to a poll. No signature is checked. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _ANSWER_NAMES)
    manifest = fields.get("manifest")
    return PollAnswer(
        read_signed(fields.get("statement"), "statement", MAX_STATEMENT_BYTES),
        None if manifest is None else read_signed(manifest, "manifest", MAX_MANIFEST_BYTES),
    )


def _optional_digest(parameters: Fields, name: str) -> str | None:
    return read_digest(parameters, name) if parameters.get(name) else None


def _read_wait(parameters: Fields) -> int:
    if "wait" not in parameters:
        return DEFAULT_WAIT
    text = read_text(parameters, "wait")
    if not _WAIT.fullmatch(text) or int(text) > MAX_WAIT:
        raise invalid(f"wait must be a whole number from 0 to {MAX_WAIT}")
    return int(text)
