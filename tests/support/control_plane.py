"""The internal listener as operators use it. Postgres and Redis are real; calls are in memory, without a socket."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any

import httpx

from contracts.gateway import GatewayKeys
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.operator_sessions.cookie import SessionCookie
from services.internal_admin.operator_sessions.domain import SessionClient, SessionLives
from services.internal_admin.operator_sessions.store import begin_session
from services.internal_admin.settings import InternalAdminSettings
from shared.kernel.clock import SystemClock
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.egress_rules import EgressRules
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_operator_id, new_operator_session_id
from shared.kernel.keyring import KeyRing
from shared.kernel.network import IpNetwork
from shared.web.app import quart_app
from shared.web.client_address import ClientAddresses
from shared.web.edge import Edge
from shared.web.exchange import Route
from tests.support import stack
from tests.support.background import background
from tests.support.builders import unique
from tests.support.internal_api import gateway_keys
from tests.support.internal_service import internal_settings, serve_internal
from tests.support.stack import COOKIE_KEYS
from tests.support.world import World

AUTH = "/api/control-plane/auth"
COOKIE = "authsession_operator"
CONFIG_KEYS = ConfigKeys.parse("test", stack.CONFIG_KEYS)
SECRET_KEYS = KeyRing.parse("test", stack.SECRET_KEYS)
PEER = "192.0.2.7"
"""An address from the documentation range. Loopback would not do: some routes treat it differently."""
PASSWORD_HASH_OF_NOBODY = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """The settings that tests vary. `is_limited` says whether calls are limited per network.

    With `calls_loopback` the far ends of connections may be on loopback.
    """

    is_limited: bool = False
    lives: SessionLives = field(default_factory=lambda: SessionLives(timedelta(days=7)))
    cookie_keys: str = COOKIE_KEYS
    is_development: bool = True
    allows_insecure_cookies: bool = False
    trusted_proxies: tuple[str, ...] = ()
    requires_token: bool = False
    auth_mode: str = "operator"
    break_glass_token: str | None = None
    allows_loopback_bootstrap: bool = False
    login_max_failures: int = 5
    login_lockout: timedelta = timedelta(minutes=15)
    config_keys: ConfigKeys = CONFIG_KEYS
    secret_keys: KeyRing = SECRET_KEYS
    calls_loopback: bool = True
    gateway_keys: GatewayKeys = field(default_factory=gateway_keys)

    @property
    def ring(self) -> KeyRing:
        """The keys that seal and open cookies."""
        return KeyRing.parse("test", self.cookie_keys)

    @property
    def proxies(self) -> tuple[IpNetwork, ...]:
        """The trusted proxies: the listener believes the client address that they name."""
        return tuple(map(ip_network, self.trusted_proxies))

    def of_service(self) -> InternalAdminSettings:
        """The settings in the form that the wiring takes."""
        settings = internal_settings(self.gateway_keys)
        operators = replace(
            settings.operators,
            auth_mode=self.auth_mode,
            break_glass_token=self.break_glass_token,
            allows_loopback_bootstrap=self.allows_loopback_bootstrap,
            allows_insecure_cookies=self.allows_insecure_cookies,
            session_lives=self.lives,
            login_max_failures=self.login_max_failures,
            login_lockout=self.login_lockout,
            cookie_keys=self.ring,
        )
        process = replace(settings.process, is_production=not self.is_development)
        if not self.calls_loopback:
            process = replace(process, egress=replace(process.egress, rules=EgressRules(is_development=True)))
        return replace(
            settings,
            process=process,
            operators=operators,
            requires_token=self.requires_token,
            config_keys=self.config_keys,
            secret_keys=self.secret_keys,
        )


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An operator with an open session, and the session's token."""

    operator_id: str
    operator_session_id: str
    session_token: str


class ControlPlane:
    """Calls of operators and of programs. A path is absolute: `/api/control-plane/…` or `/api/v1/internal/…`.

    `token` is sent as `Authorization: Bearer`. `cookie` is sent as the session cookie, without any proof of its origin.
    """

    def __init__(
        self, world: World, client: httpx.AsyncClient, settings: PlaneSettings, routes: Iterable[Route]
    ) -> None:
        self._world = world
        self._client = client
        self._settings = settings
        self.routes = frozenset((route.method, route.path) for route in routes)

    def get(self, path: str, *, token: str | None = None, **more: Any) -> httpx.Response:
        return self.call("GET", path, token=token, **more)

    def post(self, path: str, body: Any = None, *, token: str | None = None, **more: Any) -> httpx.Response:
        return self.call("POST", path, body, token=token, **more)

    def patch(self, path: str, body: Any, *, token: str | None = None, **more: Any) -> httpx.Response:
        return self.call("PATCH", path, body, token=token, **more)

    def delete(self, path: str, *, token: str | None = None, **more: Any) -> httpx.Response:
        return self.call("DELETE", path, token=token, **more)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        cookie: str | None = None,
        headers: dict[str, str] | None = None,
        **query: str | int,
    ) -> httpx.Response:
        """Sends one request. Calls from several threads run in parallel."""
        sent = dict(headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if cookie is not None:
            sent["cookie"] = f"{COOKIE}={cookie}"
        return self._world.call(self._client.request, method, path, json=body, headers=sent, params=query)

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """Sends a body of JSON as it is, for a request that is signed."""
        sent = {**headers, "content-type": "application/json"}
        return self._world.call(partial(self._client.request, method, path, content=body, headers=sent))

    def cookie(self, session_token: str) -> str:
        """The session cookie's value in a browser with that session, sealed under this replica's newest key."""
        return SessionCookie(self._settings.ring, SystemEntropy()).sealed(session_token)

    def claim_owner(self) -> SignedIn:
        """Opens a session of this database's owner, and makes the owner if there is none. Other sessions stay open."""
        found = self._world.database.execute("select operator_id from operators where is_owner")
        return self.open_session(found[0]["operator_id"] if found else self.add_operator(is_owner=True))

    def add_operator(self, *, is_owner: bool = False, password_hash: str = PASSWORD_HASH_OF_NOBODY) -> str:
        """Adds another operator and returns the id. By default the operator has no password."""
        operator_id = new_operator_id(SystemClock(), SystemEntropy())
        self._world.database.execute(
            """
            insert into operators (operator_id, user_name, is_owner, password_hash, password_changed_at, created_at)
            values ($1, $2, $3, $4, clock_now(), clock_now())
            """,
            operator_id,
            unique("operator-"),
            is_owner,
            password_hash,
        )
        return operator_id

    def disable(self, operator_id: str) -> None:
        """Disables the operator as the command line does, without its audit row."""
        self._world.database.execute(
            "update operators set disabled_at = clock_now() where operator_id = $1", operator_id
        )

    def open_session(self, operator_id: str, user_agent: str | None = "tests") -> SignedIn:
        """Opens a session that begins now, as a login does."""
        token = new_secret(SystemEntropy())
        session_id = new_operator_session_id(SystemClock(), SystemEntropy())
        opening = partial(
            begin_session,
            operator_id=operator_id,
            operator_session_id=session_id,
            token_hash=token.hash,
            client=SessionClient(PEER, user_agent),
            absolute_life=self._settings.lives.absolute,
        )
        self._world.call(self._world.internal.unit_of_work, opening)
        return SignedIn(operator_id, session_id, token.text)


@contextmanager
def open_control_plane(world: World, *, peer: str = PEER, **changes: Any) -> Generator[ControlPlane]:
    """One replica of the internal listener, called from `peer`. `changes` are fields of `PlaneSettings`. The replica
    runs until the world ends. Replicas on one database share `gateway_keys`.
    """
    settings = replace(PlaneSettings(), **changes)
    serve = partial(serve_internal, world, settings.of_service(), is_limited=settings.is_limited)
    routes = world.enter(background, lambda task_status: serve(task_status=task_status))
    edge = Edge(SystemEntropy(), client_addresses=ClientAddresses(settings.proxies))
    transport = httpx.ASGITransport(quart_app(routes, edge), client=(peer, 4711))
    client = world.enter(httpx.AsyncClient, transport=transport, base_url="http://internal", timeout=30)
    yield ControlPlane(world, client, settings, routes)
