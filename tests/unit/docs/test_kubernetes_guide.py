"""The manifests of the guide to Kubernetes agree with settings, images and shutdown of the processes."""

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.node.poll import MAX_WAIT
from services.internal_admin.settings import read_settings as read_internal
from services.public_auth.settings import read_settings as read_public
from shared.kernel.address import TcpAddress

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/guides/kubernetes.md").read_text("utf-8")
DOCUMENTS: list[dict[str, Any]] = [
    document for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL) for document in yaml.safe_load_all(block)
]
READ_SETTINGS = {"public": read_public, "internal": read_internal}
DOCKERFILES = {"public": "public_auth", "internal": "internal_admin"}
SECRETS = "/run/secrets/authsession"


def deployment(process: str) -> dict[str, Any]:
    """Its pod, in which the container is the only one."""
    [found] = [
        each for each in DOCUMENTS if each["kind"] == "Deployment" and each["metadata"]["name"].endswith(process)
    ]
    return found["spec"]["template"]["spec"]


def environment(process: str, folder: Path) -> Mapping[str, str]:
    """As the container gets it, each secret a file of `folder`."""
    [container] = deployment(process)["containers"]
    return {each["name"]: each["value"].replace(SECRETS, str(folder)) for each in container["env"]}


def files_of(secret: str) -> Iterator[str]:
    command = re.search(rf"kubectl create secret generic {secret} (.*?)(?=\nkubectl|```)", GUIDE, re.DOTALL)
    assert command is not None
    return (each for each in re.findall(r"--from-file=(\S+)", command[1]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With every secret that the guide makes."""
    for process in ("public", "internal"):
        for number, name in enumerate(files_of(f"authsession-{process}")):
            text = "password"
            if name.endswith("_keys"):
                text = f"k1:{base64.b64encode(bytes([len(name), number]) * 16).decode()}"
            if name.endswith("_dsn"):
                text = "postgresql://authsession:password@postgres/authsession"
            (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("process", READ_SETTINGS)
def test_production_takes_the_settings(process: str, folder: Path) -> None:
    settings = READ_SETTINGS[process](environment(process, folder))
    assert settings.process.is_production


@pytest.mark.parametrize("process", READ_SETTINGS)
def test_a_pod_mounts_the_secrets_that_it_names_and_no_other(process: str, folder: Path) -> None:
    given = environment(process, folder)
    named = {Path(value).name for name, value in given.items() if name.endswith("_FILE")}
    assert named == set(files_of(f"authsession-{process}"))


@pytest.mark.parametrize("process", READ_SETTINGS)
def test_the_probes_reach_the_listener_and_only_readiness_asks_for_dependencies(process: str, folder: Path) -> None:
    [container] = deployment(process)["containers"]
    port = {each["name"]: each["containerPort"] for each in container["ports"]}["http"]
    address = READ_SETTINGS[process](environment(process, folder)).http_address
    assert isinstance(address, TcpAddress)
    assert address.port == port
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness")}
    assert probes == {
        "readiness": {"path": "/readyz", "port": "http"},
        "liveness": {"path": "/healthz", "port": "http"},
    }
    assert container["readinessProbe"]["timeoutSeconds"] > 3


@pytest.mark.parametrize("process", READ_SETTINGS)
def test_a_pod_gets_the_time_that_its_shutdown_may_take(process: str, folder: Path) -> None:
    settings = READ_SETTINGS[process](environment(process, folder)).process
    mail = timedelta(seconds=10)
    needed = settings.drain_delay + settings.shutdown_timeout + mail
    assert timedelta(seconds=deployment(process)["terminationGracePeriodSeconds"]) > needed


def test_nodes_reach_their_listener_and_may_wait_as_long_as_they_do(folder: Path) -> None:
    command = re.search(r"kubectl set env deployment/authsession-internal (.*)", GUIDE)
    assert command is not None
    given = dict(each.split("=") for each in command[1].split())
    address = read_internal({**environment("internal", folder), **given}).node_http_address
    service, ingress = (
        next(each for each in DOCUMENTS if (each["kind"], each["metadata"]["name"]) == (kind, "authsession-nodes"))
        for kind in ("Service", "Ingress")
    )
    assert isinstance(address, TcpAddress)
    assert service["spec"]["ports"][0]["targetPort"] == address.port
    annotations = {name.rpartition("/")[2]: value for name, value in ingress["metadata"]["annotations"].items()}
    longest = MAX_WAIT * 17 / 16
    assert longest < int(annotations["proxy-next-upstream-timeout"]) < int(annotations["proxy-read-timeout"])


@pytest.mark.parametrize("process", READ_SETTINGS)
def test_a_pod_runs_as_the_user_of_its_image(process: str) -> None:
    user = deployment(process)["securityContext"]["runAsUser"]
    assert f"\nUSER {user}:{user}\n" in (ROOT / f"docker/{DOCKERFILES[process]}.Dockerfile").read_text("utf-8")
