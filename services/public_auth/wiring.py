"""Constructs the public process; no other module does. Resources come first, then flows, routes and workers."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TypeAlias

import trio
from opentelemetry.metrics import Meter

from services.public_auth.api.notices import revoke_by_notice
from services.public_auth.api.routes import (
    CONFIRM,
    SELF_SERVICE_NETWORK,
    SEND,
    notice_routes,
    public_routes,
    self_service_routes,
)
from services.public_auth.api.self_service import SELF_SERVICE, SelfServiceApi
from services.public_auth.flows.confirm_code import ConfirmCodeFlow
from services.public_auth.flows.new_notices import NewNotices
from services.public_auth.flows.order_watch import OrderWatch
from services.public_auth.flows.self_service import SelfServiceFlow
from services.public_auth.flows.send_code import SendCodeFlow
from services.public_auth.mail.addressee import anyone, as_known_to
from services.public_auth.mail.connection import ConnectionTransport, open_connection_transport
from services.public_auth.mail.courier import Courier
from services.public_auth.mail.eraser import BATCH as ERASER_BATCH
from services.public_auth.mail.eraser import Eraser
from services.public_auth.mail.letter_courier import CONCURRENCY as LETTERS_AT_ONCE
from services.public_auth.mail.letter_courier import LetterCourier
from services.public_auth.mail.metrics import count_settled
from services.public_auth.mail.queue_watch import QueueWatch
from services.public_auth.mail.transport import MailTransport
from services.public_auth.mail.transports import open_transport
from services.public_auth.mail_settings import ConnectionMail, StubMail
from services.public_auth.metrics import counts_by_outcome
from services.public_auth.settings import PublicAuthSettings
from services.public_auth.store.issue_challenge import IssuePolicy, NewAddressMailLimit
from services.public_auth.store.mail_connection import read_mail_connection
from shared.db.role_settings import PUBLIC_SETTINGS
from shared.io.aio import open_loop
from shared.io.egress import Egress
from shared.io.postgres import Postgres, open_postgres
from shared.io.redis import Redis, open_redis
from shared.kernel.clock import Clock, SystemClock
from shared.kernel.entropy import Entropy, SystemEntropy
from shared.lifecycle.batching import Turns
from shared.lifecycle.drain import Drain, watch_signals
from shared.lifecycle.supervision import Signal, Worker
from shared.projection.keeper import Keeper
from shared.projection.projection import Projection
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
from shared.web.cors import Cors
from shared.web.dependency_checks import Needs, add_dependency_checks
from shared.web.edge import Edge
from shared.web.exchange import Route
from shared.web.health import Check, NotReady, Readiness, health_routes
from shared.web.metrics_route import metrics_route
from shared.web.rate_limit import RateLimiter
from shared.web.server.http_connection import Rules
from shared.web.server.plain_requests import PlainRequests
from shared.web.server.serving import serve

_log = logging.getLogger("authsession.public_auth")

WATCH_IDLE = timedelta(seconds=10)
COURIER_LINGER = timedelta(milliseconds=50)
KEEPER_PATIENCE = timedelta(seconds=4)
"""Longer than the internal process' patience, so that the internal process keeps the projection while it runs."""

_SESSIONS_OF_A_NETWORK = 10
"""How many sessions of a network may use self-service as fast as they can, at once."""

Run: TypeAlias = Callable[..., Awaitable[None]]
"""Works until it is cancelled; for `nursery.start`."""


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of the service. `directory` is None where users live in our own Postgres."""

    postgres: Postgres
    redis: Redis
    transport: MailTransport
    directory: UserDirectory | None
    meter: Meter
    clock: Clock
    entropy: Entropy


@dataclass(frozen=True, slots=True)
class PublicAuth:
    """The service, built and not yet running. `loops` pace themselves; `workers` are supervised."""

    projection: Projection
    routes: tuple[Route, ...]
    loops: tuple[Run, ...]
    workers: tuple[Worker, ...]


async def run(settings: PublicAuthSettings) -> None:
    """Serves until SIGTERM or SIGINT has drained the server. Raises `ConfigurationError` if an address is not free."""
    process = settings.process
    for warning in process.warnings:
        _log.warning("insecure configuration", extra={"warning": warning})
    clock, entropy = SystemClock(), SystemEntropy()
    async with (
        open_loop(),
        open_telemetry("authsession-public", clock) as metrics,
        open_postgres(
            process.postgres_dsn,
            application_name="authsession-public",
            pool_size=process.postgres_pool_size,
            settings=PUBLIC_SETTINGS,
            direct_dsn=process.postgres_direct_dsn,
        ) as postgres,
        open_redis(**asdict(process.redis)) as redis,
        _open_mail(settings, postgres) as transport,
        open_user_directory(process.user_service) as directory,
    ):
        resources = Resources(postgres, redis, transport, directory, metrics.meter, clock, entropy)
        await _serve(build(resources, settings), resources, settings, metrics)


@asynccontextmanager
async def _open_mail(settings: PublicAuthSettings, postgres: Postgres) -> AsyncGenerator[MailTransport]:
    mail, egress = settings.mail, settings.process.egress
    if not isinstance(mail, ConnectionMail):
        async with open_transport(mail, concurrency=settings.mail_concurrency + LETTERS_AT_ONCE) as transport:
            yield transport
        return
    async with open_connection_transport(
        partial(postgres.unit_of_work, read_mail_connection),
        mail,
        keys=settings.process.sealing_keys,
        egress=Egress(egress.rules, proxy=egress.proxy, own=egress.own),
    ) as by_connection:
        yield by_connection


def build(resources: Resources, settings: PublicAuthSettings) -> PublicAuth:
    """All of the service but its listeners."""
    process, postgres, entropy = settings.process, resources.postgres, resources.entropy
    projection = Projection(
        postgres, resources.redis, process.gateway_keys, stream_maxlen=process.gateway_stream_maxlen
    )
    relay, courier, limiter = Relay(postgres, projection), _courier(resources, settings), _limiter(resources, settings)
    turns = Turns()
    send_code = _send_code(resources, settings, turns, mail_queued=courier.wake)
    confirm_code = _confirm_code(resources, settings, turns, relay)
    letters = _letters(resources, settings)
    confirm_code.new_notice = NewNotices(
        process.sealing_keys, resources.clock, entropy, has_page=settings.public_host is not None
    )
    confirm_code.on_noticed = letters.wake.notify
    orders = OrderWatch(postgres)
    ordering = SelfServiceFlow(postgres, orders)
    self_service_count = counts_by_outcome(
        resources.meter, "authsession.self_service", "Calls of self-service, by outcome."
    )
    notice_count = counts_by_outcome(
        resources.meter, "authsession.notice_revocations", "Sessions ended by the link of a notice, by outcome."
    )
    return PublicAuth(
        projection,
        routes=(
            *public_routes(send_code, confirm_code, limiter, settings.public_host),
            *self_service_routes(SelfServiceApi(ordering, limiter, self_service_count), limiter),
            *notice_routes(revoke_by_notice(ordering, notice_count), limiter),
        ),
        loops=(
            limiter.run,
            relay.run,
            Keeper(postgres, projection, entropy, patience=KEEPER_PATIENCE, finds_strays=False).run,
            courier.run,
            orders.run,
        ),
        workers=(
            Worker("relay", relay.step, idle=timedelta(seconds=1), batch=RELAY_BATCH, wake=relay.wake),
            Worker("mail queue watch", QueueWatch(postgres).step, idle=WATCH_IDLE),
            Worker("outbox watch", OutboxWatch(postgres).step, idle=WATCH_IDLE),
            Worker("letter courier", letters.step, idle=timedelta(seconds=1), wake=letters.wake),
            Worker("eraser", Eraser(postgres).step, idle=timedelta(seconds=5), batch=ERASER_BATCH),
        ),
    )


def _limiter(resources: Resources, settings: PublicAuthSettings) -> RateLimiter:
    own = settings.self_service_rate_limit
    return RateLimiter(
        resources.redis,
        {
            SEND: settings.send_rate_limit,
            CONFIRM: settings.confirm_rate_limit,
            SELF_SERVICE: own,
            SELF_SERVICE_NETWORK: None if own is None else replace(own, count=_SESSIONS_OF_A_NETWORK * own.count),
        },
        total=settings.public_rate_limit,
        key_prefix=settings.rate_limit_key_prefix,
    )


def _courier(resources: Resources, settings: PublicAuthSettings) -> Courier:
    directory, transport = resources.directory, resources.transport
    courier = Courier(
        resources.postgres,
        transport,
        sealing_keys=settings.process.sealing_keys,
        entropy=resources.entropy,
        concurrency=settings.mail_concurrency,
        linger=COURIER_LINGER,
        on_settled=count_settled,
        examined=anyone if directory is None else as_known_to(directory),
    )
    if isinstance(transport, ConnectionTransport):
        courier.far_end = transport.far_end
    return courier


def _letters(resources: Resources, settings: PublicAuthSettings) -> LetterCourier:
    transport = resources.transport
    courier = LetterCourier(
        resources.postgres,
        transport,
        sealing_keys=settings.process.sealing_keys,
        entropy=resources.entropy,
        public_host=settings.public_host,
        is_mailbox=isinstance(settings.mail, StubMail),
    )
    if isinstance(transport, ConnectionTransport):
        courier.far_end = transport.far_end
    return courier


def _send_code(resources: Resources, settings: PublicAuthSettings, turns: Turns, mail_queued: Signal) -> SendCodeFlow:
    count = counts_by_outcome(resources.meter, "authsession.sends", "Calls of `send-email-code`, by outcome.")
    users_live_here = resources.directory is None
    return SendCodeFlow(
        resources.postgres,
        turns,
        login_code_keys=settings.process.login_code_keys,
        sealing_keys=settings.process.sealing_keys,
        policy=IssuePolicy(settings.budgets, _new_address_mail_limit(settings), users_live_here=users_live_here),
        clock=resources.clock,
        entropy=resources.entropy,
        on_issued=_both(count, lambda _: mail_queued.notify()),
    )


def _confirm_code(resources: Resources, settings: PublicAuthSettings, turns: Turns, relay: Relay) -> ConfirmCodeFlow:
    return ConfirmCodeFlow(
        resources.postgres,
        turns,
        relay,
        users=resources.directory,
        login_code_keys=settings.process.login_code_keys,
        clock=resources.clock,
        entropy=resources.entropy,
        on_confirmed=counts_by_outcome(
            resources.meter, "authsession.confirms", "Calls of `confirm-email-code`, by outcome."
        ),
    )


async def _serve(service: PublicAuth, resources: Resources, settings: PublicAuthSettings, metrics: Metrics) -> None:
    """Workers end after the server, so that the last request still finds its relay."""
    process = settings.process
    resources.postgres.show_pool()
    drain = Drain(delay=process.drain_delay, shutdown_timeout=process.shutdown_timeout)
    readiness = Readiness(lambda: drain.is_draining)
    needs = Needs("login_codes", "insert", settings.rate_limit_key_prefix)
    add_dependency_checks(readiness, resources.postgres, resources.redis, service.projection, needs)
    if isinstance(resources.transport, ConnectionTransport):
        readiness.add("mail", _mail_check(resources.transport), is_required=False)
    cors = Cors(settings.cors_origins)
    edge = Edge(
        resources.entropy,
        client_addresses=ClientAddresses(settings.trusted_proxies),
        observe=metrics.observe_request,
        is_draining=lambda: drain.is_draining,
        cors=cors,
    )
    plain = PlainRequests(service.routes, edge)
    app = quart_app((*service.routes, *health_routes(readiness, shows_checks=False)), edge)
    rules = Rules(process.keep_alive_timeout, settings.trusted_proxies, settings.expects_proxy_protocol, cors)
    served = partial(serve, drain=drain, clock=resources.clock, entropy=resources.entropy)
    async with trio.open_nursery() as workers:
        for work in (*service.loops, *(partial(worker.run, resources.entropy) for worker in service.workers)):
            await workers.start(work)
        async with trio.open_nursery() as servers:
            await servers.start(watch_signals, drain)
            if settings.metrics_address is not None:
                await servers.start(
                    partial(served, _operators_app(readiness, metrics, resources.entropy), settings.metrics_address)
                )
            await servers.start(partial(served, app, settings.http_address, plain=plain, rules=rules))
        workers.cancel_scope.cancel()


def _mail_check(transport: ConnectionTransport) -> Check:
    async def check() -> None:
        problem = await transport.problem()
        if problem is not None:
            raise NotReady(problem)

    return check


def _operators_app(readiness: Readiness, metrics: Metrics, entropy: Entropy) -> AsgiApp:
    """The full readiness checks and the metrics, on a listener that the internet does not reach (SPEC §13.1)."""
    return quart_app((*health_routes(readiness, shows_checks=True), metrics_route(metrics)), Edge(entropy))


def _new_address_mail_limit(settings: PublicAuthSettings) -> NewAddressMailLimit | None:
    rate = settings.new_address_mail_limit
    return None if rate is None else NewAddressMailLimit(rate.count, rate.period)


def _both(first: Callable[[str], None], second: Callable[[str], None]) -> Callable[[str], None]:
    def call(word: str) -> None:
        first(word)
        second(word)

    return call
