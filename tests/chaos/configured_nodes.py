"""Nodes that follow a pool, and an operator who publishes for it, while processes die. Acknowledgements are noted."""

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trio

from clients.node import Configuration, Denial, Node, NodeSettings, Timing, Unavailable, open_node
from clients.node.notices import Notice
from contracts.gateway_configuration import KIND, decode_gateway_configuration
from tests.support.builders import unique
from tests.support.stack import RunningStack
from tests.support.trio_thread import on_a_trio_thread

API = "/api/control-plane"
QUICK = Timing(
    start_patience=1, first_pause=0.1, unready_pause=0.1, max_pause=0.5, poll_wait=5, answer_timeout=3, status_every=8
)
EXPECTED = {429, 503}
"""The refusals that bad weather may bring. A 409 is a repeat of a change whose answer was lost."""


@dataclass(slots=True)
class Noted:
    """Everything that the operator and the nodes were told."""

    joins: set[str] = field(default_factory=set[str])
    activations: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """The position by version, of each acknowledged activation."""
    limits: dict[int, int] = field(default_factory=dict[int, int])
    """The body limit of each acknowledged version."""
    applied: dict[tuple[int, int], set[str]] = field(default_factory=lambda: defaultdict(set[str]))
    """The contents that nodes applied, by position."""
    strange: list[str] = field(default_factory=list[str])
    """Answers that no weather excuses."""
    refused: Counter[str] = field(default_factory=Counter[str])
    """The answers other than a success, for a failed run."""
    notices: list[Notice] = field(default_factory=list[Notice])


class Operator:
    """Publishes and activates one gateway configuration again and again, each time with another body limit."""

    def __init__(self, stack: RunningStack, noted: Noted) -> None:
        self.pool = unique("pool-")
        self._noted = noted
        self._http = httpx.Client(base_url=stack.internal_url + API, timeout=10)
        self._stops = threading.Event()
        self._thread = threading.Thread(target=self._publish_on)
        self._limit = 1000
        self._config_id = ""

    def start(self) -> None:
        body = {"name": unique("config-"), "pools": [self.pool], "draft": {"max_body_bytes": self._limit}}
        self.join_string()
        self._config_id = self._until_done("POST", "/gateway-configs", body)["gateway_config"]["gateway_config_id"]
        self._thread.start()

    def stop(self) -> None:
        self._stops.set()
        self._thread.join(60)
        self._http.close()

    def join_string(self, uses: int = 1) -> str:
        return self._until_done("POST", "/node-join-tokens", {"pool": self.pool, "uses": uses})["secret"]

    def wait_for_activations(self, more: int = 2, within: float = 60) -> None:
        """Returns when so many further activations were acknowledged."""
        wanted, deadline = len(self._noted.activations) + more, time.monotonic() + within
        while len(self._noted.activations) < wanted:
            assert time.monotonic() < deadline, f"no activation within {within} s: {self._noted.refused}"
            assert self._thread.is_alive(), "the operator died"
            time.sleep(0.02)

    def _publish_on(self) -> None:
        while not self._stops.is_set():
            self._publish_once()

    def _publish_once(self) -> None:
        """One edit, publication and activation. Every step may be lost; the next round reads what there is."""
        path = f"/gateway-configs/{self._config_id}"
        now = self._ask("GET", path)
        if now is None:
            return
        subject = now["gateway_config"]
        self._limit += 1
        edit = {"expected_revision": subject["revision"], "draft": {"max_body_bytes": self._limit}}
        edited = self._ask("PATCH", path, edit)
        if edited is None:
            return
        published = self._ask("POST", f"{path}/publish", {"expected_revision": edited["gateway_config"]["revision"]})
        if published is None:
            return
        self._noted.limits[published["version"]] = self._limit
        activation = {"version": published["version"], "expected_active_version": subject.get("active_version")}
        activated = self._ask("POST", f"{path}/activate", activation)
        if activated is not None:
            (place,) = activated["pools"]
            self._noted.activations[published["version"]] = (place["epoch"], place["sequence"])

    def _until_done(self, method: str, path: str, body: object) -> Any:
        while True:
            if (answer := self._ask(method, path, body)) is not None:
                return answer

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        """The body of a success; None if the weather spoiled the request. A call past the limit is repeated."""
        try:
            while (answer := self._http.request(method, path, json=body)).status_code == 429:
                time.sleep(min(5.0, float(answer.headers["retry-after"])))
        except httpx.TransportError:
            time.sleep(0.05)
            return None
        if answer.status_code >= 300:
            is_repeat = answer.status_code == 409 and "conflict" in answer.text
            if answer.status_code not in EXPECTED and not is_repeat:
                self._noted.strange.append(f"{method} {path}: {answer.status_code} {answer.text}")
            if answer.status_code == 503 and "retry-after" not in answer.headers:
                self._noted.strange.append(f"{method} {path}: 503 without Retry-After")
            self._noted.refused[f"{answer.status_code} {answer.text[:60]}"] += 1
            time.sleep(0.05)
            return None
        return answer.json()


class Fleet:
    """Running nodes of the library in a thread of their own. `add` joins one more."""

    def __init__(self, stack: RunningStack, noted: Noted, folder: Path, nursery: trio.Nursery) -> None:
        self.nodes: dict[str, Node] = {}
        self._stack, self._noted, self._folder, self._nursery = stack, noted, folder, nursery
        self._token = trio.lowlevel.current_trio_token()

    def add(self, join_string: str) -> None:
        """Starts a node. It joins as soon as the weather lets it."""
        name = f"node-{len(list(self._folder.iterdir()))}"
        (self._folder / name).mkdir()
        settings = NodeSettings(
            (self._stack.internal_url,), self._folder / name, name, join_string, timing=QUICK,
            on_notice=self._noted.notices.append,
        )  # fmt: skip
        self._token.run_sync_soon(self._nursery.start_soon, self._live, name, settings)

    def digests(self) -> dict[str, str | None]:
        return {
            name: None if node.configuration is None else node.configuration.digest for name, node in self.nodes.items()
        }

    async def _live(self, name: str, settings: NodeSettings) -> None:
        async def apply(configuration: Configuration) -> None:
            place = configuration.manifest.position
            limits = [
                decode_gateway_configuration(content).max_body_bytes for _, content in configuration.documents(KIND)
            ]
            self._noted.applied[place.epoch, place.sequence].add(json.dumps(limits))

        async with open_node(settings, apply) as node:
            self.nodes[name] = node
            while True:
                if node.node_id is not None:
                    self._noted.joins.add(node.node_id)
                    await self._change_keys(node)
                await trio.sleep(1)

    async def _change_keys(self, node: Node) -> None:
        """The weather may spoil a change; a repeat goes on with it."""
        try:
            await node.change_keys()
        except (Unavailable, Denial) as problem:
            if isinstance(problem, Denial) and problem.status not in EXPECTED:
                self._noted.strange.append(f"change of keys: {problem.status} {problem.code}")


@contextmanager
def a_fleet(stack: RunningStack, noted: Noted, folder: Path) -> Generator[Fleet]:
    async def serve(task_status: trio.TaskStatus[Fleet]) -> None:
        async with trio.open_nursery() as nursery:
            task_status.started(Fleet(stack, noted, folder, nursery))
            await trio.sleep_forever()

    with on_a_trio_thread(serve) as fleet:
        yield fleet
