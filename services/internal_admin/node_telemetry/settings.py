"""Settings of the telemetry relay."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.config import variables
from shared.config.production import is_plain_http
from shared.config.settings import Reading


@dataclass(frozen=True, slots=True)
class NodeTelemetrySettings:
    """The collector's base URL, and the headers of each call, which may hold a credential."""

    base_url: str
    headers: Mapping[str, str] = field(repr=False)


def read_node_telemetry(reading: Reading, *, is_production: bool) -> NodeTelemetrySettings | None:
    """The settings, or None if no collector is named."""
    base_url = reading.optional(variables.NODE_OTLP_ENDPOINT)
    headers = reading.optional(variables.NODE_OTLP_HEADERS) or {}
    if base_url is None:
        return None
    if is_production and headers and is_plain_http(base_url):
        reading.warnings.append(
            f"{variables.NODE_OTLP_ENDPOINT.name} is http: anybody on the path can read the headers of "
            f"{variables.NODE_OTLP_HEADERS.name}; write https"
        )
    return NodeTelemetrySettings(base_url, headers)
