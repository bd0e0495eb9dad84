"""The node library beside the running internal process: joined, configured, refused, left alone, and revoked."""

import json
import shutil
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from authsession.service import SOURCE
from clients.node import Configuration, ConfigurationRejected, Node, NodeSettings, Registered, Timing, open_node
from contracts.gateway_configuration import KIND, decode_gateway_configuration
from contracts.node.signed import read_config_keys
from tests.support.builders import unique
from tests.support.database import Database
from tests.support.stack import RunningStack, open_stack

API = "/api/control-plane"


class Site:
    """An operator's hands on a running stack, and a pool of its own."""

    def __init__(self, stack: RunningStack, http: httpx.Client) -> None:
        self.stack = stack
        self.pool = unique("pool-")
        self._http = http
        self._config_id = ""
        self._revision = 0
        self._active: int | None = None

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer of a call that succeeds. It does not block the node of the test."""
        answer = await trio.to_thread.run_sync(lambda: self._http.request(method, path, json=body))
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def join_string(self) -> str:
        return (await self.call("POST", "/node-join-tokens", {"pool": self.pool}))["secret"]

    async def activate(self, **draft: Any) -> None:
        """Publishes and activates a gateway configuration of the pool."""
        if not self._config_id:
            body = {"name": unique("config-"), "pools": [self.pool], "draft": draft}
            made = (await self.call("POST", "/gateway-configs", body))["gateway_config"]
        else:
            body = {"expected_revision": self._revision, "draft": draft}
            made = (await self.call("PATCH", f"/gateway-configs/{self._config_id}", body))["gateway_config"]
        self._config_id, self._revision = made["gateway_config_id"], made["revision"]
        path = f"/gateway-configs/{self._config_id}"
        published = await self.call("POST", f"{path}/publish", {"expected_revision": self._revision})
        activation = {"version": published["version"], "expected_active_version": self._active}
        await self.call("POST", f"{path}/activate", activation)
        self._active = published["version"]

    async def rollout(self) -> dict[str, Any]:
        """The only node of the pool in its rollout."""
        found = await self.call("GET", f"/nodes/rollout?pool={self.pool}")
        return found["items"][0] if found["items"] else {"state": "none"}

    async def rolls_out(self, state: str) -> dict[str, Any]:
        with trio.fail_after(10):
            while (item := await self.rollout())["state"] != state:
                await trio.sleep(0.02)
        return item


@pytest.fixture(scope="module")
def stack(database: Database) -> Generator[RunningStack]:
    with open_stack(database, CONTROL_PLANE_AUTH_MODE="open") as running:
        yield running


@pytest.fixture
def site(stack: RunningStack) -> Generator[Site]:
    with httpx.Client(base_url=stack.internal_url + API, timeout=30) as http:
        yield Site(stack, http)


@pytest.fixture
def settings(stack: RunningStack, tmp_path: Path) -> NodeSettings:
    return NodeSettings((stack.internal_url,), tmp_path / "node", "gateway-1", timing=Timing(start_patience=1))


async def apply(configuration: Configuration) -> None:
    """Accepts every body limit but 666."""
    for document, content in configuration.documents(KIND):
        if decode_gateway_configuration(content).max_body_bytes == 666:
            raise ConfigurationRejected("body_limit", "666 is no limit", f"{document.kind}/{document.name}")


def limit(node: Node) -> int | None:
    """The body limit of the configuration in use."""
    found = [] if node.configuration is None else [content for _, content in node.configuration.documents(KIND)]
    return decode_gateway_configuration(found[0]).max_body_bytes if found else None


async def comes_to(node: Node, body_limit: int, within: float = 10) -> float:
    """Seconds until the node has this body limit."""
    began = time.monotonic()
    with trio.fail_after(within):
        while limit(node) != body_limit:
            await trio.sleep(0.002)
    return time.monotonic() - began


async def test_a_node_follows_an_operator_until_it_is_revoked(site: Site, settings: NodeSettings) -> None:
    settings = replace(settings, join_string=await site.join_string())
    async with open_node(settings, apply) as node:
        await site.activate(max_body_bytes=1000)
        await comes_to(node, 1000)
        await site.rolls_out("synced")
        await site.activate(max_body_bytes=666)
        item = await site.rolls_out("rejected")
        assert (item["error"]["code"], item["error"]["message"]) == ("body_limit", "666 is no limit")
        assert limit(node) == 1000
        await site.activate(max_body_bytes=3000)
        await comes_to(node, 3000)
        await site.rolls_out("synced")
        await site.call("POST", f"/nodes/{node.node_id}/revoke", {"reason_code": "lost", "actor": {"type": "system"}})
        with trio.fail_after(5):
            while node.problem() != "revoked":
                await trio.sleep(0.005)
        assert node.configuration is None


async def test_a_node_starts_from_disk_and_finds_the_control_plane_again(
    site: Site, settings: NodeSettings, tmp_path: Path
) -> None:
    settings = replace(settings, join_string=await site.join_string())
    await site.activate(max_body_bytes=1000)
    async with open_node(settings, apply) as node:
        await comes_to(node, 1000)
    newcomer = replace(
        settings, folder=tmp_path / "newcomer", node_name="gateway-2", join_string=await site.join_string()
    )
    site.stack.kill("internal")
    async with open_node(settings, apply) as node, open_node(newcomer, apply) as unready:
        await comes_to(node, 1000)
        await trio.sleep(1)
        assert unready.problem() == "joining"
        await trio.to_thread.run_sync(lambda: site.stack.restart("internal"))
        assert await comes_to(unready, 1000) < 2
        await site.activate(max_body_bytes=2000)
        await comes_to(unready, 2000)


async def test_a_node_changes_its_keys_while_it_is_served(site: Site, settings: NodeSettings) -> None:
    settings = replace(settings, join_string=await site.join_string(), timing=Timing(start_patience=1, poll_wait=1))
    await site.activate(max_body_bytes=1000)
    async with open_node(settings, apply) as node:
        await comes_to(node, 1000)
        await node.change_keys()
        with trio.fail_after(10):
            while (settings.folder / "next-keys.json").exists():
                await trio.sleep(0.02)
        await site.activate(max_body_bytes=2000)
        await comes_to(node, 2000)


async def test_a_copied_key_is_found_and_a_restart_is_not(site: Site, settings: NodeSettings, tmp_path: Path) -> None:
    often = replace(settings, join_string=await site.join_string(), timing=Timing(start_patience=1, status_every=0.5))
    await site.activate(max_body_bytes=1000)
    page = ""
    for _ in range(2):
        async with open_node(often, apply) as one:
            await comes_to(one, 1000)
            await trio.sleep(1)
            page = f"/nodes/{one.node_id}"
            assert "key_shared_at" not in await site.call("GET", page)
    copied = replace(often, folder=tmp_path / "copy")
    shutil.copytree(often.folder, copied.folder)
    async with open_node(often, apply) as one, open_node(copied, apply) as other:
        await comes_to(one, 1000)
        await comes_to(other, 1000)
        with trio.fail_after(5):
            while "key_shared_at" not in await site.call("GET", page):
                await trio.sleep(0.1)


async def test_a_registered_node_copies_no_secret(site: Site, settings: NodeSettings) -> None:
    """An operator sends the node's public keys, and hands the node its id and the configuration keys."""
    command = [sys.executable, "-m", "clients.node.keys", str(settings.folder)]
    printed = await trio.run_process(command, capture_stdout=True, cwd=SOURCE)
    keys = json.loads(printed.stdout)
    made = await site.call("POST", "/nodes", {"pool": site.pool, "node_name": "gateway-1", **keys})
    registered = Registered(made["node"]["node_id"], site.pool, read_config_keys(made["config_keys"], "config_keys"))
    await site.activate(max_body_bytes=1000)
    async with open_node(replace(settings, registered=registered), apply) as node:
        await comes_to(node, 1000)
        await site.rolls_out("synced")
