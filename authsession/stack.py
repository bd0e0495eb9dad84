"""What `up` runs: Postgres, Redis, migrations, both services. Each part goes on the exit stack that stops it in order."""

import asyncio
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from authsession.database import connect
from authsession.embedded.child import Child, StartFailure
from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from authsession.embedded.redis_users import acl_lines
from authsession.environment import without
from authsession.installation import Installation, Secrets
from authsession.redis_access import describe_redis_problem, is_local_and_silent
from authsession.roles import INTERNAL_ROLE, PUBLIC_ROLE, enable_login
from authsession.service import STOP_TIMEOUT, Service
from authsession.terminal import Terminal
from contracts.gateway import GatewayKeys
from shared.address import EVERY_INTERFACE, Address, TcpAddress, parse_address
from shared.db.migrate import GrantsRefused, migrate
from shared.kernel.faults import ConfigurationError

DATABASE = "authsession"
READY_TIMEOUT = 60.0


class Part(Protocol):
    """Something that runs and may die."""

    def exit_status(self) -> int | None: ...


@dataclass(slots=True)
class Access:
    """What differs between the two processes: how each reaches Postgres and Redis."""

    public: dict[str, str] = field(default_factory=dict, repr=False)
    internal: dict[str, str] = field(default_factory=dict, repr=False)


class Stack:
    """The parts that run, by name, in the order in which they were started."""

    def __init__(self, environment: Mapping[str, str], installation: Installation, terminal: Terminal) -> None:
        self.parts: dict[str, Part] = {}
        self.owner_dsn = ""
        self.public_environment: dict[str, str] = {}
        self.internal_environment: dict[str, str] = {}
        self._environment = environment
        self._installation = installation
        self._terminal = terminal
        # `:port` of the public listener is every interface, of the internal one loopback (SPEC §1.1).
        public = _address(environment, "AUTHSESSION_PUBLIC_HTTP_ADDR", ":8080", EVERY_INTERFACE)
        internal = _address(environment, "AUTHSESSION_INTERNAL_HTTP_ADDR", ":8081", "127.0.0.1")
        self.public = Service("public", "services.public_auth", public)
        self.internal = Service("internal", "services.internal_admin", internal)

    def check_addresses(self) -> None:
        """Raises `StartFailure` before anything starts if a service could not listen."""
        self.public.check_address("AUTHSESSION_PUBLIC_HTTP_ADDR")
        self.internal.check_address("AUTHSESSION_INTERNAL_HTTP_ADDR")

    def start_postgres(self, stack: ExitStack) -> None:
        """The given server, or the installation's own with an empty database to begin with."""
        given = self._environment.get("AUTHSESSION_POSTGRES_DSN")
        if given:
            self.owner_dsn = given
            return
        server = EmbeddedPostgres(self._installation.postgres_folder, self._terminal.source("postgres"))
        stack.callback(server.stop)
        server.start()
        self.parts["postgres"] = server
        asyncio.run(_ensure_database(server.dsn()))
        self.owner_dsn = server.dsn(DATABASE)

    def start_redis(self, stack: ExitStack, secrets: Secrets) -> Access:
        """The given server if something listens there, else the installation's own."""
        given = self._environment.get("AUTHSESSION_REDIS_ADDR")
        if given and not is_local_and_silent(given):
            problem = describe_redis_problem(self._environment)
            if problem is not None:
                self._terminal.say(f"Warning: {problem}")
            return Access()
        server = EmbeddedRedis(
            self._installation.redis_folder,
            self._terminal.source("redis"),
            port=_port(given) if given else 0,
            users=acl_lines(
                gateway_keys(self._environment),
                public=secrets.public_redis_password,
                internal=secrets.internal_redis_password,
                gateway=secrets.gateway_redis_password,
            ),
        )
        stack.callback(server.stop)
        server.start()
        self.parts["redis"] = server
        return Access(
            _redis_environment(server.address, "public", secrets.public_redis_password),
            _redis_environment(server.address, "internal", secrets.internal_redis_password),
        )

    def migrate(self, secrets: Secrets) -> Access:
        """Brings the schema up to date; gives each service its own role where the owner's rights allow it."""
        return asyncio.run(self._migrate(secrets))

    async def _migrate(self, secrets: Secrets) -> Access:
        async with connect(self.owner_dsn) as owner:
            try:
                for name in await migrate(owner):
                    self._terminal.say(f"Applied migration {name}")
                public = await enable_login(owner, self.owner_dsn, PUBLIC_ROLE, secrets.public_postgres_password)
                internal = await enable_login(owner, self.owner_dsn, INTERNAL_ROLE, secrets.internal_postgres_password)
            except (GrantsRefused, StartFailure) as refusal:
                if "postgres" in self.parts:
                    raise
                self._terminal.say(
                    f"Warning: both processes use the rights of AUTHSESSION_POSTGRES_DSN, because {refusal}. Let a "
                    "superuser run `authsession migrate` and give the roles a login to keep the public process apart."
                )
                public = internal = self.owner_dsn
        return Access({"AUTHSESSION_POSTGRES_DSN": public}, {"AUTHSESSION_POSTGRES_DSN": internal})

    def start_services(self, stack: ExitStack, postgres: Access, redis: Access, secrets: Secrets) -> None:
        """Both processes, each with its own credentials only; returns when both are ready."""
        common = {"AUTHSESSION_DRAIN_DELAY": "0s"} | without(self._environment, "AUTHSESSION_POSTGRES_DSN")
        if "redis" in self.parts:
            common = without(common, "AUTHSESSION_REDIS_DB", "AUTHSESSION_REDIS_TLS")
        common |= _generated(common, "AUTHSESSION_SEALING_KEYS", secrets.sealing_keys)
        common |= _generated(common, "AUTHSESSION_LOGIN_CODE_KEYS", secrets.login_code_keys)
        self.public_environment = {
            name: value for name, value in common.items() if not name.startswith("CONTROL_PLANE_")
        } | (postgres.public | redis.public)
        self.internal_environment = common | postgres.internal | redis.internal
        children: dict[str, Child] = {}
        stack.callback(_stop_together, children)
        for service, environment in (
            (self.public, self.public_environment),
            (self.internal, self.internal_environment),
        ):
            children[service.name] = service.start(environment, self._terminal.source(service.name))
            self.parts[service.name] = children[service.name]
        self._wait_until_ready()

    def dead(self) -> tuple[str, int] | None:
        """The first part found dead, and its exit status."""
        for name, part in self.parts.items():
            status = part.exit_status()
            if status is not None:
                return name, status
        return None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        for service in (self.public, self.internal):
            while not service.is_ready():
                if self.dead() is not None:
                    return
                if time.monotonic() > deadline:
                    raise StartFailure(f"the {service.name} process was not ready within {READY_TIMEOUT:.0f} s")
                time.sleep(0.05)


async def _ensure_database(superuser_dsn: str) -> None:
    async with connect(superuser_dsn) as connection:
        if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE):
            await connection.execute(f"create database {DATABASE}")


def gateway_keys(environment: Mapping[str, str]) -> GatewayKeys:
    """The names in Redis that the environment asks for."""
    default = GatewayKeys()
    return GatewayKeys(
        environment.get("AUTHSESSION_GATEWAY_KEY_PREFIX", default.record_prefix),
        environment.get("AUTHSESSION_GATEWAY_STREAM", default.stream),
    )


def _stop_together(children: Mapping[str, Child]) -> None:
    for child in children.values():
        child.ask(signal.SIGTERM)
    for child in children.values():
        child.stop(signal.SIGTERM, STOP_TIMEOUT)


def _generated(environment: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    """The installation's own value, unless the environment has one or a file for it."""
    return {} if environment.get(name) or environment.get(f"{name}_FILE") else {name: value}


def _redis_environment(address: str, user: str, password: str) -> dict[str, str]:
    return {
        "AUTHSESSION_REDIS_ADDR": address,
        "AUTHSESSION_REDIS_USERNAME": user,
        "AUTHSESSION_REDIS_PASSWORD": password,
    }


def _address(environment: Mapping[str, str], name: str, default: str, default_host: str) -> Address:
    try:
        return parse_address(environment.get(name) or default, default_host=default_host)
    except ValueError as problem:
        raise ConfigurationError([f"{name} must be {problem}"]) from None


def _port(address: str) -> int:
    parsed = parse_address(address, default_host="127.0.0.1")
    assert isinstance(parsed, TcpAddress)
    return parsed.port
