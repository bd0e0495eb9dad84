"""docker-compose.yml: who reaches whom, what each container may do, and that its settings are what we read."""

import re
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from authsession.service import SOURCE
from services.internal_admin.settings import read_settings as read_internal
from services.public_auth.settings import read_settings as read_public
from shared.kernel.address import TcpAddress
from shared.web.holding import MAX_HELD
from tests.integration.deployment.files import (
    SECRETS,
    compose,
    dockerfile,
    secrets_named_in,
    secrets_of,
    unit,
)

COMPOSE = compose()
SERVICES: Mapping[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = ("migrate", "redis_acl")


@pytest.fixture(scope="module")
def made_secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that docker/make-secrets fills."""
    folder = tmp_path_factory.mktemp("docker")
    (folder / "make-secrets").write_bytes((SOURCE / "docker/make-secrets").read_bytes())
    subprocess.run(["sh", folder / "make-secrets"], check=True, timeout=30, capture_output=True)
    return folder / "secrets"


def environment(name: str, secrets: Path) -> dict[str, str]:
    """That of a container, its secrets elsewhere."""
    return {
        variable: str(value).replace(SECRETS, f"{secrets}/")
        for variable, value in SERVICES[name]["environment"].items()
    }


def networks(name: str) -> set[str]:
    return set(SERVICES[name].get("networks", []))


def neighbours(name: str) -> set[str]:
    """Whom a container can open a connection to."""
    return {other for other in SERVICES if other != name and networks(other) & networks(name)}


def test_each_container_reaches_only_what_it_needs() -> None:
    assert {name: neighbours(name) for name in SERVICES} == {
        "public": {"postgres", "redis", "mail"},
        "internal": {"postgres", "redis"},
        "migrate": {"postgres"},
        "redis_acl": set(),
        "postgres": {"public", "internal", "migrate", "redis"},
        "redis": {"public", "internal", "postgres"},
        "mail": {"public"},
    }
    assert SERVICES["redis_acl"]["network_mode"] == "none"


def test_every_published_port_is_this_machines_alone() -> None:
    """Published on every interface, the internal listener would be in the public container's reach by the host."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"public", "internal", "mail"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_only_containers_with_a_published_port_have_a_way_out() -> None:
    """An engine publishes no port of a container that is on internal networks only."""
    open_networks = {name for name, options in COMPOSE["networks"].items() if not options.get("internal")}
    assert {name for name in SERVICES if networks(name) & open_networks} == {"public", "internal", "mail"}
    for network in open_networks:
        assert len([name for name in SERVICES if network in networks(name)]) == 1


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_change_nothing_but_its_data_and_gain_no_right(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    user = service.get("user") or dockerfile(Path(service["build"]["dockerfile"]).stem).last("USER")
    assert user.partition(":")[0] not in ("", "0", "root")


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_runs_on_and_says_how_it_is_or_ends(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert "restart" not in service
        waiting = [other for other in SERVICES.values() if name in other.get("depends_on", {})]
        assert waiting
        assert all(other["depends_on"][name]["condition"] == "service_completed_successfully" for other in waiting)
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_ours_or_of_an_exact_version(name: str) -> None:
    service = SERVICES[name]
    if "build" in service:
        assert (SOURCE / service["build"]["dockerfile"]).is_file()
    else:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9]+)?", service["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_gets_the_secrets_that_it_reads_and_no_other(name: str) -> None:
    assert secrets_of(SERVICES[name]) == secrets_named_in(SERVICES[name])


def test_the_two_processes_share_their_keys_and_no_credentials() -> None:
    shared = secrets_of(SERVICES["public"]) & secrets_of(SERVICES["internal"])
    assert shared == {"login_code_keys", "sealing_keys"}


def test_make_secrets_makes_those_that_are_mounted_and_keeps_them(made_secrets: Path) -> None:
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == {
        f"docker/secrets/{path.name}" for path in made_secrets.iterdir()
    }
    assert set().union(*map(secrets_of, SERVICES.values())) == set(COMPOSE["secrets"])
    before = {path.name: path.read_text() for path in made_secrets.iterdir()}
    again = subprocess.run(["sh", made_secrets.parent / "make-secrets"], check=True, capture_output=True, timeout=30)
    assert again.stdout == b""
    assert {path.name: path.read_text() for path in made_secrets.iterdir()} == before
    assert len(set(before.values())) == len(before)


def test_mails_leave_encrypted_to_whom_the_certificate_names(made_secrets: Path) -> None:
    certificate = x509.load_pem_x509_certificate((made_secrets / "mail_certificate").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    host = SERVICES["public"]["environment"]["AUTHSESSION_SMTP_ADDR"].partition(":")[0]
    assert host in names.get_values_for_type(x509.DNSName)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc > timedelta(days=3000)
    mail = SERVICES["mail"]["environment"]
    assert mail["MP_SMTP_REQUIRE_STARTTLS"] == "true"
    trusted = SERVICES["public"]["environment"]["SSL_CERT_FILE"]
    assert trusted == mail["MP_SMTP_TLS_CERT"]
    key = serialization.load_pem_private_key((made_secrets / "mail_key").read_bytes(), password=None)
    assert key.public_key() == certificate.public_key()


def test_others_of_the_machine_read_no_secret_but_the_containers_user_does(made_secrets: Path) -> None:
    assert made_secrets.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made_secrets.iterdir()} == {0o444}


def test_secrets_never_enter_git_or_an_image() -> None:
    ignored = subprocess.run(
        ["git", "check-ignore", "--quiet", "docker/secrets/owner_dsn"], cwd=SOURCE, check=False, timeout=30
    )
    assert ignored.returncode in (0, 128)  # 128: not a repository here
    assert "docker/secrets/" in (SOURCE / ".gitignore").read_text().splitlines()


def test_nodes_have_a_port_and_open_files_of_their_own(made_secrets: Path) -> None:
    service = SERVICES["internal"]
    address = read_internal(environment("internal", made_secrets)).node_http_address
    assert isinstance(address, TcpAddress)
    assert f"127.0.0.1:{address.port}:{address.port}" in service["ports"]
    assert service["ulimits"]["nofile"] >= 4 * MAX_HELD
    assert dict(unit("internal"))["LimitNOFILE"] == str(service["ulimits"]["nofile"])


def test_production_takes_both_processes_settings_as_they_are(made_secrets: Path) -> None:
    public = read_public(environment("public", made_secrets))
    internal = read_internal(environment("internal", made_secrets))
    assert internal.requires_token
    for name, settings in (("public", public.process), ("internal", internal.process)):
        assert settings.is_production
        # Both servers are behind networks that nobody else is on.
        assert [warning.split()[0] for warning in settings.warnings] == [
            "AUTHSESSION_POSTGRES_DSN",
            "AUTHSESSION_REDIS_TLS",
        ]
        assert settings.redis.username == name
        grace = timedelta(seconds=int(SERVICES[name]["stop_grace_period"].removesuffix("s")))
        assert settings.drain_delay + settings.shutdown_timeout < grace
