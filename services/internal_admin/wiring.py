"""Constructs the internal process; no other module does. Resources come first, then features, routes and workers.

`resources.py` has the parts that features share, and `workers.py` the tables of supervised workers.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TypeAlias

import trio

from contracts.self_service import ORDERS_CHANNEL
from services.internal_admin.access.domain import Admission
from services.internal_admin.access.flow import Authenticate, GuardTrail, OperatorAuthenticator
from services.internal_admin.access.guard import Guard
from services.internal_admin.access.limits import control_plane_limiter
from services.internal_admin.agent_keys import api as agent_keys
from services.internal_admin.agents import api as agents
from services.internal_admin.agents.kind import agents_of
from services.internal_admin.audit import api as audit
from services.internal_admin.audit.sealer import AuditSealer
from services.internal_admin.blocks import api as blocks
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.connection_health import api as connection_health
from services.internal_admin.connection_health.worker import HealthProber
from services.internal_admin.connections import api as connections
from services.internal_admin.connections.flow import Verifications
from services.internal_admin.connections.probes import Prober
from services.internal_admin.gateway_configs import api as gateway_configs
from services.internal_admin.gateway_configs.kind import GATEWAY_CONFIG
from services.internal_admin.invitations import api as invitations
from services.internal_admin.listeners import listeners
from services.internal_admin.lock_watch.worker import Blockers
from services.internal_admin.mailbox import api as mailbox
from services.internal_admin.node_access.flow import KnownNodes
from services.internal_admin.node_access.guard import NodeGuard
from services.internal_admin.node_access.replays import Replays
from services.internal_admin.node_config import api as node_config
from services.internal_admin.node_config.flow import Polls, Statuses
from services.internal_admin.node_config.offers import Offers
from services.internal_admin.node_config.published import Published
from services.internal_admin.node_config.rollout import Rollouts
from services.internal_admin.node_config.wake import Wake
from services.internal_admin.node_config.watch import HeadWatch
from services.internal_admin.node_redis_users import api as node_redis_users
from services.internal_admin.node_redis_users.flow import NodeUsers
from services.internal_admin.node_redis_users.worker import NodeUserKeeper
from services.internal_admin.node_secrets import api as node_secrets
from services.internal_admin.node_secrets.flow import SecretOpener
from services.internal_admin.node_telemetry import api as node_telemetry
from services.internal_admin.node_telemetry.collector import open_collector
from services.internal_admin.nodes import api as nodes
from services.internal_admin.nodes import node_api as joins
from services.internal_admin.onboarding import api as onboarding
from services.internal_admin.operator_sessions import api as operator_sessions
from services.internal_admin.operator_sessions.cookie import SessionCookie
from services.internal_admin.operator_sessions.opened import OpenedSessions
from services.internal_admin.operators import api as operators
from services.internal_admin.operators import setup_api as owner_setup
from services.internal_admin.operators.domain.login import Lockout
from services.internal_admin.operators.flow import AccountFlow
from services.internal_admin.operators.hashing import PasswordHasher
from services.internal_admin.operators.setup_flow import remind_of_owner
from services.internal_admin.publication.api import SubjectApi
from services.internal_admin.publication.domain.wake import Several
from services.internal_admin.publication.domain.wake import Wake as Notified
from services.internal_admin.resources import Resources, egress_of, mail_copy_of, vault_of
from services.internal_admin.routes import NODE_ROUTES, ROUTES
from services.internal_admin.secrets import api as secrets
from services.internal_admin.secrets.watch import RingWatch
from services.internal_admin.self_service.worker import SessionOrders
from services.internal_admin.sessions import api as sessions
from services.internal_admin.settings import InternalAdminSettings
from services.internal_admin.system_settings import api as system_settings
from services.internal_admin.system_settings.domains import DomainRevocation
from services.internal_admin.telemetry_target import collectors_of
from services.internal_admin.tokens import api as tokens
from services.internal_admin.tokens.uses import TokenUses
from services.internal_admin.users import api as users
from services.internal_admin.workers import node_user_workers, node_workers, secret_workers, service_workers
from shared.db.role_settings import INTERNAL_SETTINGS
from shared.io.aio import open_loop
from shared.io.egress import Egress
from shared.io.listening import Listener
from shared.io.postgres import open_postgres
from shared.io.redis import open_redis
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.lifecycle.drain import Drain, watch_signals
from shared.lifecycle.supervision import Signal, Worker
from shared.projection.guard import ProjectionGuard
from shared.projection.keeper import Keeper
from shared.projection.projection import Projection
from shared.projection.relay import Relay
from shared.telemetry.export import open_telemetry
from shared.telemetry.metrics import Metrics
from shared.users.rest import open_user_directory
from shared.web.app import quart_app
from shared.web.client_address import ClientAddresses
from shared.web.dependency_checks import Needs, add_dependency_checks
from shared.web.edge import Edge
from shared.web.exchange import Route
from shared.web.health import Readiness
from shared.web.holding import allow_held
from shared.web.server.plain_requests import PlainRequests
from shared.web.server.serving import serve

_log = logging.getLogger("authsession.internal_admin")

Run: TypeAlias = Callable[..., Awaitable[None]]
"""Works until it is cancelled; for `nursery.start`."""


@dataclass(frozen=True, slots=True)
class InternalAdmin:
    """The service, built and not yet running. `loops` pace themselves; `workers` are supervised.

    `node_routes` are all routes under `/api/v1/node/`. They have a listener of their own if the settings say so. They
    need `node_loops`. `wake` ends held polls of nodes whose answer changed.
    """

    projection: Projection
    relay: Relay
    routes: tuple[Route, ...]
    node_routes: tuple[Route, ...]
    wake: Wake
    loops: tuple[Run, ...]
    node_loops: tuple[Run, ...]
    workers: tuple[Worker, ...]


async def run(settings: InternalAdminSettings) -> None:
    """Serves until a signal has drained the server. Raises `ConfigurationError` for an address that is not free."""
    process = settings.process
    for warning in process.warnings:
        _log.warning("insecure configuration", extra={"warning": warning})
    clock, entropy = SystemClock(), SystemEntropy()
    async with (
        open_loop(),
        open_telemetry("authsession-internal", clock) as metrics,
        open_postgres(
            process.postgres_dsn,
            application_name="authsession-internal",
            pool_size=process.postgres_pool_size,
            settings=INTERNAL_SETTINGS,
            direct_dsn=process.postgres_direct_dsn,
        ) as postgres,
        open_redis(**asdict(process.redis)) as redis,
        open_user_directory(process.user_service) as directory,
        open_collector(settings.node_telemetry) as collector,
    ):
        prefix, every_route = settings.operators.rate_limit_key_prefix, (*ROUTES, *NODE_ROUTES)
        limiter = control_plane_limiter(redis, prefix, every_route)
        resources = Resources(postgres, redis, directory, collector, limiter, PasswordHasher(entropy), clock, entropy)
        await _serve(build(resources, settings), resources, settings, metrics)


def build(resources: Resources, settings: InternalAdminSettings) -> InternalAdmin:
    """All of the service but its listener."""
    process, postgres = settings.process, resources.postgres
    projection = Projection(
        postgres, resources.redis, process.gateway_keys, stream_maxlen=process.gateway_stream_maxlen
    )
    relay, uses = Relay(postgres, projection), TokenUses()
    domains, change = DomainRevocation(postgres, relay.wake), PublishedChange(postgres, relay)
    wake = Wake(resources.redis, settings.operators.rate_limit_key_prefix + "wake", resources.entropy)
    watch, offers, node_users = HeadWatch(postgres, wake), Offers(postgres), _node_users(resources, settings)
    egress, orders = egress_of(settings), SessionOrders(postgres, relay)
    prober = Prober(egress)
    return InternalAdmin(
        projection,
        relay,
        routes=_routes(
            resources,
            settings,
            change,
            domains.wake,
            uses,
            wake,
            prober,
            nodes_changed=wake if node_users is None else Several((wake, node_users.revoked)),
        ),
        node_routes=_node_routes(resources, settings, change, wake, watch, offers, node_users, egress),
        wake=wake,
        loops=(
            relay.run,
            resources.limiter.run,
            Keeper(postgres, projection, resources.entropy).run,
            ProjectionGuard(postgres, projection, resources.entropy).run,
            Blockers(postgres).run,
            Listener(postgres, ORDERS_CHANNEL, orders.wake.notify).run,
            HealthProber(postgres, settings.secret_keys, prober, resources.entropy).run,
            AuditSealer(postgres, settings.operators.audit_keys, resources.clock, resources.entropy).run,
            *(() if node_users is None else (NodeUserKeeper(postgres, node_users, resources.entropy).run,)),
        ),
        workers=(
            *service_workers(resources, settings, projection, relay, domains, orders, uses, wake),
            *node_workers(postgres, offers),
            *node_user_workers(postgres, node_users),
            *secret_workers(resources, settings),
        ),
        node_loops=(wake.run, watch.run),
    )


def _routes(
    resources: Resources,
    settings: InternalAdminSettings,
    change: PublishedChange,
    settings_changed: Signal,
    uses: TokenUses,
    wake: Wake,
    prober: Prober,
    nodes_changed: Notified,
) -> tuple[Route, ...]:
    """`ROUTES`, each with its api, behind the guard. The development mailbox exists with stub mail only."""
    postgres, directory, clock, entropy = resources.postgres, resources.directory, resources.clock, resources.entropy
    process, opened, accounts = settings.process, _opened_sessions(resources, settings), _accounts(resources, settings)
    protect = _guard(resources, settings, opened, uses).protect
    setup_api = owner_setup.OwnerSetupApi(accounts, opened, settings.operators.allows_loopback_bootstrap)
    publishing = (postgres, change, settings.config_keys, wake, clock, entropy)
    mailbox_api = mailbox.MailboxApi(postgres, process.sealing_keys)
    vault = vault_of(resources, settings)
    return (
        *protect(sessions.ROUTES, sessions.SessionApi(postgres, change)),
        *protect(users.ROUTES, users.UserApi(postgres, change, directory)),
        *protect(blocks.ROUTES, blocks.BlockApi(postgres, change, directory)),
        *protect(invitations.ROUTES, invitations.InvitationApi(postgres, change, clock, entropy)),
        *(protect(mailbox.ROUTES, mailbox_api) if process.mail_service_mode == "stub" else ()),
        *protect(owner_setup.ROUTES, setup_api),
        *protect(operators.ROUTES, operators.AccountApi(accounts, opened)),
        *protect(operator_sessions.ROUTES, operator_sessions.OperatorSessionApi(postgres, opened)),
        *protect(tokens.ROUTES, tokens.TokenApi(postgres, clock, entropy)),
        *protect(audit.ROUTES, audit.AuditApi(postgres)),
        *protect(system_settings.ROUTES, system_settings.SettingsApi(postgres, settings_changed)),
        *protect(onboarding.ROUTES, onboarding.OnboardingApi(postgres)),
        *protect(connections.ROUTES, _connections(resources, settings, change, wake, prober)),
        *protect(connection_health.ROUTES, connection_health.HealthApi(postgres)),
        *protect(gateway_configs.ROUTES, SubjectApi(GATEWAY_CONFIG, *publishing)),
        *protect(agents.ROUTES, SubjectApi(agents_of(settings.config_keys), *publishing)),
        *protect(agents.PROMPT_ROUTES, agents.PromptApi(postgres)),
        *protect(agent_keys.ROUTES, agent_keys.AgentKeyApi(change, clock, entropy)),
        *protect(node_config.ROUTES, node_config.RolloutApi(Rollouts(postgres))),
        *protect(nodes.ROUTES, nodes.NodesApi(postgres, settings.config_keys, clock, entropy, nodes_changed)),
        *protect(secrets.ROUTES, secrets.SecretApi(postgres, change, vault, wake.notify)),
    )


def _connections(
    resources: Resources, settings: InternalAdminSettings, change: PublishedChange, wake: Wake, prober: Prober
) -> connections.ConnectionApi:
    """The routes of connections."""
    vault, copy = vault_of(resources, settings), mail_copy_of(resources, settings)
    verifications = Verifications(resources.postgres, vault, copy, prober, wake)
    return connections.ConnectionApi(resources.postgres, change, vault, copy, verifications)


def _node_routes(
    resources: Resources,
    settings: InternalAdminSettings,
    change: PublishedChange,
    wake: Wake,
    watch: HeadWatch,
    offers: Offers,
    node_users: NodeUsers | None,
    egress: Egress,
) -> tuple[Route, ...]:
    """`NODE_ROUTES`, each with its api, behind the guard of nodes."""
    postgres, clock, entropy, keys = resources.postgres, resources.clock, resources.entropy, settings.config_keys
    protect = NodeGuard(KnownNodes(postgres), Replays(), resources.limiter).protect
    opener = SecretOpener(postgres, settings.secret_keys, keys)
    polls = Polls(postgres, watch, Published(postgres), offers, keys, entropy)
    return (
        *protect(joins.NODE_ROUTES, joins.JoinApi(postgres, keys, clock, entropy)),
        *protect(node_config.NODE_ROUTES, node_config.NodeConfigApi(polls, Statuses(postgres, wake))),
        *protect(node_telemetry.ROUTES, node_telemetry.TelemetryApi(collectors_of(resources, settings, egress))),
        *protect(node_redis_users.ROUTES, node_redis_users.RedisUserApi(node_users, keys, entropy)),
        *protect(agent_keys.NODE_ROUTES, agent_keys.AgentKeyApi(change, clock, entropy)),
        *protect(node_secrets.ROUTES, node_secrets.NodeSecretsApi(opener)),
    )


def _node_users(resources: Resources, settings: InternalAdminSettings) -> NodeUsers | None:
    """The users of Redis that nodes have for themselves, if the setting is on."""
    keys = settings.process.gateway_keys
    return NodeUsers(resources.postgres, resources.redis, keys) if settings.gives_redis_users else None


def _opened_sessions(resources: Resources, settings: InternalAdminSettings) -> OpenedSessions:
    """The answers that open operators' sessions, in a body or a cookie."""
    return OpenedSessions(
        SessionCookie(settings.operators.cookie_keys, resources.entropy),
        settings.operators.session_lives,
        is_development=not settings.process.is_production,
        allows_insecure_cookies=settings.operators.allows_insecure_cookies,
    )


def _accounts(resources: Resources, settings: InternalAdminSettings) -> AccountFlow:
    """The parts of log-ins and password changes."""
    lockout = Lockout(settings.operators.login_max_failures, settings.operators.login_lockout)
    life = settings.operators.session_lives.absolute
    return AccountFlow(resources.postgres, resources.hasher, resources.clock, resources.entropy, lockout, life)


def _guard(resources: Resources, settings: InternalAdminSettings, opened: OpenedSessions, uses: TokenUses) -> Guard:
    """The guard before every route but health and metrics."""
    postgres, operator_settings = resources.postgres, settings.operators
    by_session = OperatorAuthenticator(postgres, opened.lives)
    return Guard(
        Authenticate(postgres, by_session, uses, operator_settings.break_glass_token),
        Admission(settings.requires_token, operator_settings.auth_mode),
        opened.cookie,
        resources.limiter,
        GuardTrail(postgres),
        settings.known_hosts,
    )


async def _serve(
    service: InternalAdmin, resources: Resources, settings: InternalAdminSettings, metrics: Metrics
) -> None:
    """Run workers and servers. Workers end after the servers, so that the last request still finds its relay.

    Raises `ConfigurationError` if a stored secret needs a key that the ring lacks.
    """
    process = settings.process
    ring = RingWatch(resources.postgres, settings.secret_keys)
    await ring.refuse_start()
    resources.postgres.show_pool()
    allow_held()
    drain = Drain(delay=process.drain_delay, shutdown_timeout=process.shutdown_timeout)
    readiness = Readiness(lambda: drain.is_draining)
    needs = Needs("device_sessions", "update", settings.operators.rate_limit_key_prefix)
    add_dependency_checks(readiness, resources.postgres, resources.redis, service.projection, needs)
    readiness.add("secret_keys", ring.check, is_required=True)
    async with trio.open_nursery() as workers:
        for work in (
            *service.loops,
            *service.node_loops,
            *(partial(worker.run, resources.entropy) for worker in service.workers),
        ):
            await workers.start(work)
        workers.start_soon(remind_of_owner, resources.postgres)
        async with trio.open_nursery() as servers:
            await servers.start(watch_signals, drain)
            for listener in listeners(service.routes, service.node_routes, settings, readiness, metrics):
                edge = Edge(
                    resources.entropy,
                    client_addresses=ClientAddresses(settings.trusted_proxies),
                    observe=metrics.observe_request,
                    is_draining=lambda: drain.is_draining,
                    believes_traceparent=listener.believes_traceparent,
                )
                workers.start_soon(edge.holds.end_at, drain.draining)
                if listener.plain:
                    edge.holds.show()
                await servers.start(partial(
                    serve, quart_app(listener.routes, edge), listener.address,
                    drain=drain, clock=resources.clock, entropy=resources.entropy,
                    plain=PlainRequests(listener.plain, edge), rules=listener.rules,
                ))  # fmt: skip
        workers.cancel_scope.cancel()
