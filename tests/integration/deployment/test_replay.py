"""docker-compose.yml played through without an engine: its secrets, its one-shot commands, its Redis, and both
processes from nothing but the files of their images. Hosts, ports and folders are this machine's."""

import re
import site
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from subprocess import run
from typing import Any

import httpx
import pytest

from authsession.embedded.child import Child, free_port
from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import redis_binary
from authsession.service import SOURCE
from tests.integration.deployment.files import SECRETS, compose, dockerfile, replay_copies
from tests.integration.io.tls import Certificate
from tests.support.database import run_sql
from tests.support.servers import temporary_postgres
from tests.support.smtp_peer import SmtpPeer, smtp_peer
from tests.support.stack import clean_environment, wait_for

KEY = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
SERVICES: Mapping[str, dict[str, Any]] = compose()["services"]
IMAGE = {"public": "public_auth", "internal": "internal_admin", "migrate": "authsession", "redis_acl": "authsession"}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a container's names lead here: what is written in the file, and what takes its place."""

    folder: Path
    places: Mapping[str, str]

    def here(self, text: str) -> str:
        for there, place in self.places.items():
            text = text.replace(there, place)
        return text

    def image(self, name: str) -> Path:
        """The files under /app of the container's image."""
        folder = self.folder / IMAGE[name]
        return folder if folder.exists() else replay_copies(IMAGE[name], folder)

    def environment(self, name: str) -> dict[str, str]:
        """Of the container. Python finds the image's files and the packages, not this tree (no `.pth` files: -S)."""
        given = {key: self.here(str(value)) for key, value in SERVICES[name].get("environment", {}).items()}
        paths = [str(self.image(name)), *site.getsitepackages()]
        ours = {
            "PYTHONPATH": ":".join(paths),
            "AUTHSESSION_PUBLIC_METRICS_ADDR": "off",
        }  # a port of the container's own
        return {**clean_environment(), **given, **ours}

    def python(self, words: list[str]) -> list[str]:
        """A command of an image."""
        assert words[0] == "python"
        return [sys.executable, "-S", *map(self.here, words[1:])]

    def run_once(self, name: str, *command: str) -> str:
        """The output of a one-shot container, by a command of its own, or as `docker compose run NAME COMMAND`."""
        words = [*dockerfile(IMAGE[name]).json_list("ENTRYPOINT"), *(command or SERVICES[name]["command"])]
        done = run(
            self.python(words), env=self.environment(name), cwd=self.image(name), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, name: str) -> Child:
        """A service's process."""
        words = self.python(dockerfile(IMAGE[name]).json_list("CMD"))
        return Child(words, dies_by=SIGKILL, environment=self.environment(name), folder=self.image(name))

    def start_redis(self) -> Child:
        """Redis, by the container's command."""
        command = [self.here(word) for word in SERVICES["redis"]["command"]]
        port = self.places["redis:6379"].rpartition(":")[2]
        options = ["--port", port, "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return Child([redis_binary(), *command[1:], *options], dies_by=SIGKILL)

    def is_healthy(self, name: str) -> bool:
        """By the check of the compose file."""
        return self._check(SERVICES[name]["healthcheck"]["test"][1:])

    def is_alive(self, name: str) -> bool:
        """By the check of the image."""
        return self._check(dockerfile(IMAGE[name]).json_list("HEALTHCHECK"))

    def _check(self, words: list[str]) -> bool:
        return run(self.python(words), check=False, capture_output=True, timeout=30).returncode == 0


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    """Of this module alone: passwords belong to the whole cluster."""
    with temporary_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the secrets made."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "make-secrets").write_bytes((SOURCE / "docker/make-secrets").read_bytes())
    run(["sh", folder / "make-secrets"], check=True, timeout=30, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def mail(folder: Path) -> Iterator[SmtpPeer]:
    """In the place of the mail catcher, with its certificate and key."""
    certificate = Certificate(folder / "secrets/mail_certificate", folder / "secrets/mail_key")
    with smtp_peer(certificate, tls="starttls") as peer:
        yield peer


@pytest.fixture(scope="module")
def machine(postgres: EmbeddedPostgres, mail: SmtpPeer, folder: Path) -> Machine:
    """The superuser's password is what its secret says."""
    secrets = folder / "secrets"
    for name in ("owner_dsn", "public_dsn", "internal_dsn"):
        written = (secrets / name).read_text()
        (secrets / name).chmod(0o600)
        (secrets / name).write_text(written.replace("@postgres/", f"@127.0.0.1:{postgres.port}/"))
    password = (secrets / "postgres_password").read_text().strip()
    run_sql(postgres.dsn(), f"create database {SERVICES['postgres']['environment']['POSTGRES_DB']}")
    run_sql(postgres.dsn(), f"alter role postgres password '{password}'")
    ports = {there: str(free_port()) for there in ("8080", "8081", "8082")}
    return Machine(folder, {
        SECRETS: f"{secrets}/",
        "/acl/": f"{folder}/",
        "mail:1025": f"localhost:{mail.port}",
        "redis:6379": f"127.0.0.1:{free_port()}",
        "0.0.0.0:8081": f"127.0.0.1:{ports['8081']}",
        "0.0.0.0:8082": f"127.0.0.1:{ports['8082']}",
        ":8080": f":{ports['8080']}",
        ":8081": f":{ports['8081']}",
        ":8082": f":{ports['8082']}",
    })  # fmt: skip


@pytest.fixture(scope="module")
def running(machine: Machine) -> Iterator[Mapping[str, Child]]:
    """Everything, started in the order that the file demands."""
    with ExitStack() as stack:
        assert machine.run_once("redis_acl") == ""
        printed = machine.run_once("migrate")
        assert "authsession_public logs in" in printed
        children = {"redis": machine.start_redis()}
        stack.callback(children["redis"].kill)
        for name in ("public", "internal"):
            children[name] = machine.start(name)
            stack.callback(children[name].kill)
        for name in ("public", "internal"):
            wait_for(lambda name=name: machine.is_healthy(name) or children[name].exit_status() is not None, timeout=60)
            assert children[name].exit_status() is None, children[name].tail()
        yield children


def test_a_second_migration_changes_nothing(machine: Machine, running: Mapping[str, Child]) -> None:
    assert machine.run_once("migrate").startswith("Nothing to do")
    assert machine.is_healthy("public")


def test_a_login_goes_through_every_part(machine: Machine, running: Mapping[str, Child], mail: SmtpPeer) -> None:
    public = f"http://127.0.0.1{machine.places[':8080']}/api/v1/public/auth"
    internal = f"http://127.0.0.1{machine.places[':8081']}"
    sent = httpx.post(f"{public}/send-email-code", json={"email": "pilot@example.com"}).json()
    wait_for(lambda: mail.messages)
    code = re.search(r"[0-9]{6}", mail.parsed()["Subject"])
    assert code is not None
    confirmed = httpx.post(
        f"{public}/confirm-email-code", json={**sent, "code": code[0], "client_public_key": KEY}
    ).json()
    session = f"{internal}/api/v1/internal/sessions/{confirmed['device_session_id']}"
    assert httpx.get(session).status_code == 401
    token = machine.run_once("migrate", "token", "create", "--name", "me", "--scope", "sessions:read").strip()
    holder = {"authorization": f"Bearer {token}"}
    assert httpx.get(session, headers=holder).json()["session"]["status"] == "active"
    refused = httpx.post(f"{session}/revoke", headers=holder, json={"reason_code": "x", "actor": {"type": "x"}})
    assert refused.status_code == 403
    report = httpx.get(f"{internal}/readyz").json()
    assert report["status"] == "ready"  # Redis too: the ACL file let `internal` in
    assert set(report["checks"].values()) == {"ok"}


def test_nodes_have_a_listener_of_their_own(machine: Machine, running: Mapping[str, Child]) -> None:
    target = "/api/v1/node/telemetry/v1/traces"
    statuses = {
        port: httpx.post(f"http://127.0.0.1{machine.places[port]}{target}", json={}).json()["error"]["code"]
        for port in (":8081", ":8082")
    }
    assert statuses == {":8081": "not_found", ":8082": "unsupported_protocol_version"}


@pytest.mark.parametrize(
    ("name", "module"),
    [("public", "services.internal_admin"), ("public", "authsession"), ("internal", "services.public_auth")],
)
def test_the_other_sides_code_cannot_be_imported_there(machine: Machine, name: str, module: str) -> None:
    done = run(
        [sys.executable, "-S", "-c", f"import {module}"], env=machine.environment(name), cwd=machine.image(name),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "ModuleNotFoundError" in done.stderr


def test_the_checks_tell_a_process_that_ended_from_one_that_lives(
    machine: Machine, running: Mapping[str, Child]
) -> None:
    assert machine.is_alive("internal")
    running["internal"].kill()
    assert not machine.is_alive("internal")
    assert not machine.is_healthy("internal")
    assert machine.is_alive("public")
    assert machine.is_healthy("public")
