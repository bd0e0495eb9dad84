"""The finding of a probe, in words of ours. Nothing of an answer but its status goes further."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from contracts.connection_kinds import Settings
from contracts.control_plane.connections import Result
from shared.io.egress import Egress, EgressAnswer, Method, NoEgress

CALL_TIMEOUT: Final = timedelta(seconds=8)
"""The longest that a call with the secret takes. The rest of the time is for the call without."""
BARE_CALL_TIMEOUT: Final = timedelta(seconds=1.5)
NEEDS_NO_CREDENTIALS: Final = "probe_needs_no_credentials"
"""The far end answered as well without the secret, so the probe proved nothing about it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result, with a word about its cause."""

    result: Result
    detail: str


Probe: TypeAlias = Callable[[Egress, Settings, Mapping[str, str], bool], Awaitable[Finding]]
"""A probe of one kind. The last argument: whether to ask without the secret as well."""
IsGood: TypeAlias = Callable[[EgressAnswer], bool]

VERIFIED: Final = Finding("verified", "verified")
TOO_LONG: Final = Finding("protocol_error", "answer_too_long")
_UNREACHABLE = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Call:
    """A call that proves a connection. `credentials` are the headers with the secret; they may be empty."""

    method: Method
    url: str
    credentials: Mapping[str, str]
    is_good: IsGood
    headers: Mapping[str, str]
    body: bytes | None = None


async def call(egress: Egress, probe: Call, *, asks_without: bool) -> Finding:
    """Make the call, and judge the answer. With `asks_without` a good answer is asked for again without the secret.

    So is one that is too long to be read: it counts only if the far end refuses the call without the secret.
    """
    answer = await _made(egress, probe, probe.credentials, CALL_TIMEOUT)
    finding, is_cut = judged(answer, probe.is_good), isinstance(answer, EgressAnswer) and answer.is_cut
    if finding is VERIFIED and (asks_without or is_cut) and probe.credentials:
        bare = await _made(egress, probe, {}, BARE_CALL_TIMEOUT)
        if isinstance(bare, EgressAnswer) and 200 <= bare.status <= 299:
            return TOO_LONG if is_cut else Finding("verified", NEEDS_NO_CREDENTIALS)
    return finding


def judged(answer: EgressAnswer | NoEgress, is_good: IsGood) -> Finding:
    """The finding of one answer. A status that only tells of the server's state is `unreachable`."""
    if isinstance(answer, NoEgress):
        return Finding(answer.result, answer.result)
    if is_good(answer):
        return VERIFIED
    detail = f"status_{answer.status}"
    if answer.status in (401, 403):
        return Finding("invalid_credentials", detail)
    if answer.status == 429:
        return Finding("rate_limited", detail)
    if answer.status in _UNREACHABLE:
        return Finding("unreachable", detail)
    return Finding("protocol_error", "malformed_answer" if 200 <= answer.status <= 299 else detail)


def text(settings: Settings, name: str) -> str:
    """A setting that is a text."""
    return str(settings[name])


def joined(base_url: str, path: str) -> str:
    """The path below the base URL."""
    return base_url.rstrip("/") + path


def bearer(secrets: Mapping[str, str], name: str) -> dict[str, str]:
    """The header `Authorization` (RFC 6750 §2.1), if the secret is there."""
    return {"authorization": f"Bearer {secrets[name]}"} if name in secrets else {}


async def _made(
    egress: Egress, probe: Call, credentials: Mapping[str, str], timeout: timedelta
) -> EgressAnswer | NoEgress:
    headers = {**probe.headers, **credentials}
    return await egress.call(probe.method, probe.url, timeout=timeout, headers=headers, body=probe.body)
