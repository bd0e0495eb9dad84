"""django-allauth behind gunicorn with two workers; `sites/django_allauth` is the Django project."""

import re
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

SITE = SITES / "django_allauth"
PYTHON = PEERS / "django_allauth" / "bin" / "python"
_API = "/_allauth/app/v1/auth"
_PENDING = 401
"""The headless API's word for: go on with the next step."""


class DjangoAllauth:
    """New users sign up and verify their e-mail, others ask for a login code: two requests either way."""

    name = "django-allauth"

    @property
    def version(self) -> str:
        found = re.search(r"^django-allauth\[headless\]==(.+)$", (SITE / "requirements.in").read_text(), re.MULTILINE)
        assert found is not None
        return found[1]

    @contextmanager
    def running(self, server: EmbeddedPostgres, sink_port: int, *, has_limits: bool) -> Generator[Running]:
        port = free_port()
        with cloned_database(server, None) as database:
            environment = {
                "DATABASE_URL": database.owner_dsn,
                "DJANGO_SETTINGS_MODULE": "settings",
                "LIMITS": "default" if has_limits else "off",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": str(SITE),
                "SECRET_KEY": "secret-of-the-bench-0123456789abcdef",
                "SINK_PORT": str(sink_port),
            }
            subprocess.run([PYTHON, "-m", "django", "migrate", "--verbosity=0"], env=environment, check=True)
            options = [f"--workers={WORKERS}", f"--bind=127.0.0.1:{port}", "--no-control-socket"]
            command = [PYTHON, "-m", "gunicorn", *options, "wsgi"]
            child = Child(command, dies_by=signal.SIGKILL, environment=environment, folder=SITE)
            try:
                wait_until_it_answers(child, port)
                yield Running([("127.0.0.1", port)], [child.pid], database.name, database.owner_dsn)
            finally:
                child.kill()

    async def send(self, client: HttpClient, login: Login, *fields: str) -> Answer:
        path = "/signup" if login.is_new_user else "/code/request"
        answer = await client.exchange(_API + path, {"email": login.email}, *fields)
        if answer.status == _PENDING:
            login.handle = answer.json["meta"]["session_token"]
        return answer

    async def confirm(self, client: HttpClient, login: Login, code: str, *fields: str) -> Answer:
        path, name = ("/email/verify", "key") if login.is_new_user else ("/code/confirm", "code")
        return await client.exchange(_API + path, {name: code}, f"x-session-token: {login.handle}", *fields)

    def is_sent(self, answer: Answer) -> bool:
        return answer.status == _PENDING and b"is_pending" in answer.body

    def is_confirmed(self, answer: Answer) -> bool:
        return answer.status == 200
