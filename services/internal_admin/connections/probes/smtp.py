"""Mail servers: EHLO, STARTTLS, AUTH, MAIL FROM, RSET and QUIT, and no mail."""

from collections.abc import Mapping
from types import MappingProxyType

from contracts.connection_kinds import Settings
from contracts.control_plane.connections import Result
from services.internal_admin.connections.probes.finding import CALL_TIMEOUT, VERIFIED, Finding, text
from shared.io.egress import Egress
from shared.io.mail_server import smtp_server
from shared.io.smtp import mailbox

_RESULTS: Mapping[str, Result] = MappingProxyType(
    {
        "login_refused": "invalid_credentials",
        "login_deferred": "rate_limited",
        "untrusted_certificate": "tls_failed",
        "tls_failed": "tls_failed",
        "starttls_refused": "tls_failed",
        "sender_deferred": "rate_limited",
        "unreachable": "unreachable",
        "connection_lost": "unreachable",
        "timeout": "timeout",
        "dns_failed": "dns_failed",
        "blocked_address": "blocked_address",
    }
)


async def probe(egress: Egress, settings: Settings, secrets: Mapping[str, str], asks_without: bool) -> Finding:  # noqa: FBT001
    """A mail server needs a log-in for a foreign recipient only, so nothing is asked without it."""
    del asks_without
    sender = text(settings, "from")
    server = smtp_server(settings, secrets)
    if server is None:
        return Finding("protocol_error", "protocol_error")
    async with egress.open_smtp(server, local_name=sender.rpartition("@")[2]) as smtp:
        failure = await smtp.try_out(mailbox(sender), CALL_TIMEOUT)
    if failure is None:
        return VERIFIED
    return Finding(_RESULTS.get(failure.reason, "protocol_error"), failure.reason)
