"""`deploy/` played through: its SQL, settings and units, and the commands that the guide to running prints."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from authsession.embedded.child import Child, free_port
from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import redis_binary
from authsession.service import SOURCE
from services.internal_admin.settings import read_settings as read_internal
from services.public_auth.settings import read_settings as read_public
from tests.integration.deployment.files import unit
from tests.support.database import run_sql
from tests.support.proxies import NODE_SAMPLES, SAMPLES, program
from tests.support.servers import temporary_postgres
from tests.support.stack import clean_environment, wait_for

DEPLOY = SOURCE / "deploy"
STEPS = (SOURCE / "docs/guides/running.md").read_text("utf-8").partition("\n## One host, step by step\n")[2]
PROCESSES = ("public", "internal")
READ_SETTINGS = {"public": read_public, "internal": read_internal}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the places that the guide names are in this test."""

    folder: Path
    places: Mapping[str, str]

    def here(self, text: str) -> str:
        for there, place in self.places.items():
            text = text.replace(there, place)
        return text

    def play(self, block: str) -> subprocess.CompletedProcess[str]:
        """The guide's shell commands, without those that need a superuser or systemd."""
        lines = [line for line in block.splitlines() if not re.match(r"psql |systemctl |cp .*systemd", line)]
        commands = self.here("\n".join(["cd /etc/authsession/secrets", *lines]))
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-e", "-u", "-c", commands],
            env={**clean_environment(), "PATH": path},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip


PROGRAM, SECRETS, DATABASE, REDIS, SETTINGS, QUESTIONS = re.findall(
    r"```sh\n(.*?)```", STEPS.partition("\n## ")[0], re.DOTALL
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    """Of this module alone: roles and passwords belong to the whole cluster."""
    with temporary_postgres() as server:
        for statement in (DEPLOY / "postgres/create.sql").read_text("utf-8").split(";"):
            if re.sub(r"--.*", "", statement).strip():
                run_sql(server.dsn(), statement)
        yield server


@pytest.fixture(scope="module")
def machine(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The database that the guide's commands make, and a Redis with its users. The database's owner is the test's."""
    folder = tmp_path_factory.mktemp("etc") / "authsession"
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets/owner_dsn").write_text(postgres.dsn("authsession"))
    (folder / "secrets/smtp_password").write_text("password-of-the-mail-server")
    redis_port = free_port()
    machine = Machine(folder, {
        "/etc/authsession": str(folder),
        "/opt/authsession": str(SOURCE),
        "127.0.0.1:5432": f"127.0.0.1:{postgres.port}",
        "127.0.0.1:6379": f"127.0.0.1:{redis_port}",
    })  # fmt: skip
    for block in (SECRETS, DATABASE, REDIS, SETTINGS):
        done = machine.play(block)
        assert done.returncode == 0, done.stderr
    for path in folder.glob("*.env"):
        path.write_text(machine.here(path.read_text("utf-8")))
    command = [redis_binary(), "--aclfile", f"{folder}/users.acl", "--bind", "127.0.0.1", "--port", str(redis_port)]
    server = Child([*command, "--save", "", "--dir", str(folder)], dies_by=SIGKILL)
    try:
        yield machine
    finally:
        server.kill()


def test_redis_may_read_its_users_and_nobody_else_the_secrets(machine: Machine) -> None:
    """Redis runs as a user of its own."""
    modes = [path.stat().st_mode & 0o777 for path in (machine.folder, machine.folder / "users.acl")]
    assert modes == [0o755, 0o644]
    assert (machine.folder / "secrets").stat().st_mode & 0o777 == 0o700


def test_the_first_block_installs_what_the_others_call() -> None:
    assert PROGRAM.splitlines()[1] == "requirements/install runtime"
    assert (SOURCE / "requirements/runtime.txt").is_file()


def test_an_administrator_loads_the_users_anew_and_a_service_may_not(machine: Machine) -> None:
    port = int(machine.places["127.0.0.1:6379"].rpartition(":")[2])
    for user, may in (("admin", True), ("internal", False)):
        password = (machine.folder / f"secrets/redis_{user}_password").read_text().strip()
        with Redis(port=port, username=user, password=password) as client:
            if may:
                assert client.acl_load()
            else:
                with pytest.raises(NoPermissionError):
                    client.acl_load()


def test_doctor_finds_fault_with_nothing_but_the_mail_server_of_the_sample(machine: Machine) -> None:
    """Whose name leads nowhere. So the token is not made in the same breath: `sh -e` ends."""
    done = machine.play(QUESTIONS)
    failures = [line for line in done.stdout.splitlines() if line.startswith("fail")]
    assert [line for line in failures if "mail server" not in line] == []
    assert failures, done.stdout + done.stderr
    assert "ok    internal: configuration" in done.stdout
    token = machine.play(QUESTIONS.splitlines()[-1])
    assert token.stdout.startswith("authsession_"), token.stderr


@pytest.mark.parametrize("process", PROCESSES)
def test_production_takes_the_settings_and_secrets_of_a_unit(machine: Machine, process: str) -> None:
    settings = READ_SETTINGS[process](environment_of(process, machine.folder))
    assert settings.process.is_production


def environment_of(process: str, folder: Path) -> Mapping[str, str]:
    """As systemd makes it: the file of settings, then the unit's own lines, `%d` the folder of credentials."""
    lines = (folder / f"{process}.env").read_text("utf-8").splitlines()
    given = {
        name: value.strip('"') for line in lines if line and line[0] != "#" for name, _, value in [line.partition("=")]
    }
    for name, value in unit(process):
        if name == "Environment":
            variable, _, text = value.partition("=")
            given[variable] = text.replace("%d", str(folder / "secrets"))
    return given


@pytest.mark.parametrize("process", PROCESSES)
def test_a_unit_loads_the_secrets_that_it_names_and_no_other(machine: Machine, process: str) -> None:
    loaded = {
        value.partition(":")[0]: Path(value.partition(":")[2])
        for name, value in unit(process)
        if name == "LoadCredential"
    }
    named = {value.rpartition("/")[2] for name, value in unit(process) if name == "Environment"}
    assert set(loaded) == named
    assert all(path.parent == Path("/etc/authsession/secrets") for path in loaded.values())
    assert [name for name in loaded if not (machine.folder / "secrets" / name).stat().st_size] == []


@pytest.mark.parametrize("process", PROCESSES)
def test_a_unit_starts_a_process_that_becomes_ready(machine: Machine, process: str) -> None:
    command = next(value for name, value in unit(process) if name == "ExecStart").split()
    assert command[:2] == ["/opt/authsession/.venv/bin/python", "-m"]
    ports = {"AUTHSESSION_PUBLIC_HTTP_ADDR": free_port(), "AUTHSESSION_INTERNAL_HTTP_ADDR": free_port()}
    given = {name: f"127.0.0.1:{port}" for name, port in ports.items()} | {"AUTHSESSION_PUBLIC_METRICS_ADDR": "off"}
    port = ports[f"AUTHSESSION_{process.upper()}_HTTP_ADDR"]
    environment = {**clean_environment(), **environment_of(process, machine.folder), **given}
    child = Child([sys.executable, *command[1:]], dies_by=SIGKILL, environment=environment, folder=SOURCE)
    try:
        ask = [
            "python3",
            "-c",
            f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/readyz').read())",
        ]
        wait_for(
            lambda: (
                child.exit_status() is not None
                or b'"ready"' in subprocess.run(ask, capture_output=True, check=False, timeout=10).stdout
            )
        )
        assert child.exit_status() is None, child.tail()
    finally:
        child.kill()


def test_the_unit_never_repeats_a_wrong_configuration_and_waits_for_the_drain() -> None:
    for process in PROCESSES:
        values = dict(unit(process))
        assert values["RestartPreventExitStatus"] == "78"
        assert int(values["TimeoutStopSec"]) > 5 + 10 + 10


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="needs systemd-analyze, which machines with systemd have; the other tests of the units run everywhere",
)
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for process in PROCESSES:
        text = (DEPLOY / f"systemd/authsession-{process}.service").read_text("utf-8")
        path = tmp_path / f"authsession-{process}.service"
        path.write_text(
            text.replace("/opt/authsession/.venv/bin/python", sys.executable).replace("/opt/authsession", str(SOURCE))
        )
        done = subprocess.run(
            ["systemd-analyze", "verify", path], capture_output=True, text=True, timeout=60, check=False
        )
        assert str(path) not in done.stderr, done.stderr
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("samples", [SAMPLES, NODE_SAMPLES], ids=["login", "nodes"])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_proxy_takes_its_sample_with_tls(tmp_path: Path, name: str, samples: Mapping[str, Path]) -> None:
    found = program(name)
    key, certificate = tmp_path / "login.key", tmp_path / "login.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=login.example.com",
    ]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
    (tmp_path / "both.pem").write_text(certificate.read_text() + key.read_text())
    text = re.sub(r"/etc/ssl/\w+\.example\.com\.pem", str(certificate), samples[name].read_text("utf-8"))
    text = re.sub(r"/etc/ssl/\w+\.example\.com\.key", str(key), text)
    text = re.sub(r"/etc/haproxy/\w+\.example\.com\.pem", str(tmp_path / "both.pem"), text)
    path = tmp_path / "configuration"
    path.write_text(f"events {{}}\npid {tmp_path}/pid;\nhttp {{\n{text}\n}}\n" if name == "nginx" else text)
    command = [found, "-t", "-c", path] if name == "nginx" else [found, "-c", "-f", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
