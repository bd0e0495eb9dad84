"""The internal service as its wiring builds it, over a `World`. It has no listener and no workers."""

from dataclasses import replace
from datetime import timedelta

import trio

from contracts.gateway import GatewayKeys
from services.internal_admin.access.limits import control_plane_limiter, limits_of
from services.internal_admin.operators.domain.argon2id import Argon2Cost
from services.internal_admin.operators.hashing import PasswordHasher
from services.internal_admin.resources import Resources
from services.internal_admin.routes import NODE_ROUTES, ROUTES
from services.internal_admin.settings import InternalAdminSettings, read_settings
from services.internal_admin.wiring import build
from shared.io.redis import Redis, open_redis
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.projection.keeper import Keeper
from shared.users.directory import UserDirectory
from shared.web.exchange import Route
from shared.web.rate_limit import RateLimiter
from tests.support import stack
from tests.support.builders import unique
from tests.support.public_flow import SEALING_KEYS
from tests.support.world import World

CHEAP = Argon2Cost(memory_kibibytes=8, passes=1)
_ENVIRONMENT = {
    "AUTHSESSION_POSTGRES_DSN": "postgres://of.the.world/",
    "AUTHSESSION_REDIS_ADDR": "127.0.0.1:6379",
    "AUTHSESSION_INTERNAL_HTTP_ADDR": "127.0.0.1:8081",
    "AUTHSESSION_INTERNAL_HOSTS": "internal",
    "AUTHSESSION_LOGIN_CODE_KEYS": stack.LOGIN_CODE_KEYS,
    "AUTHSESSION_SEALING_KEYS": stack.SEALING_KEYS,
    "AUTHSESSION_COOKIE_KEYS": stack.COOKIE_KEYS,
    "AUTHSESSION_AUDIT_KEYS": stack.AUDIT_KEYS,
    "AUTHSESSION_CONFIG_KEYS": stack.CONFIG_KEYS,
    "AUTHSESSION_SECRET_KEYS": stack.SECRET_KEYS,
    "AUTHSESSION_EGRESS_ALLOW": "127.0.0.0/8",
    "AUTHSESSION_USER_SERVICE_MODE": "stub",
    "AUTHSESSION_MAIL_SERVICE_MODE": "stub",
}


def internal_settings(keys: GatewayKeys) -> InternalAdminSettings:
    """The settings of a developer's machine. Their addresses are unused, because the world has opened Postgres."""
    settings = read_settings(_ENVIRONMENT)
    process = replace(settings.process, gateway_keys=keys, gateway_stream_maxlen=10_000, sealing_keys=SEALING_KEYS)
    return replace(settings, process=process)


async def serve_internal(
    world: World,
    settings: InternalAdminSettings,
    *,
    redis_address: str | None = None,
    directory: UserDirectory | None = None,
    is_limited: bool = False,
    task_status: trio.TaskStatus[tuple[Route, ...]],
) -> None:
    """Runs the service, and reports its routes when it has started. Relay, limiter and a keeper without patience run;
    tests take the workers' steps themselves.
    """
    address = redis_address or world.redis_server.address
    async with open_redis(address) as redis, trio.open_nursery() as nursery:
        entropy = SystemEntropy()
        limiter, hasher = _limiter(redis, is_limited=is_limited), PasswordHasher(entropy, CHEAP)
        service = build(
            Resources(world.internal, redis, directory, None, limiter, hasher, SystemClock(), entropy), settings
        )
        await nursery.start(service.relay.run)
        await nursery.start(limiter.run)
        await nursery.start(Keeper(world.internal, service.projection, entropy, patience=timedelta()).run)
        task_status.started((*service.routes, *service.node_routes))
        await trio.sleep_forever()


def _limiter(redis: Redis, *, is_limited: bool) -> RateLimiter:
    """A limiter. With limits it counts under its own key names, so requests of other tests do not count."""
    every_route = (*ROUTES, *NODE_ROUTES)
    if is_limited:
        return control_plane_limiter(redis, unique("test-rate-") + ":", every_route)
    return RateLimiter(redis, {limit.name: None for limit in limits_of(every_route)}, key_prefix="")
