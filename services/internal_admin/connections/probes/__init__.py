"""Probes: one real, authenticated and harmless call for each kind of connection (SPEC §18.1)."""

from collections.abc import Mapping
from time import perf_counter
from types import MappingProxyType
from typing import Final

import trio

from contracts.connection_kinds import KINDS, Settings
from services.internal_admin.connections.domain import Probed
from services.internal_admin.connections.probes import api_key, mail_rest, models, otlp, smtp, user_service
from services.internal_admin.connections.probes.finding import Finding, Probe
from shared.io.egress import Egress

PROBE_SECONDS: Final = 10.0
"""The longest that a probe takes."""

_PROBES: Mapping[str, Probe] = MappingProxyType(
    {
        "smtp": smtp.probe,
        "mail_rest": mail_rest.probe,
        "user_service": user_service.probe,
        "otlp": otlp.probe,
        "openai_compatible": models.probe_openai_compatible,
        "anthropic": models.probe_anthropic,
        "api_key": api_key.probe,
    }
)


class Prober:
    """Probes far ends. Every call of it goes through the egress room."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def can_be_called(self, kind: str, settings: Settings) -> bool:
        """Whether the URL has a form that every reader reads alike: nodes call it too, with readers of their own."""
        far_ends = (str(settings[field.name]) for field in KINDS[kind].fields if field.has_far_end)
        return all(self._egress.refusal_of_url(each) != "protocol_error" for each in far_ends if "://" in each)

    async def probe(
        self, kind: str, settings: Settings, secrets: Mapping[str, str], *, is_verification: bool = True
    ) -> Probed:
        """How the far end answers, within `PROBE_SECONDS`. It never fails.

        A verification also asks once without the secret, to tell whether the probe proved it.
        """
        started, finding = perf_counter(), Finding("timeout", "timeout")
        with trio.move_on_after(PROBE_SECONDS):
            finding = await _PROBES[kind](self._egress, settings, secrets, is_verification)
        return Probed(finding.result, finding.detail, round((perf_counter() - started) * 1000))
