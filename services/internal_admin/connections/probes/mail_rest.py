"""Mail services over HTTP: their health, with the bearer token."""

from collections.abc import Mapping

from contracts.connection_kinds import Settings
from services.internal_admin.connections.probes.finding import Call, Finding, bearer, call, joined, text
from shared.io.egress import Egress, EgressAnswer


async def probe(egress: Egress, settings: Settings, secrets: Mapping[str, str], asks_without: bool) -> Finding:  # noqa: FBT001
    """Any 2xx is good."""
    url = joined(text(settings, "base_url"), text(settings, "health_path"))
    return await call(egress, Call("GET", url, bearer(secrets, "bearer"), _is_good, {}), asks_without=asks_without)


def _is_good(answer: EgressAnswer) -> bool:
    return 200 <= answer.status <= 299
