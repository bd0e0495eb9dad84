"""The tour of README and quickstart: a gateway joins, takes its configuration while it serves, and is revoked."""

import re
import shlex
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from authsession.embedded.child import free_port
from authsession.service import SOURCE
from examples.gateway.client import call, log_in
from tests.support.programs import Program, program
from tests.support.stack import wait_for
from tests.support.up import Up, running_up

REASON = "max_body_bytes is 16777216, and the limit of this gateway is 8388608"


class Page:
    """The commands of a section of the quickstart, which a person types in the order of the page."""

    def __init__(self, title: str) -> None:
        text = (SOURCE / "docs/quickstart.md").read_text("utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
        commands = re.findall(r"^(?:echo .*\| )?\.venv/bin/authsession .*$", text, re.MULTILINE)
        self._left = [each.replace(".venv/bin/", "") for each in commands]

    @property
    def is_played(self) -> bool:
        return not self._left

    def play(self, up: Up, begins: str, *more: str, shows: str = "", **values: str) -> str:
        """Plays the next command, which must begin so, until it shows a text. Returns its output.

        `values` replace words of the page.
        """
        line = self._left.pop(0)
        typed, _, command = line.rpartition("authsession ")
        assert command.startswith(begins), line
        for name, value in values.items():
            command = command.replace(f"{name}-01m80…", value)
        given = re.sub(r"^echo '(.*)' \| $", r"\1", typed)

        def shown() -> str | None:
            played = up.command(*shlex.split(command), *more, given=given)
            assert played.returncode == 0, (line, played.stdout, played.stderr)
            return played.stdout if shows in played.stdout else None

        return wait_for(shown)


@contextmanager
def stage(folder: Path) -> Generator[tuple[Up, Program]]:
    """`up` and a collector."""
    port = free_port()
    with program(folder, "examples.collector", COLLECTOR_ADDR=f"127.0.0.1:{port}") as collector:
        collector.find("^The collector listens")
        with running_up(folder, AUTHSESSION_NODE_OTLP_ENDPOINT=f"http://127.0.0.1:{port}") as up:
            yield up, collector


@contextmanager
def gateway(up: Up, join_string: str) -> Generator[tuple[Program, str]]:
    """The example gateway in the folder of `up`, and its URL."""
    address = f"127.0.0.1:{free_port()}"
    with program(up.folder, "examples.gateway", "--join", join_string, GATEWAY_ADDR=address) as running:
        running.find(r"^The gateway listens on \S+ \(ready\)$")
        yield running, f"http://{address}"


def test_the_tour_of_nodes_as_the_quickstart_has_it(tmp_path: Path) -> None:
    page = Page("Make the gateway a node")
    with stage(tmp_path) as (up, collector), httpx.Client(timeout=30) as http:
        joined = re.search(r"authsession_join_\S+", page.play(up, "join-token create"))
        assert joined is not None
        with gateway(up, joined[0]) as (running, url):
            node_id = running.find(r"^joined +(node-\S+) in the pool edge$")[1]
            page.play(up, "nodes list", shows=node_id)

            for command in ("create", "publish", "activate"):
                page.play(up, f"gateway-configs {command} edge")
            running.find(r"^applied .*: fail_static for 60 s, freshness 60 s, replay 180 s, ")
            page.play(up, "nodes rollout", shows="synced")

            for command in ("edit", "publish", "activate"):
                page.play(up, f"gateway-configs {command} edge")
            running.find(f"^rejected .*: {REASON}$")
            page.play(up, "nodes rollout", shows=REASON)
            page.play(up, "gateway-configs activate edge 1")

            public, internal = (f"http://127.0.0.1:{up.ports[name]}" for name in ("public", "internal"))
            signer = log_in(http, public, internal, "pilot@example.com")
            assert call(http, url, signer).status_code == 200
            collector.find(rf"^trace +example-gateway of {node_id} in edge +GET \S+ ms url.path=/whoami .*=200$")

            page.play(up, "nodes revoke", "--yes", node=node_id)
            assert wait_for(lambda: running.child.exit_status() is not None)
            running.find("^the control plane revoked this node: the gateway has stopped")
        with program(up.folder, "examples.gateway", GATEWAY_ADDR=f"127.0.0.1:{free_port()}") as refused:
            assert wait_for(lambda: refused.child.exit_status() is not None)
            refused.find("^the control plane revoked this node")
    assert page.is_played
