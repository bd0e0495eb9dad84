"""Services with an API key: the operator's own probe, with the key and once without."""

from collections.abc import Mapping

from contracts.connection_kinds import Settings
from services.internal_admin.connections.probes.finding import Call, Finding, call, joined, text
from shared.io.egress import Egress


async def probe(egress: Egress, settings: Settings, secrets: Mapping[str, str], asks_without: bool) -> Finding:  # noqa: FBT001
    """The expected status is good. Any other 2xx is not."""
    url = joined(text(settings, "base_url"), text(settings, "probe_path"))
    credentials = {text(settings, "header"): secrets["api_key"]}
    expected = settings["expected_status"]
    probe = Call("GET", url, credentials, lambda answer: answer.status == expected, {})
    return await call(egress, probe, asks_without=asks_without)
