"""A node of the control plane: it joins, follows its configuration, and reports. It works on trio and asyncio."""

import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import anyio
from anyio.to_thread import run_sync

from clients.node.agent_key import register_agent_key
from clients.node.applying import Applier
from clients.node.bundle import read_bundle_file
from clients.node.configuration import Apply, Configuration
from clients.node.disk import Folder
from clients.node.following import Follower, Parts
from clients.node.identity import Identity, PrivateKeys
from clients.node.joining import Joining
from clients.node.kept import Applied, Damaged, Kept
from clients.node.link import Ask, Denial, Link, Unavailable
from clients.node.machine import Clock, random_id, wall_clock
from clients.node.notices import Distrusted, Expired, NotKept, Revoked
from clients.node.redis_user import RedisLogin, ask_redis_user, read_redis_user
from clients.node.reporting import Reporter
from clients.node.secrets import Opened, Vault, checked
from clients.node.server_clock import ServerClock
from clients.node.settings import NodeSettings
from clients.node.standing import Problem, Standing
from clients.node.telemetry import OtlpAnswer, Telemetry
from clients.node.trust import NotTrusted, is_expired
from contracts.node.join import KeyChange, encode_key_change, key_change_message
from contracts.node.manifest import NOWHERE
from contracts.node.names import KEY_PATH
from contracts.node.telemetry import Signal

_EXPIRY_EVERY = 1.0


class Node:
    """Made by `open_node`."""

    def __init__(self, parts: Parts, follower: Follower, telemetry: Telemetry, vault: Vault) -> None:
        self._parts = parts
        self._follower = follower
        self._telemetry = telemetry
        self._vault = vault
        self._standing = parts.standing
        self._has_told_expiry = False

    @property
    def node_id(self) -> str | None:
        """The node's id; None until it has joined."""
        member = self._parts.identity.member
        return None if member is None else member.node_id

    @property
    def keys(self) -> PrivateKeys:
        """The node's keys, to open what is sealed to it."""
        return self._parts.identity.keys

    @property
    def configuration(self) -> Configuration | None:
        """The configuration in use; None if there is none, or if it must not be used any more."""
        in_use = self._standing.in_use
        return None if in_use is None or self.problem() is not None else in_use.configuration

    @property
    def rejected(self) -> str | None:
        """The error code of the newest configuration, if it was rejected."""
        rejected = self._standing.rejected
        return None if rejected is None else rejected.error.code

    def problem(self) -> Problem | None:
        """Why the node cannot serve; None if all is well. Meant for a readiness check."""
        problem = self._standing.problem()
        if problem is None and self._is_expired() and self._parts.settings.on_expired == "fail_closed":
            return "expired"
        return problem

    async def ready(self) -> None:
        """Returns when a configuration is in use. The caller must set a time limit."""
        while self.problem() is not None:  # noqa: ASYNC110 - readiness comes from time as well, not from one event
            await anyio.sleep(0.02)

    async def change_keys(self) -> None:
        """Replaces the node's keys. The old ones stay on disk until a signed answer proves that the new ones work.

        Raises `Unavailable`, `Denial` and `OSError`. After `Unavailable` a repeat asks for the same new keys.
        """
        identity, member = self._parts.identity, self._parts.identity.member
        if member is None:
            raise Unavailable("not_joined")
        keys = await run_sync(identity.next_keys)
        proof = keys.signing.sign(key_change_message(member.node_id, keys.public))
        body = encode_key_change(KeyChange(keys.public, proof))
        await self._parts.link.ask(Ask("POST", KEY_PATH, body, timeout=self._parts.settings.timing.answer_timeout))
        identity.uses_next = True

    async def redis_user(self) -> RedisLogin | None:
        """The node's own user of Redis with a new password; the password before it ends. None: there are no such users.

        Ask at the start, and again when Redis refuses the password. Raises `Unavailable` and `Denial`.
        """
        parts, node_id = self._parts, self.node_id
        if node_id is None:
            raise Unavailable("not_joined")
        try:
            reply = await ask_redis_user(parts.link, parts.settings.timing.answer_timeout)
        except Denial as denial:
            if denial.code == "node_revoked":
                self._standing.revoke()
            raise
        try:
            keys = parts.identity.every_keys()
            return None if reply is None else read_redis_user(reply, node_id, self._standing.config_keys, keys)
        except NotTrusted as problem:
            parts.on_notice(Distrusted(problem.why))
            raise Unavailable(problem.why) from None

    async def register_agent_key(self, agent_id: str, public_key: bytes) -> str:
        """Registers the Ed25519 public key of an agent that is active in this node's pool. Returns its device session.

        The agent signs its requests to gateways with that session's id and its own private key. A repeat with the same
        key returns the same session, until the agent is paused. Raises `Unavailable` and `Denial`.
        """
        if self.node_id is None:
            raise Unavailable("not_joined")
        timeout = self._parts.settings.timing.answer_timeout
        try:
            return await register_agent_key(self._parts.link, agent_id, public_key, timeout)
        except Denial as denial:
            if denial.code == "node_revoked":
                self._standing.revoke()
            raise

    async def open_secrets(
        self, references: Iterable[tuple[str, int]], reader: str, task_id: str | None = None
    ) -> Opened:
        """The values of these secrets, as pairs of id and version, for an agent's id or `gateway`.

        The configuration names the pairs: `configuration.manifest.secrets`. The values come all, or none. They stay in
        memory for an hour at most, and a call in that time asks nobody. `task_id` goes into the audit trail.

        Raises `Denial` with `secret_not_granted` or `secret_version_gone`: then follow the configuration. Raises
        `Unavailable` if nobody gives a usable answer, and `ValueError` for what no request can ask.
        """
        try:
            return await self._vault.open(checked(references, reader, task_id), reader, task_id)
        except Denial as denial:
            if denial.code == "node_revoked":
                self._standing.revoke()
            raise

    @property
    def secrets_kept(self) -> int:
        """The number of secrets in memory."""
        return len(self._vault)

    async def send_otlp(
        self, signal: Signal, body: bytes, content_type: str, content_encoding: str | None = None
    ) -> OtlpAnswer:
        """Sends OTLP data signed by the node. Raises nothing: the answer's status says what became of it."""
        if self.node_id is None or self._standing.revoked.is_set():
            return OtlpAnswer(503)
        try:
            return await self._telemetry.send(signal, body, content_type, content_encoding)
        except Denial as denial:  # the node is revoked
            self._standing.revoke()
            return OtlpAnswer(denial.status)

    def close_secrets(self) -> None:
        """Wipes the secrets in memory. `open_node` calls it at the end."""
        self._vault.close()

    async def run(self, reporter: Reporter) -> None:
        """Follows and reports until the node is revoked or the task is cancelled."""
        async with anyio.create_task_group() as tasks:
            for work in (self._follower.run, self._use_kept, self._watch_expiry, reporter.run):
                tasks.start_soon(work)
            await self._standing.revoked.wait()
            tasks.cancel_scope.cancel()
        await self._wipe()

    async def _use_kept(self) -> None:
        """Uses disk or bundle, if the control plane's first answer is late or brings nothing."""
        with anyio.move_on_after(self._parts.settings.timing.start_patience):
            await self._follower.answered.wait()
        kept = self._follower.on_disk or await self._from_bundle()
        if kept is not None:
            await self._parts.applier.apply_first(kept)

    async def _from_bundle(self) -> Configuration | None:
        settings = self._parts.settings
        if settings.bundle is None or self._follower.has_proof:
            return None
        try:
            return await run_sync(
                read_bundle_file, settings.bundle, self._parts.identity.member, settings.join_string,
                self._standing.highest,
            )  # fmt: skip
        except NotTrusted as problem:
            self._parts.on_notice(Distrusted(problem.why))
        except OSError:
            self._parts.on_notice(NotKept("bundle"))
        return None

    async def _watch_expiry(self) -> None:
        while True:
            is_expired_now = self._is_expired()
            if is_expired_now and not self._has_told_expiry:
                self._parts.on_notice(Expired(is_served=self._parts.settings.on_expired == "serve_stale"))
            self._has_told_expiry = is_expired_now
            self._vault.forget_old()
            await anyio.sleep(_EXPIRY_EVERY)

    def _is_expired(self) -> bool:
        in_use = self._standing.in_use
        return in_use is not None and is_expired(in_use.configuration.manifest, self._parts.clock.now_ms())

    async def _wipe(self) -> None:
        """Ends the node after its revocation. The keys stay; they are never accepted again."""
        parts = self._parts
        try:
            await run_sync(parts.kept.forget, Applied(None, self._standing.highest, self._standing.config_keys))
        except OSError:
            parts.on_notice(NotKept("forget"))
        parts.on_notice(Revoked())
        if parts.settings.on_revoked is not None:
            await parts.settings.on_revoked()


@asynccontextmanager
async def open_node(settings: NodeSettings, apply: Apply, *, clock: Clock = wall_clock) -> AsyncGenerator[Node]:
    """A node that follows its configuration until the context ends.

    It does not wait for the control plane; `await node.ready()` does. `apply` gets each new configuration, one at a
    time, and the first one from disk as well. It raises `ConfigurationRejected` to reject one; any other exception
    rejects it too. Raises `FolderInUse`, and `OSError` or `ValueError` for unusable settings or keys.
    """
    folder = await run_sync(Folder, settings.folder)
    lock = await run_sync(folder.lock)
    try:
        node, reporter, link = await _made(settings, folder, apply, clock)
        try:
            async with _running(node, reporter):
                yield node
        finally:
            node.close_secrets()
            with anyio.CancelScope(shield=True):
                await link.aclose()
    finally:
        os.close(lock)


@asynccontextmanager
async def _running(node: Node, reporter: Reporter) -> AsyncGenerator[None]:
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(node.run, reporter)
            yield
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


async def _made(settings: NodeSettings, folder: Folder, apply: Apply, clock: Clock) -> tuple[Node, Reporter, Link]:
    identity = await run_sync(Identity, folder)
    server_clock = ServerClock(clock, settings.on_notice)
    joining = Joining(settings, folder, identity, server_clock, settings.on_notice)
    await run_sync(joining.prepare)
    kept, standing = await run_sync(Kept, folder), Standing()
    on_disk = await run_sync(_read_kept, settings, identity, kept, standing)
    link = Link(settings, identity, server_clock)
    applier = Applier(apply, kept, standing, settings.on_notice)
    parts = Parts(settings, identity, joining, link, server_clock, kept, applier, standing, settings.on_notice)
    follower = Follower(parts, on_disk)
    reporter = Reporter(settings, link, standing, random_id())
    timing = settings.timing
    vault = Vault(
        link, identity, standing, settings.on_notice, timeout=timing.answer_timeout, life=timing.secret_life
    )  # fmt: skip
    return Node(parts, follower, Telemetry(link, timing.answer_timeout), vault), reporter, link


def _read_kept(settings: NodeSettings, identity: Identity, kept: Kept, standing: Standing) -> Configuration | None:
    """The configuration on disk. Position and trusted keys are taken from it even if the configuration is damaged."""
    member = identity.member
    standing.is_member = member is not None
    standing.config_keys = () if member is None else member.config_keys
    try:
        applied = kept.applied()
        if applied is None:
            return None
        standing.highest = max(applied.highest, NOWHERE)
        standing.config_keys = applied.config_keys if member is not None else ()
        return kept.load(applied, None if member is None else member.pool)
    except (Damaged, OSError):
        settings.on_notice(NotKept("damaged"))
        return None
