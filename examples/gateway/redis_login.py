"""The node's own user of Redis, where the control plane gives nodes one (docs/guides/node-redis-users.md)."""

import json
import os
from pathlib import Path

import anyio

from clients.gateway.redis_server import Credentials
from clients.node import Denial, Node, RedisLogin, Unavailable

AGAIN_AFTER = 1.0
"""Seconds until a control plane that did not answer is asked again."""


class OwnLogin:
    """Keeps the login in the node's folder, so that the gateway starts without the control plane."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "redis-login.json"
        self._is_kept_one_tried = False
        self._node: Node | None = None
        self._has_node = anyio.Event()

    def use(self, node: Node) -> None:
        """The node that asks the control plane."""
        self._node = node
        self._has_node.set()

    async def ask(self) -> Credentials | None:
        """The login of the run before at the first call, and a new one later. None: nodes have no users of their own.

        Waits until the node has joined and the control plane has answered.
        """
        kept = None if self._is_kept_one_tried else self._kept()
        self._is_kept_one_tried = True
        if kept is not None:
            return kept
        await self._has_node.wait()
        assert self._node is not None
        while True:
            try:
                login = await self._node.redis_user()
            except Unavailable:
                await anyio.sleep(AGAIN_AFTER)
            except Denial as denial:
                if denial.code == "node_revoked":
                    return None
                await anyio.sleep(AGAIN_AFTER)
            else:
                return None if login is None else self._keep(login)

    def _kept(self) -> Credentials | None:
        try:
            kept = json.loads(self._file.read_text("utf-8"))
            return Credentials(str(kept["username"]), str(kept["password"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _keep(self, login: RedisLogin) -> Credentials:
        """A login that cannot be written, or was cut off, is asked for anew at the next start."""
        try:
            with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump({"username": login.username, "password": login.password}, file)
        except OSError:
            pass
        return Credentials(login.username, login.password)
