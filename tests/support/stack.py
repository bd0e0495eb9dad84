"""Both services as real processes on free loopback ports, with their own migrated database and Redis."""

import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx

from authsession.embedded.child import Child, StartFailure, free_port
from authsession.embedded.redis import EmbeddedRedis
from authsession.embedded.redis_users import acl_lines
from authsession.service import Service
from contracts.gateway import GatewayKeys
from shared.kernel.address import TcpAddress
from tests.support.database import Database
from tests.support.servers import temporary_redis

REDIS_PASSWORD = "password-of-a-redis-user-in-tests"
COOKIE_KEYS = "k1:Y29va2llLWtleS1vZi10ZXN0cy0zMi1ieXRlcy0tLS0="
AUDIT_KEYS = "k1:YXVkaXQta2V5LW9mLXRlc3RzLTMyLWJ5dGVzLS0tLS0="
CONFIG_KEYS = "k1:" + "Y29uZmlnLWtleS1vZi10ZXN0cy0zMi1ieXRlcy0tLS0="
SECRET_KEYS = "k1:" + "c2VjcmV0LWtleS1vZi10ZXN0cy0zMi1ieXRlcy0tLS0="
SEALING_KEYS = "k1:" + "c2VhbGluZy1rZXktb2YtdGVzdHMtMzItYnl0ZXMtLS0="
LOGIN_CODE_KEYS = "k1:" + "bG9naW4tY29kZS1rZXktb2YtdGVzdHMtMzItYnl0ZXM="
READY_TIMEOUT = 60.0


class RunningStack:
    """The two processes. Their names are `public` and `internal`."""

    def __init__(self, database: Database, redis_server: EmbeddedRedis, changes: Mapping[str, str]) -> None:
        """`changes` are further environment variables for both processes."""
        self.database = database
        self.redis_server = redis_server
        self._public = TcpAddress("127.0.0.1", free_port())
        self._internal = TcpAddress("127.0.0.1", free_port())
        self._metrics = TcpAddress("127.0.0.1", free_port())
        self.services = {
            "public": Service("public", "services.public_auth", self._public),
            "internal": Service("internal", "services.internal_admin", self._internal),
        }
        self.environment = {
            "public": self._environment("public", changes),
            "internal": self._environment("internal", changes),
        }
        self.lines: dict[str, list[str]] = {name: [] for name in self.services}
        """Every line that each process wrote, restarts included."""
        self._children: dict[str, Child] = {}
        self._http = httpx.Client(timeout=30)

    @property
    def public_url(self) -> str:
        return f"http://{self._public}"

    @property
    def internal_url(self) -> str:
        return f"http://{self._internal}"

    @property
    def ports(self) -> tuple[int, int]:
        """The ports of the public and of the internal API."""
        return self._public.port, self._internal.port

    @property
    def metrics_url(self) -> str:
        """The metrics of the public process. The internal process serves its metrics on the internal listener."""
        return f"http://{self._metrics}"

    def start(self, *names: str) -> None:
        """Starts these processes, or both, and returns when they are ready. Raises `StartFailure` with the last lines
        of their output.
        """
        started = names or tuple(self.services)
        for name in started:
            self._spawn(name)
        for name in started:
            self.wait_until_ready(name)

    def launch(self) -> None:
        """Starts both processes, and returns at once."""
        for name in self.services:
            self._spawn(name)

    def kill(self, name: str) -> None:
        """Kills the process with SIGKILL."""
        self._children[name].kill()

    def restart(self, name: str) -> None:
        """Kills the process if it runs, starts it, and returns when it is ready."""
        self.kill(name)
        self._spawn(name)
        self.wait_until_ready(name)

    def child(self, name: str) -> Child:
        """The process, for its pid, exit status, signals and output."""
        return self._children[name]

    def wait_until_ready(self, name: str) -> None:
        """Returns when `GET /readyz` answers 200."""
        child = self._children[name]
        deadline = time.monotonic() + READY_TIMEOUT
        while not self.services[name].is_ready():
            if child.exit_status() is not None or time.monotonic() > deadline:
                child.kill()
                raise StartFailure(f"{name} is not ready (exit status {child.exit_status()}):\n{child.tail()}")
            time.sleep(0.05)

    def mailbox(self, email: str) -> list[dict[str, Any]]:
        """The stub's mails to the address, newest first. A mail is there as long as its code lives."""
        answer = self._http.get(f"{self.internal_url}/api/v1/internal/dev/mailbox", params={"email": email})
        answer.raise_for_status()
        return answer.json()["messages"]

    def wait_for_code(self, email: str, challenge_id: str) -> str:
        """The code mailed for that challenge. Waits for the courier."""
        messages = wait_for(lambda: [m for m in self.mailbox(email) if m["challenge_id"] == challenge_id])
        return messages[0]["code"]

    def travel(self, by: timedelta) -> None:
        """Moves the deciding clock forward for both processes. A request may meet a cut connection and get 503: repeat
        it.
        """
        self.database.travel(by)
        self.database.cut_connections()

    def stop(self) -> None:
        """Kills both processes, for the end of the tests."""
        self._http.close()
        for child in self._children.values():
            child.kill()

    def _spawn(self, name: str) -> None:
        self._children[name] = self.services[name].start(self.environment[name], self.lines[name].append)

    def _environment(self, user: str, changes: Mapping[str, str]) -> dict[str, str]:
        role = f"authsession_{user}"
        return {
            **clean_environment(),
            "AUTHSESSION_POSTGRES_DSN": self.database.role_dsn(role),
            "AUTHSESSION_POSTGRES_DIRECT_DSN": self.database.direct_dsn(role) if self.database.needs_direct_dsn else "",
            "AUTHSESSION_REDIS_ADDR": self.redis_server.address,
            "AUTHSESSION_REDIS_USERNAME": user,
            "AUTHSESSION_REDIS_PASSWORD": REDIS_PASSWORD,
            "AUTHSESSION_PUBLIC_HTTP_ADDR": str(self._public),
            "AUTHSESSION_INTERNAL_HTTP_ADDR": str(self._internal),
            "AUTHSESSION_PUBLIC_METRICS_ADDR": str(self._metrics),
            "AUTHSESSION_LOGIN_CODE_KEYS": LOGIN_CODE_KEYS,
            "AUTHSESSION_SEALING_KEYS": SEALING_KEYS,
            "AUTHSESSION_COOKIE_KEYS": COOKIE_KEYS,
            "AUTHSESSION_AUDIT_KEYS": AUDIT_KEYS,
            "AUTHSESSION_CONFIG_KEYS": CONFIG_KEYS,
            "AUTHSESSION_SECRET_KEYS": SECRET_KEYS,
            "AUTHSESSION_EGRESS_ALLOW": "127.0.0.0/8",
            "AUTHSESSION_USER_SERVICE_MODE": "stub",
            "AUTHSESSION_MAIL_SERVICE_MODE": "stub",
            "AUTHSESSION_SEND_RATE_LIMIT": "off",
            "AUTHSESSION_CONFIRM_RATE_LIMIT": "off",
            "AUTHSESSION_SELF_SERVICE_RATE_LIMIT": "off",
            "AUTHSESSION_DRAIN_DELAY": "0s",
            **changes,
        }


def clean_environment() -> dict[str, str]:
    """The tests' environment without the variables that configure the product."""
    ours = ("AUTHSESSION_", "OTEL_", "CONTROL_PLANE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def redis_users(*, node_users: bool = False) -> tuple[str, ...]:
    """The ACL users of the embedded stack, with the tests' passwords."""
    passwords = dict.fromkeys(("public", "internal", "gateway"), REDIS_PASSWORD)
    return tuple(acl_lines(GatewayKeys(), "authsession:rate:", **passwords, node_users=node_users))


@contextmanager
def open_stack(database: Database, **changes: str) -> Generator[RunningStack]:
    """A running stack with its own persistent Redis, `stack.redis_server`, which tests may kill and start."""
    with _stack(database, changes) as stack:
        stack.start()
        yield stack


@contextmanager
def launched_stack(database: Database, **changes: str) -> Generator[RunningStack]:
    """A stack like that of `open_stack`, whose processes may not be ready yet."""
    with _stack(database, changes) as stack:
        stack.launch()
        yield stack


@contextmanager
def _stack(database: Database, changes: Mapping[str, str]) -> Generator[RunningStack]:
    node_users = changes.get("AUTHSESSION_NODE_REDIS_USERS") == "on"
    with temporary_redis(persistent=True, users=redis_users(node_users=node_users)) as redis_server:
        stack = RunningStack(database, redis_server, changes)
        try:
            yield stack
        finally:
            stack.stop()


def wait_for(question: Callable[[], Any], timeout: float = 15.0) -> Any:
    """Asks until an answer is neither empty nor false. Raises `TimeoutError`."""
    deadline = time.monotonic() + timeout
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.05)
    return answer
