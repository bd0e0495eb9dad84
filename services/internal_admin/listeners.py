"""The listeners of the internal process, each with its address and routes. Nodes may have one of their own."""

from dataclasses import dataclass

from services.internal_admin.settings import InternalAdminSettings
from shared.kernel.address import Address
from shared.telemetry.metrics import Metrics
from shared.web.exchange import Route
from shared.web.health import Readiness, health_routes
from shared.web.metrics_route import metrics_route
from shared.web.server.http_connection import Rules


@dataclass(frozen=True, slots=True)
class Listener:
    """An address to listen on. `plain` are those of its routes that are answered without a framework."""

    address: Address
    routes: tuple[Route, ...]
    plain: tuple[Route, ...]
    rules: Rules
    believes_traceparent: bool


def listeners(
    routes: tuple[Route, ...],
    node_routes: tuple[Route, ...],
    settings: InternalAdminSettings,
    readiness: Readiness,
    metrics: Metrics,
) -> tuple[Listener, ...]:
    """The listeners to serve.

    The internal one shows checks and metrics in full. A listener for nodes may be reached from farther away, so it
    shows neither, and no trace of a stranger continues there.
    """
    shown = (*health_routes(readiness, shows_checks=True), metrics_route(metrics))
    rules = _rules(settings, expects_proxy_protocol=settings.expects_proxy_protocol)
    if settings.node_http_address is None:
        together = (*routes, *node_routes, *shown)
        return (Listener(settings.http_address, together, node_routes, rules, believes_traceparent=True),)
    for_nodes = (*node_routes, *health_routes(readiness, shows_checks=False))
    node_rules = _rules(settings, expects_proxy_protocol=settings.nodes_expect_proxy_protocol)
    return (
        Listener(settings.http_address, (*routes, *shown), (), rules, believes_traceparent=True),
        Listener(settings.node_http_address, for_nodes, node_routes, node_rules, believes_traceparent=False),
    )


def _rules(settings: InternalAdminSettings, *, expects_proxy_protocol: bool) -> Rules:
    return Rules(settings.process.keep_alive_timeout, settings.trusted_proxies, expects_proxy_protocol)
