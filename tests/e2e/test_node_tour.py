"""The tour of README and quickstart: a gateway joins, takes its configuration while it serves, and is revoked."""

import re
import signal
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from authsession.embedded.child import Child, free_port
from authsession.service import SOURCE
from examples.gateway.client import call, log_in
from tests.support.stack import clean_environment, wait_for
from tests.support.up import Up, running_up

REASON = "max_body_bytes is 16777216, and the limit of this gateway is 8388608"
SCOPES = ("nodes:read", "nodes:write", "gateway-configs:read", "gateway-configs:write", "gateway-configs:publish")


class Program:
    """A program of `examples`, started in the folder of `up`, and the lines that it prints."""

    def __init__(self, folder: Path, module: str, *arguments: str, **environment: str) -> None:
        self.lines: list[str] = []
        self.child = Child(
            [sys.executable, "-P", "-m", module, *arguments],
            dies_by=signal.SIGTERM,
            on_line=self.lines.append,
            environment=clean_environment() | {"PYTHONPATH": str(SOURCE)} | environment,
            folder=folder,
        )

    def find(self, pattern: str) -> re.Match[str]:
        """Waits for a line that matches."""
        return wait_for(lambda: next(filter(None, (re.search(pattern, line) for line in list(self.lines))), None))


class Operator:
    """Calls of the control plane with a token."""

    def __init__(self, up: Up) -> None:
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        made = up.command("token", "create", "--name", "tour", *scopes)
        assert made.returncode == 0, made.stderr
        token = re.search(r"authsession_token_\S+", made.stdout)
        assert token is not None
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{up.ports['internal']}/api/control-plane",
            headers={"authorization": f"Bearer {token[0]}"},
        )

    def get(self, path: str) -> dict[str, Any]:
        return self._answer(self._http.get(path))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._answer(self._http.post(path, json=body))

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._answer(self._http.patch(path, json=body))

    @staticmethod
    def _answer(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def stage(folder: Path) -> Generator[tuple[Up, Program]]:
    """`up` and a collector."""
    port = free_port()
    collector = Program(folder, "examples.collector", COLLECTOR_ADDR=f"127.0.0.1:{port}")
    try:
        collector.find("^The collector listens")
        with running_up(folder, AUTHSESSION_NODE_OTLP_ENDPOINT=f"http://127.0.0.1:{port}") as up:
            yield up, collector
    finally:
        collector.child.stop(signal.SIGTERM, timeout=10)


@contextmanager
def gateway(up: Up, join_string: str | None) -> Generator[tuple[Program, str]]:
    """The example gateway in the folder of `up`, and its URL."""
    address = f"127.0.0.1:{free_port()}"
    arguments = [] if join_string is None else ["--join", join_string]
    program = Program(up.folder, "examples.gateway", *arguments, GATEWAY_ADDR=address)
    try:
        program.find(r"^The gateway listens on \S+ \(ready\)$")
        yield program, f"http://{address}"
    finally:
        program.child.stop(signal.SIGTERM, timeout=10)


def test_the_tour_of_nodes(tmp_path: Path) -> None:
    with stage(tmp_path) as (up, collector), httpx.Client(timeout=30) as http:
        operator = Operator(up)
        join_string: str = operator.post("/node-join-tokens", {"pool": "edge"})["secret"]
        with gateway(up, join_string) as (program, url):
            node_id = program.find(r"^joined +(node-\S+) in the pool edge$")[1]
            (node,) = operator.get("/nodes?pool=edge")["nodes"]
            assert (node["node_id"], node["node_name"], node["status"]) == (node_id, "gateway-1", "active")

            created = operator.post("/gateway-configs", {"name": "edge", "pools": ["edge"], "draft": {}})
            configs = Configs(operator, created["gateway_config"]["gateway_config_id"])
            configs.activate({"mode": "fail_static", "serve_known_for": 60, "freshness_window": 60})
            program.find(r"^applied .*: fail_static for 60 s, freshness 60 s,")
            wait_for(lambda: rollout(operator)["nodes"]["synced"] == 1)

            configs.activate({"max_body_bytes": 16 << 20})
            program.find(f"^rejected .*: {REASON}$")
            wait_for(lambda: rollout(operator)["nodes"]["rejected"] == 1)
            (item,) = rollout(operator)["items"]
            assert (item["error"]["message"], item["error"]["document"]) == (REASON, "gateway_config/edge")
            public, internal = (f"http://127.0.0.1:{up.ports[name]}" for name in ("public", "internal"))
            signer = log_in(http, public, internal, "pilot@example.com")
            assert call(http, url, signer).status_code == 200
            collector.find(rf"^trace +example-gateway of {node_id} in edge +GET \S+ ms url.path=/whoami .*=200$")

            revoked = {"reason_code": "admin_revoke", "actor": {"type": "admin", "id": "admin-1"}}
            assert operator.post(f"/nodes/{node_id}/revoke", revoked)["outcome"] == "revoked"
            assert wait_for(lambda: program.child.exit_status() is not None)
            program.find("^the control plane revoked this node: the gateway has stopped")
        refused = Program(up.folder, "examples.gateway", GATEWAY_ADDR=f"127.0.0.1:{free_port()}")
        assert wait_for(lambda: refused.child.exit_status() is not None)
        refused.find("^the control plane revoked this node")


class Configs:
    """One gateway configuration."""

    def __init__(self, operator: Operator, gateway_config_id: str) -> None:
        self._operator = operator
        self._path = f"/gateway-configs/{gateway_config_id}"

    def activate(self, draft: Mapping[str, Any]) -> None:
        """Edits the draft, publishes it and activates the version."""
        before = self._operator.get(self._path)["gateway_config"]
        edited = {"expected_revision": before["revision"], "draft": draft}
        revision = self._operator.patch(self._path, edited)["gateway_config"]["revision"]
        version = self._operator.post(f"{self._path}/publish", {"expected_revision": revision})["version"]
        chosen = {"version": version, "expected_active_version": before["active_version"]}
        assert self._operator.post(f"{self._path}/activate", chosen)["outcome"] == "activated"


def rollout(operator: Operator) -> dict[str, Any]:
    return operator.get("/nodes/rollout?pool=edge")
