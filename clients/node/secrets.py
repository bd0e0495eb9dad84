"""Opens secrets of the control plane and keeps them in memory for a while (SPEC §17.3)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn, TypeAlias

import anyio
from anyio.to_thread import run_sync

from clients.node.identity import Identity, PrivateKeys
from clients.node.link import Ask, Denial, Link, Reply, Unavailable
from clients.node.machine import Clock, steady_clock
from clients.node.notices import Distrusted, OnNotice
from clients.node.redis_user import open_sealed
from clients.node.standing import Standing
from clients.node.trust import NotTrusted
from contracts.errors import Refusal
from contracts.node.names import SECRETS_PATH
from contracts.node.secrets import (
    MAX_ANSWER_BYTES,
    MAX_SECRETS_OPENED,
    SECRET_MARKER,
    OpenSecrets,
    SecretVersion,
    decode_open_secrets,
    decode_opened,
    encode_open_secrets,
    secret_frame,
)
from contracts.node.signed import ConfigKey


class SecretWiped(Exception):
    """The value is not in memory any more: ask the node for it again. The message shows nothing of it."""

    def __init__(self) -> None:
        super().__init__("the value was wiped")


class Secret:
    """The value of one version of a secret. Its repr shows nothing.

    The node wipes it after an hour, when the configuration no longer names it, at the node's revocation, and when the
    node closes. Then both methods raise `SecretWiped`. So ask the node each time and keep no text of it.

    To wipe is to overwrite the bytes that this object holds. Python makes copies that nobody can overwrite: each result
    of `text` and `bytes`, and the buffers of decryption. They stay in memory until it is used again, and may reach swap
    or a core dump. Run a node that must rule this out without swap and without core dumps.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value: bytearray | None = bytearray(value)

    def bytes(self) -> bytes:
        """The value. Raises `SecretWiped`."""
        if self._value is None:
            raise SecretWiped
        return bytes(self._value)

    def text(self) -> str:
        """The value as UTF-8. Raises `SecretWiped`, and `ValueError` without the value if it is other bytes."""
        try:
            return self.bytes().decode()
        except UnicodeDecodeError:
            raise ValueError("the value is not UTF-8") from None

    def wipe(self) -> None:
        """Overwrites the value. A further call does nothing."""
        if self._value is not None:
            self._value[:] = bytes(len(self._value))
            self._value = None

    def __repr__(self) -> str:
        return "Secret()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not copied or pickled")


class Environment(dict[str, str]):
    """Variables for a child process. Its repr shows names only."""

    def __repr__(self) -> str:
        return f"Environment({', '.join(self)})"


def environment(secrets: Mapping[str, Secret], inherited: Mapping[str, str] | None = None) -> Environment:
    """These secrets by the names of variables, and the variables of `inherited`, for a child process that needs them.

    A child's environment can be read by its user and by root, and its children inherit it. Raises `SecretWiped`, and
    `ValueError` without the value for one that no variable can hold.
    """
    variables = Environment(inherited or {})
    for name, secret in secrets.items():
        text = secret.text()
        if "\0" in text or not name or "=" in name or "\0" in name:
            raise ValueError("a variable has a name without =, and a value without NUL")
        variables[name] = text
    return variables


Opened: TypeAlias = dict[tuple[str, int], Secret]
"""Secrets by id and version."""
_Key: TypeAlias = tuple[str, SecretVersion]
"""A reader and a version. A value that was opened for one reader is never handed to another."""


class _Kept:
    """A value in memory, and the time at which it goes."""

    __slots__ = ("secret", "until")

    def __init__(self, secret: Secret, until: float) -> None:
        self.secret = secret
        self.until = until


class _Flight:
    """A request that is under way. `problem` says why it failed; None too if the task that sent it was cancelled."""

    def __init__(self, keys: Iterable[_Key]) -> None:
        self.keys = frozenset(keys)
        self.landed = anyio.Event()
        self.problem: Unavailable | Denial | None = None

    async def wait(self, keys: Iterable[_Key]) -> None:
        """Waits for the end, for a task that needs these keys. Raises `Unavailable` and `Denial`.

        A refusal may be about another secret of the request. Then the task must ask by itself.
        """
        await self.landed.wait()
        match self.problem:
            case Unavailable(why=why, status=status, retry_after=retry_after):
                raise Unavailable(why, status, retry_after)
            case Denial(status=status, code=code, retry_after=retry_after) if self.keys <= set(keys):
                raise Denial(status, code, retry_after)
            case _:
                pass


class Vault:
    """The secrets of one node. Made with the node; `Node.open_secrets` uses it."""

    def __init__(
        self,
        link: Link,
        identity: Identity,
        standing: Standing,
        on_notice: OnNotice,
        *,
        timeout: float,
        life: float,
        steady: Clock = steady_clock,
    ) -> None:
        self._link = link
        self._identity = identity
        self._standing = standing
        self._on_notice = on_notice
        self._timeout = timeout
        self._life = life
        self._steady = steady
        self._kept: dict[_Key, _Kept] = {}
        self._flights: dict[_Key, _Flight] = {}
        self._digest: str | None = None
        self._named: frozenset[_Key] = frozenset()
        self._is_closed = False
        standing.on_change(self._follow)

    def __len__(self) -> int:
        """The number of values in memory."""
        return len(self._kept)

    async def open(self, versions: Sequence[SecretVersion], reader: str, task_id: str | None) -> Opened:
        """The values. At most one request is under way for each. Raises `Unavailable` and `Denial`."""
        keys = [(reader, each) for each in dict.fromkeys(versions)]
        while True:
            self._check_open()
            self.forget_old()
            missing = [key for key in keys if key not in self._kept]
            if not missing:
                return {key[1]: self._kept[key].secret for key in keys}
            ours = [key for key in missing if key not in self._flights][:MAX_SECRETS_OPENED]
            if ours:
                await self._fly(ours, reader, task_id)
            else:
                await self._flights[missing[0]].wait(keys)

    def forget_old(self) -> None:
        """Wipes the values whose time is over."""
        now = self._steady()
        self._drop(lambda key: self._kept[key].until <= now)

    def close(self) -> None:
        """Wipes everything, and opens nothing from now on."""
        self._is_closed = True
        self._drop(lambda _: True)

    def _follow(self) -> None:
        """Called at each change of the node's standing: a new configuration, or the revocation."""
        if self._standing.revoked.is_set():
            self.close()
            return
        in_use = self._standing.in_use
        if in_use is not None and in_use.configuration.digest != self._digest:
            self._digest = in_use.configuration.digest
            references = in_use.configuration.manifest.secrets
            self._named = frozenset((each.reader, SecretVersion(each.secret_id, each.version)) for each in references)
            self._drop(lambda key: key not in self._named)

    def _drop(self, is_over: Callable[[_Key], bool]) -> None:
        for key in [key for key in self._kept if is_over(key)]:
            self._kept.pop(key).secret.wipe()

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unavailable("revoked" if self._standing.revoked.is_set() else "closed")

    async def _fly(self, keys: Sequence[_Key], reader: str, task_id: str | None) -> None:
        """Opens these versions and keeps them. The tasks that wait for them learn the outcome."""
        flight = _Flight(keys)
        self._flights.update(dict.fromkeys(keys, flight))
        try:
            await self._ask(OpenSecrets(tuple(key[1] for key in keys), reader, task_id))
        except (Unavailable, Denial) as problem:
            flight.problem = problem
            raise
        finally:
            for key in keys:
                del self._flights[key]
            flight.landed.set()

    async def _ask(self, asked: OpenSecrets) -> None:
        member = self._identity.member
        if member is None:
            raise Unavailable("not_joined")
        body, digest = encode_open_secrets(asked), self._digest
        reply = await self._link.ask(Ask("POST", SECRETS_PATH, body, MAX_ANSWER_BYTES, self._timeout))
        try:
            keys = self._standing.config_keys, self._identity.every_keys()
            values = await run_sync(read_opened, reply, asked, member.node_id, *keys)
        except NotTrusted as problem:
            self._on_notice(Distrusted(problem.why))
            raise Unavailable(problem.why) from None
        self._check_open()
        until = self._steady() + self._life
        for key, value in (((asked.reader, each), value) for each, value in values.items()):
            if digest == self._digest or key in self._named:  # else a newer configuration dropped it meanwhile
                self._kept[key] = _Kept(Secret(value), until)


def checked(references: Iterable[tuple[str, int]], reader: str, task_id: str | None) -> tuple[SecretVersion, ...]:
    """The versions, each once. Raises `ValueError` for what no request can ask."""
    versions = tuple(dict.fromkeys(SecretVersion(secret_id, version) for secret_id, version in references))
    for start in range(0, len(versions), MAX_SECRETS_OPENED):
        asked = OpenSecrets(versions[start : start + MAX_SECRETS_OPENED], reader, task_id)
        try:
            decode_open_secrets(encode_open_secrets(asked))
        except Refusal as refused:
            raise ValueError(refused.message) from None
    return versions


def read_opened(
    reply: Reply,
    asked: OpenSecrets,
    node_id: str,
    config_keys: Iterable[ConfigKey],
    private: Iterable[PrivateKeys],
) -> dict[SecretVersion, bytes]:
    """The values in an answer to this very request of this node. Raises `NotTrusted`."""
    try:
        opened = decode_opened(reply.body)
    except Refusal:
        raise NotTrusted("malformed_answer") from None
    if tuple(each.version for each in opened) != asked.versions:
        raise NotTrusted("malformed_answer")
    config_keys, private = tuple(config_keys), tuple(private)
    values: dict[SecretVersion, bytes] = {}
    for version, sealed in ((each.version, each.sealed) for each in opened):
        frame = secret_frame(node_id, reply.request_id, sealed.key_generation, version)
        values[version] = open_sealed(sealed, SECRET_MARKER, frame, config_keys, private)
    return values
