"""Opens secrets for a node: reads, seals, records, and only then hands out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import trio

from contracts.errors import ErrorCode, Refusal
from contracts.node.sealed import OVERHEAD_BYTES
from contracts.node.secrets import (
    SECRET_MARKER,
    OpenedSecret,
    OpenSecrets,
    SecretVersion,
    encode_opened,
    secret_frame,
)
from services.internal_admin.callers.identity import Caller, NodeCaller
from services.internal_admin.node_secrets import metrics
from services.internal_admin.node_secrets.domain import Outcome, refusal_of, told
from services.internal_admin.node_secrets.store import Kept, Outcomes, read_openable, record_opens
from services.internal_admin.secrets.domain.sealing import open_value
from services.internal_admin.secrets.store.values import unreadable
from shared.io.postgres import Postgres
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.delivery import seal_to_node
from shared.kernel.faults import Overloaded
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable

KeepMemory = Callable[[int], None]
"""Counts bytes in the memory for large bodies until the answer is sent. Raises `Overloaded`."""

_TOGETHER = 4
"""How many requests are at Postgres or being sealed at a time. The others wait here, so that they leave connections and
memory to other requests: after an activation every node asks at once."""
_UNREADABLE_FOR = timedelta(minutes=1)
_EACH_BYTES = 2048
"""The bytes of a delivery besides its value."""


class KeyMissing(Exception):
    """The ring lacks the key of a value. Nothing is wrong with the value."""


@dataclass(frozen=True, slots=True)
class Made:
    """The values at rest, opened and sealed to the node. `body` is the answer; None if a value is unreadable."""

    outcomes: Outcomes
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecretOpener:
    """Opens secrets for nodes. `config_keys` must have keys."""

    postgres: Postgres
    secret_keys: KeyRing
    config_keys: ConfigKeys
    places: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(_TOGETHER))

    async def open(self, asked: OpenSecrets, node: NodeCaller, caller: Caller, keep_memory: KeepMemory) -> bytes:
        """The answer. What the node may open is decided once more when it is recorded, so nothing is out of date.

        Raises `Refusal`, `KeyMissing`, `Overloaded` and `DependencyUnavailable`; then nothing is handed out. After the
        last one a row of the audit trail may say otherwise.
        """
        async with self.places:
            made = await self._make(asked, node, keep_memory)
            outcomes = await self.postgres.unit_of_work(record_opens, asked, node, caller, made.outcomes)
        metrics.count(outcome for _, outcome in told(outcomes))
        return _answer(outcomes, made)

    async def _make(self, asked: OpenSecrets, node: NodeCaller, keep_memory: KeepMemory) -> Made:
        kept = await self.postgres.unit_of_work(read_openable, asked, node)
        if len(kept) < len(asked.versions):
            return Made((), None)
        self._check_keys(kept)
        keep_memory(sum(_answer_bytes(each) for each in kept))
        return await trio.to_thread.run_sync(self._sealed, kept, node)

    def _check_keys(self, kept: Sequence[Kept]) -> None:
        """A key that is not in the ring is no fault of the row."""
        for each in kept:
            if self.secret_keys.get(each.sealed.key_id) is None:
                unreadable(*each.version)
                raise KeyMissing

    def _sealed(self, kept: Sequence[Kept], node: NodeCaller) -> Made:
        """Runs in a thread, value by value, so that other tasks get their turn between."""
        opened: list[OpenedSecret] = []
        outcomes: list[tuple[SecretVersion, Outcome]] = []
        for each in kept:
            try:
                opened.append(self._delivery(each, node))
                outcomes.append((each.version, Outcome.OPENED))
            except Unsealable:
                unreadable(*each.version)
                outcomes.append((each.version, Outcome.UNREADABLE))
        return Made(outcomes, encode_opened(opened) if refusal_of(outcomes) is None else None)

    def _delivery(self, kept: Kept, node: NodeCaller) -> OpenedSecret:
        value = open_value(self.secret_keys, kept.place, kept.sealed)
        sealed = seal_to_node(
            value,
            encryption_key=node.encryption_key,
            key_generation=node.key_generation,
            marker=SECRET_MARKER,
            frame=secret_frame(node.node_id, node.request_id, node.key_generation, kept.version),
            keys=self.config_keys,
        )
        return OpenedSecret(kept.version, sealed)


def _answer(outcomes: Outcomes, made: Made) -> bytes:
    match refusal_of(outcomes):
        case None if outcomes and made.body is not None:
            return made.body
        case Outcome.NOT_GRANTED:
            raise Refusal(ErrorCode.SECRET_NOT_GRANTED)
        case Outcome.GONE:
            raise Refusal(ErrorCode.SECRET_VERSION_GONE)
        case Outcome.UNREADABLE:
            raise Overloaded(_UNREADABLE_FOR)
        case _:
            raise Overloaded


def _answer_bytes(kept: Kept) -> int:
    """The most that one delivery takes: its value in base64, and names and signatures."""
    return (len(kept.sealed.ciphertext) + OVERHEAD_BYTES) * 4 // 3 + _EACH_BYTES
