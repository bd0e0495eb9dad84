"""This system: two public processes, the internal one, and Redis, as `authsession up` runs them."""

import base64
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext

from authsession.embedded.child import free_port
from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from authsession.service import Service
from bench.clients import Answer, HttpClient
from bench.peers.smtp_sink import running_smtp_sink
from bench.peers.system import SITES, WORKERS, Login, Running
from shared.kernel.address import TcpAddress
from tests.support.database import Database, cloned_database
from tests.support.servers import temporary_redis
from tests.support.stack import RunningStack, redis_users

_LIMITS = ("AUTHSESSION_SEND_RATE_LIMIT", "AUTHSESSION_CONFIRM_RATE_LIMIT")


class PublicReplicas(RunningStack):
    """`public_1` … and `internal`; limits of networks at their defaults, or off. `module` runs the public ones."""

    def __init__(
        self,
        database: Database,
        redis_server: EmbeddedRedis,
        changes: Mapping[str, str],
        module: str,
        *,
        has_limits: bool,
    ) -> None:
        super().__init__(database, redis_server, changes)
        del self.services["public"]
        environment = self.environment.pop("public")
        if has_limits:
            for name in _LIMITS:  # the stack of the tests has them off
                del environment[name]
        self.addresses = [TcpAddress("127.0.0.1", free_port()) for _ in range(WORKERS)]
        for number, address in enumerate(self.addresses, 1):
            name = f"public_{number}"
            self.lines[name] = []
            self.services[name] = Service(name, module, address)
            self.environment[name] = environment | {
                "AUTHSESSION_PUBLIC_HTTP_ADDR": str(address),
                "AUTHSESSION_PUBLIC_METRICS_ADDR": "off",
            }


class Authsession:
    """Two requests: `send-email-code`, `confirm-email-code`; the second makes a new user.

    Limits of networks can be off; the budgets of an e-mail are part of the product and always on.
    It mails by SMTP, as it is shipped; with `by_hook` by the one system call that the peers mail with.
    """

    def __init__(self, *, by_hook: bool = False) -> None:
        self._by_hook = by_hook
        self.name = "authsession, hook" if by_hook else "authsession"

    @property
    def version(self) -> str:
        return tomllib.loads((SITES.parents[2] / "pyproject.toml").read_text())["project"]["version"]

    @contextmanager
    def running(self, server: EmbeddedPostgres, sink_port: int, *, has_limits: bool) -> Generator[Running]:
        with (
            nullcontext(0) if self._by_hook else running_smtp_sink(sink_port) as smtp_port,
            cloned_database(server) as database,
            temporary_redis(persistent=True, users=redis_users()) as redis_server,
        ):
            changes = {"SINK_PORT": str(sink_port)} if self._by_hook else _by_smtp(smtp_port)
            changes["AUTHSESSION_TRUSTED_PROXIES"] = "127.0.0.1/32"
            module = "bench.peers.authsession_public" if self._by_hook else "services.public_auth"
            stack = PublicReplicas(database, redis_server, changes, module, has_limits=has_limits)
            try:
                stack.start()
                pids = [*(stack.child(name).pid for name in stack.services), redis_server.pid]
                addresses = [(address.host, address.port) for address in stack.addresses]
                yield Running(addresses, pids, database.name, database.owner_dsn)
            finally:
                stack.stop()

    async def send(self, client: HttpClient, login: Login, *fields: str) -> Answer:
        answer = await client.exchange("/api/v1/public/auth/send-email-code", {"email": login.email}, *fields)
        if answer.status == 200:
            login.handle = answer.json["challenge_id"]
        return answer

    async def confirm(self, client: HttpClient, login: Login, code: str, *fields: str) -> Answer:
        # Any 32 bytes with a small y will do: that a key is on the curve is not checked.
        key = base64.b64encode(b"\x01" + login.handle.encode()[-26:] + bytes(5)).decode()
        body = {"challenge_id": login.handle, "code": code, "client_public_key": key}
        return await client.exchange("/api/v1/public/auth/confirm-email-code", body, *fields)

    def is_sent(self, answer: Answer) -> bool:
        return answer.status == 200

    def is_confirmed(self, answer: Answer) -> bool:
        return answer.status == 200


def _by_smtp(port: int) -> dict[str, str]:
    return {
        "AUTHSESSION_MAIL_SERVICE_MODE": "smtp",
        "AUTHSESSION_SMTP_ADDR": f"127.0.0.1:{port}",
        "AUTHSESSION_SMTP_TLS": "off",
        "AUTHSESSION_SMTP_FROM": "Example <login@example.com>",
    }
