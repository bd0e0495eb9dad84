"""Providers of models: the list of models, which needs the key. A health page answers anybody, so it proves nothing."""

from collections.abc import Mapping

from contracts.connection_kinds import Settings
from contracts.errors import Refusal
from contracts.strict_json import decode_object
from services.internal_admin.connections.probes.finding import Call, Finding, bearer, call, joined, text
from shared.io.egress import Egress, EgressAnswer

_ANTHROPIC_VERSION = {"anthropic-version": "2023-06-01"}


async def probe_openai_compatible(
    egress: Egress,
    settings: Settings,
    secrets: Mapping[str, str],
    asks_without: bool,  # noqa: FBT001
) -> Finding:
    """`GET models` below the base URL."""
    url = joined(text(settings, "base_url"), "/models")
    return await call(egress, Call("GET", url, bearer(secrets, "api_key"), _is_good, {}), asks_without=asks_without)


async def probe_anthropic(
    egress: Egress,
    settings: Settings,
    secrets: Mapping[str, str],
    asks_without: bool,  # noqa: FBT001
) -> Finding:
    """`GET v1/models` below the base URL, with one model."""
    url = joined(text(settings, "base_url"), "/v1/models?limit=1")
    credentials = {"x-api-key": secrets["api_key"]}
    probe = Call("GET", url, credentials, _is_good, _ANTHROPIC_VERSION)
    return await call(egress, probe, asks_without=asks_without)


def _is_good(answer: EgressAnswer) -> bool:
    """A 200 with a list. A list of hundreds of models is too long to be read."""
    if answer.status != 200 or answer.is_cut:
        return answer.status == 200
    try:
        return isinstance(decode_object(answer.body).get("data"), list)
    except Refusal:
        return False
