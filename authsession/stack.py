"""The parts that `up` runs: Postgres, Redis, migrations, both services. An exit stack stops them in reverse order."""

import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

import asyncpg

from authsession.configuration import read_configuration
from authsession.database import connect, with_credentials
from authsession.embedded.child import Child, StartFailure
from authsession.embedded.postgres import CURE_WITHOUT_ITS_FILE, EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from authsession.embedded.redis_users import acl_lines
from authsession.environment import without
from authsession.installation import Installation
from authsession.redis_access import is_local_and_silent, redis_problem
from authsession.roles import enable_login, set_login
from authsession.service import STOP_TIMEOUT, Service, check_free
from authsession.spelling import typed
from authsession.stop_signals import StopSignals
from authsession.terminal import Terminal
from shared.config import variables
from shared.config.settings import Reading
from shared.db.migrate import GrantsRefused, migrate
from shared.db.role_settings import INTERNAL_ROLE, PUBLIC_ROLE
from shared.kernel.address import TcpAddress, parse_address

DATABASE = "authsession"
READY_TIMEOUT = 60.0
EXAMPLE_ORIGINS = ("http://localhost:8084", "http://127.0.0.1:8084")
"""The origins of `python -m examples.web`."""
_DSN, _REDIS = variables.POSTGRES_DSN.name, variables.REDIS_ADDR.name
_OF_THE_INTERNAL_PROCESS = (
    "CONTROL_PLANE_",
    variables.COOKIE_KEYS.name,
    variables.AUDIT_KEYS.name,
    variables.CONFIG_KEYS.name,
    variables.SECRET_KEYS.name,
    variables.NODE_REDIS_USERS.name,
)
"""How the names of variables begin that the public process never gets."""
_REDIS_NAMES = ("AUTHSESSION_REDIS_USERNAME", "AUTHSESSION_REDIS_PASSWORD", "AUTHSESSION_REDIS_PASSWORD_FILE",
                "AUTHSESSION_REDIS_DB", "AUTHSESSION_REDIS_TLS")  # fmt: skip


class Part(Protocol):
    """Something that runs and may die."""

    def exit_status(self) -> int | None:
        """None while it runs."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """The environment variables with which each process reaches one server. They hold credentials."""

    public: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    internal: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


class Stack:
    """The parts that run, by name, in the order in which they were started."""

    def __init__(
        self, environment: Mapping[str, str], installation: Installation, signals: StopSignals, terminal: Terminal
    ) -> None:
        """Reads the configuration. Raises `ConfigurationError` if either service would refuse the environment."""
        self.parts: dict[str, Part] = {}
        self.public_environment: dict[str, str] = {}
        self.internal_environment: dict[str, str] = {}
        self.owner_dsn = ""
        self._installation = installation
        self._signals = signals
        self._terminal = terminal
        self._secrets = installation.secrets()
        self._given = {"AUTHSESSION_DRAIN_DELAY": "0s", **environment}
        self._given |= self._for_web_pages()
        for name, keys in (
            (variables.LOGIN_CODE_KEYS.name, self._secrets.login_code_keys),
            (variables.SEALING_KEYS.name, self._secrets.sealing_keys),
            (variables.COOKIE_KEYS.name, self._secrets.cookie_keys),
            (variables.AUDIT_KEYS.name, self._secrets.audit_keys),
            (variables.CONFIG_KEYS.name, self._secrets.config_keys),
            (variables.SECRET_KEYS.name, self._secrets.secret_keys),
        ):
            self._given |= self._generated(name, keys)
        self.has_own_postgres = not self._is_set(_DSN)
        self.configuration = read_configuration(
            self._given | ({_DSN: f"postgresql://127.0.0.1/{DATABASE}"} if self.has_own_postgres else {})
        )
        self.public = Service("public", "services.public_auth", self.configuration.public.http_address)
        self.internal = Service("internal", "services.internal_admin", self.configuration.internal.http_address)

    def check_addresses(self) -> None:
        """Raises `StartFailure`, before anything starts, if a service could not listen on its address."""
        check_free(self.public.address, variables.PUBLIC_HTTP_ADDR.name)
        check_free(self.internal.address, variables.INTERNAL_HTTP_ADDR.name)
        nodes = self.configuration.internal.node_http_address
        if nodes is not None:
            check_free(nodes, variables.NODE_HTTP_ADDR.name)
        metrics = self.configuration.public.metrics_address
        if metrics is not None:
            check_free(metrics, variables.PUBLIC_METRICS_ADDR.name)

    def start_postgres(self, stack: ExitStack) -> None:
        """Uses the given server, or starts the installation's own; a new one gets an empty database."""
        if not self.has_own_postgres:
            self.owner_dsn = self.configuration.internal.process.postgres_dsn
            return
        server = EmbeddedPostgres(
            self._installation.postgres_folder, self._terminal.server("postgres"), pause=self._signals.pause
        )
        stack.callback(server.stop)
        self._terminal.say(
            "Starting Postgres" if server.has_data() else "Creating a database (once), starting Postgres"
        )
        server.start()
        self.parts["postgres"] = server
        try:
            self._signals.run(_ensure_database(server.dsn()))
        except StartFailure as failure:
            if "password authentication failed" not in str(failure):
                raise
            file = server.folder / "password"
            raise StartFailure(f"Postgres refuses the password in {file}: {CURE_WITHOUT_ITS_FILE}") from None
        self.owner_dsn = server.dsn(DATABASE)

    def start_redis(self, stack: ExitStack) -> Access:
        """Uses the given server if something listens there, else starts the installation's own."""
        given = self._given.get(_REDIS)
        if given and not is_local_and_silent(given):
            problem = redis_problem(self._given)
            if problem is not None:
                self._terminal.say(f"Warning: {problem}. Until then confirms are answered with 503.")
            return Access()
        secrets, public = self._secrets, self.configuration.public
        users = acl_lines(
            public.process.gateway_keys,
            public.rate_limit_key_prefix,
            public=secrets.public_redis_password,
            internal=secrets.internal_redis_password,
            gateway=secrets.gateway_redis_password,
            node_users=self.configuration.internal.gives_redis_users,
        )
        server = EmbeddedRedis(
            self._installation.redis_folder,
            self._terminal.server("redis"),
            port=_port(given),
            users=users,
            pause=self._signals.pause,
        )
        stack.callback(server.stop)
        self._terminal.say("Starting Redis")
        server.start()
        self.parts["redis"] = server
        self._given = without(self._given, *_REDIS_NAMES)
        return Access(
            _redis_environment(server.address, "public", secrets.public_redis_password),
            _redis_environment(server.address, "internal", secrets.internal_redis_password),
        )

    def migrate(self) -> Access:
        """Migrates the schema, and gives each service its own role if the owner's rights allow that."""
        self._terminal.say("Migrating the schema")
        return self._signals.run(self._migrate())

    def start_services(self, stack: ExitStack, postgres: Access, redis: Access) -> None:
        """Starts both processes, each with only its own credentials. Returns when both are ready or one has ended."""
        self._terminal.say("Starting the public and the internal process")
        common = without(self._given, _DSN, f"{_DSN}_FILE")
        internal = [name for name in common if name.startswith(_OF_THE_INTERNAL_PROCESS)]
        self.public_environment = {**without(common, *internal), **postgres.public, **redis.public}
        self.internal_environment = {**common, **postgres.internal, **redis.internal}
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
        """The first part that has ended, and its exit status; None while all run."""
        for name, part in self.parts.items():
            status = part.exit_status()
            if status is not None:
                return name, status
        return None

    async def _migrate(self) -> Access:
        async with connect(self.owner_dsn) as owner:
            try:
                await migrate(owner, lambda name: self._terminal.say(f"Applied migration {name}"))
                public = await self._login(owner, PUBLIC_ROLE, self._secrets.public_postgres_password)
                internal = await self._login(owner, INTERNAL_ROLE, self._secrets.internal_postgres_password)
            except (GrantsRefused, StartFailure) as refusal:
                if self.has_own_postgres:
                    raise
                self._terminal.say(
                    f"Warning: both processes use the rights of {_DSN}, because {refusal}. To isolate the public "
                    f"process, let a user who may create roles run `{typed('migrate')}`, and let the roles log in."
                )
                public = internal = self.owner_dsn
        return Access({_DSN: public}, {_DSN: internal})

    async def _login(self, owner: asyncpg.Connection, role: str, password: str) -> str:
        """The role's DSN. In our own cluster its password is set again: a process may have changed its own."""
        if self.has_own_postgres:
            await set_login(owner, with_credentials(self.owner_dsn, role, password))
        return await enable_login(owner, self.owner_dsn, role, password)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        for service in (self.public, self.internal):
            while not service.is_ready():
                if self.dead() is not None:
                    return
                if time.monotonic() > deadline:
                    raise StartFailure(
                        f"the {service.name} process was not ready within {READY_TIMEOUT:.0f} s: "
                        "see its log lines above"
                    )
                self._signals.pause(0.05)

    def _generated(self, name: str, value: str) -> dict[str, str]:
        """The variable with the installation's own value; empty if the environment sets it."""
        return {} if self._is_set(name) else {name: value}

    def _for_web_pages(self) -> dict[str, str]:
        """Values with which a page can log in during development: the example page's origins, and a host for proofs."""
        reading = Reading(self._given)
        if not reading.says(variables.ENV, "development") or not reading.says(variables.MAIL_SERVICE_MODE, "stub"):
            return {}
        return {
            **self._generated(variables.PUBLIC_HOST.name, "localhost"),
            **self._generated(variables.CORS_ORIGINS.name, ",".join(EXAMPLE_ORIGINS)),
        }

    def _is_set(self, name: str) -> bool:
        return bool(self._given.get(name) or self._given.get(f"{name}_FILE"))


async def _ensure_database(superuser_dsn: str) -> None:
    async with connect(superuser_dsn) as connection:
        if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE):
            await connection.execute(f"create database {DATABASE}")


def _stop_together(children: Mapping[str, Child]) -> None:
    for child in children.values():
        child.ask(signal.SIGTERM)
    for child in children.values():
        child.stop(signal.SIGTERM, STOP_TIMEOUT)


def _redis_environment(address: str, user: str, password: str) -> dict[str, str]:
    return {_REDIS: address, "AUTHSESSION_REDIS_USERNAME": user, "AUTHSESSION_REDIS_PASSWORD": password}


def _port(given: str | None) -> int:
    """The port of an address that `is_local_and_silent` accepted; 0, without an address, lets the server choose."""
    if not given:
        return 0
    address = parse_address(given, default_host="127.0.0.1")
    assert isinstance(address, TcpAddress)
    return address.port
