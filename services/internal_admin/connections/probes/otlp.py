"""Collectors: an export without a span, which is an empty protobuf message."""

from collections.abc import Mapping

from contracts.connection_kinds import Settings, header_list
from services.internal_admin.connections.probes.finding import Call, Finding, call, joined, text
from shared.io.egress import Egress, EgressAnswer

_PROTOBUF = {"content-type": "application/x-protobuf"}


async def probe(egress: Egress, settings: Settings, secrets: Mapping[str, str], asks_without: bool) -> Finding:  # noqa: FBT001
    """200 is good (OTLP/HTTP §2.1); its body is not read."""
    url = joined(text(settings, "endpoint"), "/v1/traces")
    credentials = header_list(secrets["headers"]) or {} if "headers" in secrets else {}
    return await call(egress, Call("POST", url, credentials, _is_good, _PROTOBUF, b""), asks_without=asks_without)


def _is_good(answer: EgressAnswer) -> bool:
    return answer.status == 200
