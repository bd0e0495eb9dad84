"""The one place that constructs the internal process; from top to bottom, what stands on what."""

import logging
from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from functools import partial

import trio

from services.internal_admin.access.domain import Admission
from services.internal_admin.access.flow import Authenticate, GuardTrail, OperatorAuthenticator
from services.internal_admin.access.guard import Guard
from services.internal_admin.audit import retention as audit_retention
from services.internal_admin.audit.sealer import AuditSealer
from services.internal_admin.audit.watch import AuditWatch
from services.internal_admin.blocks import orders as block_orders
from services.internal_admin.callers.route import control_plane_limiter
from services.internal_admin.lock_watch.worker import Blockers
from services.internal_admin.operator_sessions.cookie import SessionCookie
from services.internal_admin.operator_sessions.domain import SessionLives
from services.internal_admin.operator_sessions.opened import OpenedSessions
from services.internal_admin.operators.domain.login import Lockout
from services.internal_admin.operators.flow import AccountFlow
from services.internal_admin.operators.hashing import PasswordHasher
from services.internal_admin.operators.setup_flow import remind_of_owner
from services.internal_admin.retention import worker as retention
from services.internal_admin.routes import control_plane_routes, internal_routes
from services.internal_admin.sessions import expiry as session_expiry
from services.internal_admin.settings import InternalAdminSettings
from services.internal_admin.system_settings import domains as domain_revocation
from services.internal_admin.tokens.uses import IDLE as TOKEN_USES_IDLE
from services.internal_admin.tokens.uses import KeepTokenUses, TokenUses
from shared.db.role_settings import INTERNAL_SETTINGS
from shared.io.aio import open_loop
from shared.io.postgres import Postgres, open_postgres
from shared.io.redis import Redis, open_redis
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from shared.lifecycle.drain import Drain, watch_signals
from shared.lifecycle.supervision import supervise
from shared.projection.guard import ProjectionGuard
from shared.projection.keeper import Keeper
from shared.projection.projection import Projection
from shared.projection.reconciler import BATCH as RECONCILER_BATCH
from shared.projection.reconciler import IDLE as RECONCILER_IDLE
from shared.projection.reconciler import Reconciler
from shared.projection.relay import BATCH as RELAY_BATCH
from shared.projection.relay import Relay
from shared.projection.watch import OutboxWatch
from shared.telemetry.export import open_telemetry
from shared.telemetry.metrics import Metrics
from shared.users.directory import UserDirectory
from shared.users.rest import open_user_directory
from shared.web.app import quart_app
from shared.web.asgi import AsgiApp
from shared.web.client_address import ClientAddresses
from shared.web.dependency_checks import Needs, add_dependency_checks
from shared.web.edge import Edge
from shared.web.exchange import Route
from shared.web.health import Readiness, health_routes
from shared.web.metrics_route import metrics_route
from shared.web.rate_limit import RateLimiter
from shared.web.server.http_connection import Rules
from shared.web.server.serving import serve

_log = logging.getLogger("authsession.internal_admin")


async def run(settings: InternalAdminSettings) -> None:
    """Serve until a signal has drained the server. Raises `ConfigurationError` for an address that cannot be had."""
    process = settings.process
    for warning in process.warnings:
        _log.warning("the configuration has a weakness", extra={"warning": warning})
    async with (
        open_loop(),
        open_telemetry("authsession-internal") as metrics,
        open_postgres(
            process.postgres_dsn,
            application_name="authsession-internal",
            pool_size=process.postgres_pool_size,
            settings=INTERNAL_SETTINGS,
            direct_dsn=process.postgres_direct_dsn,
        ) as postgres,
        open_redis(**asdict(process.redis)) as redis,
        open_user_directory(process.user_service) as users,
    ):
        await _run(settings, metrics, postgres, redis, users)


async def _run(
    settings: InternalAdminSettings, metrics: Metrics, postgres: Postgres, redis: Redis, users: UserDirectory | None
) -> None:
    """Workers outlive the server: the last request still finds its relay."""
    process = settings.process
    postgres.show_pool()
    drain = Drain(delay=process.drain_delay, shutdown_timeout=process.shutdown_timeout)
    projection = Projection(postgres, redis, process.gateway_keys, stream_maxlen=process.gateway_stream_maxlen)
    relay = Relay(postgres, projection)
    keeper = Keeper(postgres, projection, SystemEntropy())
    reconciler = Reconciler(postgres, projection)
    domains = domain_revocation.DomainRevocation(postgres, relay.wake)
    readiness = Readiness(lambda: drain.is_draining)
    needs = Needs("device_sessions", "update", settings.operators.rate_limit_key_prefix)
    add_dependency_checks(readiness, postgres, redis, projection, needs)
    limiter = control_plane_limiter(redis, settings.operators.rate_limit_key_prefix)
    opened = _opened_sessions(settings)
    token_uses = TokenUses()
    guard = _guard(settings, postgres, opened, limiter, token_uses)
    internal = internal_routes(postgres, relay, users=users, mailbox_keys=_mailbox_keys(settings))
    control_plane = control_plane_routes(
        postgres,
        opened,
        _account_flow(settings, postgres),
        limiter,
        allows_loopback_bootstrap=settings.operators.allows_loopback_bootstrap,
        settings_changed=domains.wake,
    )
    app = _app(settings, guard.protect((*internal, *control_plane)), readiness, metrics, drain)

    async with trio.open_nursery() as workers:
        await workers.start(relay.run)
        await workers.start(limiter.run)
        await workers.start(keeper.run)
        await workers.start(ProjectionGuard(postgres, projection, SystemEntropy()).run)
        await workers.start(Blockers(postgres).run)
        await workers.start(partial(
            supervise, relay.step, name="relay", idle=timedelta(seconds=1), wake=relay.wake, batch=RELAY_BATCH
        ))  # fmt: skip
        await workers.start(partial(
            supervise, reconciler.step, name="reconciler", idle=RECONCILER_IDLE, batch=RECONCILER_BATCH
        ))  # fmt: skip
        await workers.start(partial(
            supervise, domains.step, name="domain revocation", idle=domain_revocation.IDLE, wake=domains.wake,
            batch=domain_revocation.BATCH, rest=lambda: domain_revocation.REST,
        ))  # fmt: skip
        await workers.start(partial(
            supervise, OutboxWatch(postgres).step, name="outbox watch", idle=timedelta(seconds=10)
        ))  # fmt: skip
        await _start_trail(workers, postgres, settings.operators.audit_keys)
        await _start_aging(workers, postgres, relay, settings.operators.audit_keys)
        await workers.start(partial(
            supervise, KeepTokenUses(postgres, token_uses).step, name="token uses", idle=TOKEN_USES_IDLE
        ))  # fmt: skip
        if users is not None:
            await _start_block_orders(workers, postgres, users)
        workers.start_soon(remind_of_owner, postgres)
        rules = Rules(process.keep_alive_timeout, settings.trusted_proxies, settings.expects_proxy_protocol)
        async with trio.open_nursery() as server:
            await server.start(watch_signals, drain)
            await server.start(partial(serve, app, settings.http_address, drain=drain, rules=rules))
        workers.cancel_scope.cancel()


async def _start_trail(workers: trio.Nursery, postgres: Postgres, audit_keys: KeyRing) -> None:
    """The audit trail is sealed, and watched."""
    await workers.start(AuditSealer(postgres, audit_keys, SystemClock()).run)
    await workers.start(partial(
        supervise, AuditWatch(postgres).step, name="audit watch", idle=timedelta(seconds=10)
    ))  # fmt: skip


async def _start_block_orders(workers: trio.Nursery, postgres: Postgres, users: UserDirectory) -> None:
    """Blocks reach the user service, when it can be reached."""
    orders = block_orders.BlockOrders(postgres, users, SystemEntropy())
    await workers.start(partial(
        supervise, orders.step, name="block orders", idle=block_orders.IDLE, batch=block_orders.BATCH
    ))  # fmt: skip


async def _start_aging(workers: trio.Nursery, postgres: Postgres, relay: Relay, audit_keys: KeyRing) -> None:
    """What happens to sessions and rows by their age alone (SPEC §5.3, §5.4)."""
    expiry = session_expiry.SessionExpiry(postgres, relay.wake)
    aged_rows, unused_emails = retention.AgedRows(postgres), retention.UnusedEmails(postgres)
    aged_audit = audit_retention.AuditRetention(postgres, audit_keys)
    await workers.start(partial(
        supervise, expiry.step, name="session expiry",
        idle=session_expiry.IDLE, batch=session_expiry.BATCH, rest=lambda: session_expiry.REST,
    ))  # fmt: skip
    for name, worker, batch in (
        ("aged rows", aged_rows, retention.BATCH),
        ("unused e-mails", unused_emails, retention.PAGE),
        ("aged audit trail", aged_audit, audit_retention.BATCH),
    ):
        await workers.start(partial(
            supervise, worker.step, name=name, idle=retention.IDLE, batch=batch, rest=worker.rest
        ))  # fmt: skip


def _app(
    settings: InternalAdminSettings,
    guarded: Iterable[Route],
    readiness: Readiness,
    metrics: Metrics,
    drain: Drain,
) -> AsgiApp:
    """Every route of the internal listener. It shows checks and metrics in full: the internet does not reach it."""
    routes = (
        *guarded,
        *health_routes(readiness, shows_checks=True),
        metrics_route(metrics),
    )
    edge = Edge(
        client_addresses=ClientAddresses(settings.trusted_proxies),
        observe=metrics.observe_request,
        is_draining=lambda: drain.is_draining,
        believes_traceparent=True,
    )
    return quart_app(routes, edge)


def _mailbox_keys(settings: InternalAdminSettings) -> KeyRing | None:
    """They unseal the development mailbox, which there is with stub mail only."""
    return settings.process.sealing_keys if settings.process.mail_service_mode == "stub" else None


def _opened_sessions(settings: InternalAdminSettings) -> OpenedSessions:
    """How operators' sessions are carried."""
    operators = settings.operators
    return OpenedSessions(
        SessionCookie(operators.cookie_keys, SystemEntropy()),
        SessionLives(operators.session_life),
        is_development=not settings.process.is_production,
        allows_insecure_cookies=operators.allows_insecure_cookies,
    )


def _account_flow(settings: InternalAdminSettings, postgres: Postgres) -> AccountFlow:
    """What log-ins and password changes need."""
    operators = settings.operators
    return AccountFlow(
        postgres,
        PasswordHasher(SystemEntropy()),
        SystemClock(),
        SystemEntropy(),
        Lockout(operators.login_max_failures, operators.login_lockout),
        operators.session_life,
    )


def _guard(
    settings: InternalAdminSettings,
    postgres: Postgres,
    opened: OpenedSessions,
    limiter: RateLimiter,
    token_uses: TokenUses,
) -> Guard:
    """What stands before every route but health and metrics."""
    operators = settings.operators
    sessions = OperatorAuthenticator(postgres, opened.lives)
    return Guard(
        Authenticate(postgres, sessions, token_uses, operators.break_glass_token),
        Admission(settings.requires_token, operators.auth_mode),
        opened.cookie,
        limiter,
        GuardTrail(postgres),
        settings.known_hosts,
    )
