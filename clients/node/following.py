"""Polls the control plane, judges each answer, fetches documents, and hands verified configurations on."""

from dataclasses import dataclass

import anyio
from anyio.to_thread import run_sync

from clients.node.applying import Applier
from clients.node.configuration import Configuration
from clients.node.disk import kind_of
from clients.node.fetching import fetch_contents
from clients.node.identity import Identity, Member
from clients.node.joining import Joining
from clients.node.kept import Kept
from clients.node.link import Ask, Denial, Link, Reply, Unavailable
from clients.node.machine import Clock, jitter, steady_clock
from clients.node.notices import Distrusted, NotKept, OnNotice, Waiting
from clients.node.pausing import Pause
from clients.node.server_clock import ServerClock
from clients.node.settings import NodeSettings
from clients.node.standing import Standing
from clients.node.trust import (
    NotTrusted,
    check_named,
    check_position,
    is_compatible,
    is_expired,
    read_manifest,
    read_statement,
)
from contracts.errors import Refusal
from contracts.node.manifest import MAX_MANIFEST_BYTES, Manifest, Statement
from contracts.node.names import CONFIG_PATH
from contracts.node.poll import Poll, PollAnswer, decode_poll_answer, encode_poll
from contracts.node.signed import Signed
from contracts.node.status import ConfigError

_MOST_BYTES = 2 * MAX_MANIFEST_BYTES


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a node."""

    settings: NodeSettings
    identity: Identity
    joining: Joining
    link: Link
    clock: ServerClock
    kept: Kept
    applier: Applier
    standing: Standing
    on_notice: OnNotice
    steady: Clock = steady_clock


class Follower:
    """`answered` is set when the first answer, or a refusal, has been dealt with.

    `has_proof` says that the control plane gave a signed answer. `on_disk` is what the disk had at the start.
    """

    def __init__(self, parts: Parts, on_disk: Configuration | None) -> None:
        self.answered = anyio.Event()
        self._parts = parts
        self.on_disk = on_disk
        self.has_proof = False
        self._pause = Pause(parts.settings.timing)
        self._wait = 0

    async def run(self) -> None:
        """Joins and polls until it is cancelled or the node is revoked. Raises only bugs."""
        while not self._parts.standing.revoked.is_set():
            try:
                await self._step()
                self._pause.reset()
            except NotTrusted as problem:
                self._parts.on_notice(Distrusted(problem.why))
                self._parts.link.turn()
                await self._sleep(None)
            except Unavailable as problem:
                await self._sleep(problem.retry_after, is_ready=self._parts.standing.problem() is None)
            except Denial as denial:
                await self._sleep(self._denied(denial))
            except OSError as fault:  # a disk that is full, for example, when the node joins
                self._parts.on_notice(NotKept(kind_of(fault)))
                await self._sleep(None)

    async def _sleep(self, retry_after: float | None, *, is_ready: bool = True) -> None:
        """Backs off. Only a node that is not ready and finds no control plane asks again soon."""
        await anyio.sleep(self._pause.after_failure(retry_after, is_ready=is_ready))

    def _denied(self, denial: Denial) -> float | None:
        """Only `node_revoked` ends anything. Every other refusal leaves all as it is."""
        standing = self._parts.standing
        match denial.code:
            case "node_revoked":
                standing.revoke()
            case "node_not_approved":
                self._waits_for_approval()
            case _:
                pass
        if denial.code != "node_not_approved":
            self.answered.set()
        return denial.retry_after

    def _waits_for_approval(self) -> None:
        if self._parts.standing.is_approved:
            self._parts.standing.is_approved = False
            self._parts.on_notice(Waiting())

    async def _step(self) -> None:
        """One join or one poll."""
        member = self._parts.identity.member
        if member is None:
            if not await self._parts.joining.join(self._parts.link):
                self._waits_for_approval()
            self._enter()
            return
        asked_at, wait = self._parts.steady(), self._wait
        is_news = await self._poll(member)
        self._wait = self._parts.settings.timing.poll_wait
        if not is_news and wait and self._parts.steady() - asked_at < 1:
            await anyio.sleep(jitter(self._parts.settings.timing.first_pause))  # a control plane that holds no poll

    def _enter(self) -> None:
        member = self._parts.identity.member
        assert member is not None
        self._parts.standing.enter(member.config_keys)

    async def _poll(self, member: Member) -> bool:
        """Returns whether the answer brought a configuration."""
        timing, poll = self._parts.settings.timing, self._poll_of_now()
        timeout = poll.wait * 17 / 16 + timing.answer_timeout
        target = f"{CONFIG_PATH}?{encode_poll(poll)}"
        reply = await self._parts.link.ask(Ask("GET", target, most_bytes=_MOST_BYTES, timeout=timeout))
        try:
            return await self._take(member, poll, reply)
        finally:
            self.answered.set()
            if self._parts.standing.in_use is not None:
                self.on_disk = None  # its bytes are of no more use

    def _poll_of_now(self) -> Poll:
        standing = self._parts.standing
        in_use = self.on_disk if standing.in_use is None else standing.in_use.configuration
        rejected = standing.seen or (None if standing.rejected is None else standing.rejected.digest)
        if standing.in_use is None and in_use is not None and rejected == in_use.digest:
            in_use = None
        return Poll(None if in_use is None else in_use.digest, rejected, self._wait)

    async def _take(self, member: Member, poll: Poll, reply: Reply) -> bool:
        answer = _decoded(reply.body)
        statement = read_statement(
            answer.statement,
            self._parts.standing.config_keys,
            node_id=member.node_id,
            request_id=reply.request_id,
            pool=member.pool,
        )
        await self._proved(statement, reply)
        if statement.digest == poll.have:
            return await self._confirmed()
        if statement.digest is not None and statement.digest == poll.rejected:
            return False
        self._check_order(statement)
        if answer.manifest is None:
            raise NotTrusted("missing_manifest")
        return await self._offered(answer.manifest, statement, member)

    async def _proved(self, statement: Statement, reply: Reply) -> None:
        """The control plane answered this request: its time, its approval and the key that signed it are proved."""
        self._parts.clock.learn(statement.issued_at_ms, sent_ms=reply.sent_ms, received_ms=reply.received_ms)
        self._parts.standing.is_approved = self.has_proof = True
        if reply.is_by_next_keys:
            await run_sync(self._parts.identity.confirm_next)

    async def _confirmed(self) -> bool:
        """The configuration that the node has is current."""
        standing = self._parts.standing
        if standing.in_use is None and self.on_disk is not None:
            await self._parts.applier.apply_first(self.on_disk)
        elif standing.in_use is not None:
            standing.settle()
            await self._parts.applier.record_again()
        return False

    def _check_order(self, statement: Statement) -> None:
        """Refuses a configuration below the highest, and asks not to be offered it again. Raises `NotTrusted`."""
        try:
            check_position(statement.position, self._parts.standing.highest)
        except NotTrusted:
            self._parts.standing.seen = statement.digest
            raise

    async def _offered(self, signed: Signed, statement: Statement, member: Member) -> bool:
        manifest = read_manifest(signed, self._parts.standing.config_keys, pool=member.pool)
        check_named(manifest, signed, statement)
        digest = statement.digest
        assert digest is not None
        error = self._refusal_of(manifest)
        if error is not None:
            await self._parts.applier.reject(digest, manifest, (digest,), error)  # a renewal of it is tried
            return True
        contents = await self._contents(manifest)
        configuration = Configuration(manifest, digest, contents, "control_plane", signed)
        await self._parts.applier.apply(configuration)
        return True

    def _refusal_of(self, manifest: Manifest) -> ConfigError | None:
        if not is_compatible(manifest):
            self._parts.on_notice(Distrusted("incompatible"))
            return ConfigError("incompatible", "this node's software is too old for the configuration")
        if is_expired(manifest, self._parts.clock.now_ms()):
            self._parts.on_notice(Distrusted("expired"))
            return ConfigError("expired", "the configuration is past its expiry")
        return None

    async def _contents(self, manifest: Manifest) -> dict[str, bytes]:
        """Every document of the manifest: those that are here already, and the others from the control plane."""
        serving = self._parts.standing.in_use
        here = dict(serving.configuration.contents) if serving is not None else {}
        if serving is None:
            here = await run_sync(self._parts.kept.contents_of, manifest)
        timeout = self._parts.settings.timing.answer_timeout
        return await fetch_contents(self._parts.link, manifest.documents, here, timeout)


def _decoded(body: bytes) -> PollAnswer:
    try:
        return decode_poll_answer(body)
    except Refusal:
        raise NotTrusted("malformed_answer") from None
