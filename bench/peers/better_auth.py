"""better-auth on Node's http server, two workers of `node:cluster`; `sites/better_auth/server.mjs` sets it up."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

from authsession.embedded.child import Child, free_port
from authsession.embedded.postgres import EmbeddedPostgres
from bench.clients import Answer, HttpClient
from bench.peers.readiness import wait_until_it_answers
from bench.peers.system import PEERS, SITES, WORKERS, Login, Running
from tests.support.database import cloned_database

SITE = SITES / "better_auth"
HOME = PEERS / "better_auth"


class BetterAuth:
    """Two requests: `email-otp/send-verification-otp`, `sign-in/email-otp`; the second makes a new user."""

    name = "better-auth"

    @property
    def version(self) -> str:
        return json.loads((SITE / "package.json").read_text())["dependencies"]["better-auth"]

    @contextmanager
    def running(self, server: EmbeddedPostgres, sink_port: int, *, has_limits: bool) -> Generator[Running]:
        shutil.copy(SITE / "server.mjs", HOME)
        node = shutil.which("node") or "node"
        port = free_port()
        with cloned_database(server, None) as database:
            environment = {
                "PATH": os.environ["PATH"],
                "NODE_ENV": "production",
                "BETTER_AUTH_SECRET": "secret-of-the-bench-0123456789abcdef",
                "BETTER_AUTH_URL": f"http://127.0.0.1:{port}",
                "DATABASE_URL": database.owner_dsn,
                "LIMITS": "default" if has_limits else "off",
                "PORT": str(port),
                "SINK_PORT": str(sink_port),
                "WORKERS": str(WORKERS),
            }
            subprocess.run([node, "server.mjs", "migrate"], cwd=HOME, env=environment, check=True)
            child = Child([node, "server.mjs"], dies_by=signal.SIGKILL, environment=environment, folder=HOME)
            try:
                wait_until_it_answers(child, port)
                yield Running([("127.0.0.1", port)], [child.pid], database.name, database.owner_dsn)
            finally:
                child.kill()

    async def send(self, client: HttpClient, login: Login, *fields: str) -> Answer:
        body = {"email": login.email, "type": "sign-in"}
        return await client.exchange("/api/auth/email-otp/send-verification-otp", body, *fields)

    async def confirm(self, client: HttpClient, login: Login, code: str, *fields: str) -> Answer:
        return await client.exchange("/api/auth/sign-in/email-otp", {"email": login.email, "otp": code}, *fields)

    def is_sent(self, answer: Answer) -> bool:
        return answer.status == 200

    def is_confirmed(self, answer: Answer) -> bool:
        return answer.status == 200
