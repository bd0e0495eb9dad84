"""The gateway's real follower and cache against a model of Redis, Postgres and keeper, one step at a time.

The model runs their coroutines by hand, without an event loop. A command is asked, executed and answered in three
steps. So every interleaving of reads, stream entries, losses, rebuilds and failovers can be played.
"""

from collections.abc import Callable, Coroutine, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from types import coroutine
from typing import Any

from clients.gateway.follower import Follower
from clients.gateway.following import Following
from clients.gateway.link import Link
from clients.gateway.local_copy import LocalCopy
from clients.gateway.modes import FailClosed
from clients.gateway.redis_connection import Answer as RedisAnswer
from clients.gateway.redis_connection import Argument, RedisConnection, RedisUnavailable
from clients.gateway.redis_server import RedisServer
from clients.gateway.session_cache import Active, Answer, Revoked, SessionCache, Unknown
from contracts.gateway import GatewayKeys, GatewayRecord, encode_record, encode_stream_entry
from contracts.session_status import SessionStatus

KEYS = GatewayKeys()
TICKS_A_SECOND = 100
IDS = ("device-session-1", "device-session-2")


def record_of(device_session_id: str, status: SessionStatus) -> GatewayRecord:
    revoked_at_ms = 1 if status == "revoked" else None
    return GatewayRecord(device_session_id, "user-1", "key", status, revoked_at_ms)


@dataclass
class Server:
    """One Redis server of the model."""

    run_id: str
    records: dict[str, SessionStatus] = field(default_factory=dict)
    entries: list[tuple[int, str, SessionStatus]] = field(default_factory=list)
    last: int = 0
    lag: int = 0
    """How far the server's clock is behind. Entry ids are made from that clock."""
    projection: tuple[str, str, int] | None = None
    """The projection key: epoch, state and beat."""

    def write(
        self, device_session_id: str, status: SessionStatus, epoch: str, now: int, *, announce: bool = True
    ) -> bool:
        """Writes as the product's script does. False under another epoch; active never follows revoked."""
        if self.projection is None or self.projection[0] != epoch:
            return False
        if not (self.records.get(device_session_id) == "revoked" and status == "active"):
            self.records[device_session_id] = status
            if announce:
                self.last = max(now - self.lag, self.last + 1)
                self.entries.append((self.last, device_session_id, status))
        return True

    def answer(self, command: tuple[Any, ...]) -> Any:
        match command:
            case ("XINFO", *_):
                first: list[Any] | None = [b"%d-0" % self.entries[0][0], []] if self.entries else None
                return [b"last-generated-id", b"%d-0" % self.last, b"first-entry", first]
            case ("XREAD", *_, position):
                after = int(position.partition("-")[0])
                return self._batch([entry for entry in self.entries if entry[0] > after])
            case ("HGETALL", _):
                epoch, state, beat = self.projection or ("", "", 0)
                return [b"epoch", epoch.encode(), b"state", state.encode(), b"beat", b"%d" % beat]
            case ("HMGET", *_):
                return [text.encode() for text in self.projection[:2]] if self.projection else [None, None]
            case ("GET", key):
                device_session_id = key.removeprefix(KEYS.record_prefix)
                status = self.records.get(device_session_id)
                return None if status is None else encode_record(record_of(device_session_id, status))
            case _:
                raise AssertionError(command)

    def _batch(self, entries: list[tuple[int, str, SessionStatus]]) -> Any:
        flat = [
            [
                b"%d-0" % place,
                [
                    text.encode()
                    for pair in encode_stream_entry(record_of(device_session_id, status)).items()
                    for text in pair
                ],
            ]
            for place, device_session_id, status in entries
        ]
        return [[KEYS.stream.encode(), flat]] if flat else None


@coroutine
def suspend() -> Any:
    yield


class Answering(RedisAnswer):
    """One command. It was asked; it may be executed, and it may be answered."""

    def __init__(self, connection: "Connection", command: tuple[Any, ...]) -> None:
        self.connection, self.command = connection, command
        self.value: Any = None
        self.is_executed = self.is_answered = False

    async def get(self) -> Any:
        while not self.is_answered:
            if self.connection.is_cut:
                raise RedisUnavailable("lost")
            await suspend()
        return self.value


class Connection(RedisConnection):
    """A connection to one server. Its commands keep their order."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.is_cut = False
        self.waiting: list[Answering] = []

    def ask(self, *command: Argument, patience: float = 0.0) -> Answering:
        del patience
        if self.is_cut:
            raise RedisUnavailable("lost")
        self.waiting.append(Answering(self, command))
        return self.waiting[-1]

    async def call_all(self, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
        answers = [self.ask(*command) for command in commands]
        return [await answer.get() for answer in answers]

    def execute(self) -> None:
        """Executes the oldest command that is not yet executed."""
        answer = next((each for each in self.waiting if not each.is_executed), None)
        if answer is not None:
            answer.value, answer.is_executed = self.server.answer(answer.command), True

    def deliver(self) -> None:
        """Delivers the answer to the oldest command, if it was executed."""
        if self.waiting and self.waiting[0].is_executed:
            self.waiting.pop(0).is_answered = True


class GatewayModel:
    """The whole model. Its Postgres never loses a commit; its Redis may lose, delay and revert anything."""

    def __init__(self) -> None:
        self.now = 1
        self.runs = 1
        self.sessions: dict[str, SessionStatus] = {}
        """The status of each session in Postgres."""
        self.unpublished: list[str] = []
        self.stalled: list[tuple[str, SessionStatus, str]] = []
        self.revocation_published: dict[str, int] = {}
        self.login_published: dict[str, int] = {}
        self.server = Server("run-1", projection=("epoch-1", "complete", 1))
        self.replica = deepcopy(self.server)
        self.epoch, self.beat, self.run_id, self.todo = "epoch-1", 1, "run-1", "none"
        self.seen: tuple[tuple[str, str, int] | None, str] | None = None
        self.copy = LocalCopy(10)
        self.following = Following(self.copy)
        self.follower = Follower(RedisServer(), KEYS, self.following, self.clock, lambda _: None)
        self.cache = SessionCache(
            self.copy,
            self.following,
            self.follower,
            KEYS,
            FailClosed(float("inf")),
            self.clock,
            lambda _: None,
        )
        self.link: Link | None = None
        self.stream, self.records = Connection(self.server), Connection(self.server)
        """The connections of the current link, or of the last one."""
        self.following_task: Coroutine[Any, Any, None] | None = None
        self.finds: list[tuple[str, Coroutine[Any, Any, Answer]]] = []
        self.answers: list[Answer] = []
        """Every answer that the cache gave."""
        self.revoked: set[str] = set()
        """Sessions that the cache called revoked."""

    def clock(self) -> float:
        """The gateway's clock. It is slow enough that several commands fall between two reads of the projection key."""
        return self.now / TICKS_A_SECOND

    def tick(self) -> int:
        self.now += 1
        return self.now

    # Steps of people and writers

    def log_in(self, device_session_id: str) -> None:
        if device_session_id not in self.sessions:
            self.sessions[device_session_id] = "active"
            self.unpublished.append(device_session_id)

    def revoke(self, device_session_id: str) -> None:
        if self.sessions.get(device_session_id) == "active":
            self.sessions[device_session_id] = "revoked"
            self.unpublished.append(device_session_id)

    def stall(self, device_session_id: str) -> None:
        """A writer reads a session, and writes it only later."""
        if device_session_id in self.sessions:
            self.stalled.append((device_session_id, self.sessions[device_session_id], self.epoch))

    def write_stalled(self) -> None:
        if self.stalled:
            self.server.write(*self.stalled.pop(0), self.tick())

    def publish(self) -> None:
        """Publishes the oldest waiting change with its current status, and notes when Redis accepted it."""
        if not self.unpublished:
            return
        device_session_id = self.unpublished[0]
        status = self.sessions[device_session_id]
        if self.server.write(device_session_id, status, self.epoch, self.tick()):
            self.unpublished.pop(0)
            published = self.revocation_published if status == "revoked" else self.login_published
            published.setdefault(device_session_id, self.now)

    def revoke_now(self, device_session_id: str) -> None:
        """Revokes the session, and publishes every waiting change that Redis accepts."""
        self.revoke(device_session_id)
        for _ in range(len(self.unpublished)):
            self.publish()

    # Steps of Redis

    def replicate(self) -> None:
        self.replica = deepcopy(self.server)

    def trim(self, keep: int) -> None:
        self.server.entries = self.server.entries[len(self.server.entries) - keep :] if keep else []

    def flush(self) -> None:
        self.server.records, self.server.entries, self.server.last, self.server.projection = {}, [], 0, None

    def fail_over(self) -> None:
        """Fails over to a replica that may be behind. A link to the old server stays open."""
        self.runs += 1
        self.server, self.replica = deepcopy(self.replica), deepcopy(self.replica)
        self.server.run_id = f"run-{self.runs}"

    def restart(self) -> None:
        self.fail_over()
        self.cut()

    # Steps of the keeper

    def keeper_looks(self) -> None:
        self.seen = self.server.projection, self.server.run_id

    def keeper_acts(self) -> None:
        """Acts on what the keeper saw last. It may have seen another server than the one it writes to."""
        if self.seen is None:
            return
        (projection, run_id), self.seen = self.seen, None
        if projection is None or projection[::2] != (self.epoch, self.beat) or run_id != self.run_id:
            last_good = min(self.beat, projection[2]) if projection else self.beat
            self.epoch, self.beat, self.run_id, self.todo = f"epoch-{self.tick()}", last_good, run_id, "recent"
            self.server.projection = (self.epoch, "rebuilding", last_good)
        elif self.todo != "recent" and self.server.projection == (self.epoch, projection[1], self.beat):
            self.beat = self.tick()
            self.server.projection = (self.epoch, projection[1], self.beat)

    def keeper_beats(self) -> None:
        self.keeper_looks()
        self.keeper_acts()

    def keeper_rebuilds(self) -> None:
        """Writes the revoked sessions first, before the next beat, and then all sessions."""
        if self.todo == "none":
            return
        is_recent = self.todo == "recent"
        for device_session_id, status in self.sessions.items():
            if not is_recent or status == "revoked":
                is_written = self.server.write(device_session_id, status, self.epoch, self.tick(), announce=is_recent)
                if not is_written:
                    return
        if not is_recent:
            if self.server.projection is None or self.server.projection[0] != self.epoch:
                return
            self.server.projection = (self.epoch, "complete", self.server.projection[2])
        self.todo = "rest" if is_recent else "none"

    # Steps of the gateway

    def connect(self) -> None:
        if self.link is not None:
            return
        self.stream, self.records = Connection(self.server), Connection(self.server)
        self.link = Link(self.stream, self.records, self.server.run_id)
        self.following_task = self.follower._follow(self.link)
        self.resume()

    def cut(self) -> None:
        if self.link is not None:
            self.stream.is_cut = self.records.is_cut = True
            self.resume()

    def execute_read(self) -> None:
        """Executes one command on the connection that reads records. `execute_follow` does so on the one that follows
        the stream.
        """
        self._execute(self.records)

    def execute_follow(self) -> None:
        self._execute(self.stream)

    def deliver_read(self) -> None:
        """Delivers one answer on the connection that reads records."""
        self._deliver(self.records)

    def deliver_follow(self) -> None:
        self._deliver(self.stream)

    def follow(self) -> None:
        """A little more than one round of the follower, without delay."""
        for _ in range(8):
            self.execute_follow()
            self.deliver_follow()

    def settle(self) -> None:
        """Everyone takes their steps until the gateway trusts this Redis. Then the gateway asks for every session."""
        for _ in range(60):
            self.keeper_beats()
            self.keeper_rebuilds()
            self.publish()
            self.connect()
            self.follow()
            if self.cache.problem() is None and not self.unpublished and self.todo == "none":
                break
        for device_session_id in self.sessions:
            self.find(device_session_id)

    def find(self, device_session_id: str) -> None:
        """Asks for a session, and answers at once."""
        self.ask(device_session_id)
        for _ in range(12):
            self.execute_read()
            self.deliver_read()

    def ask(self, device_session_id: str) -> None:
        self.finds.append((device_session_id, self.cache.find(device_session_id)))
        self.resume()

    def _execute(self, connection: Connection) -> None:
        self.tick()
        if self.link is not None:
            connection.execute()

    def _deliver(self, connection: Connection) -> None:
        self.tick()
        if self.link is not None:
            connection.deliver()
            self.resume()

    def resume(self) -> None:
        """Runs the follower and every waiting find as far as they can go."""
        if self.following_task is not None and not goes_on(self.following_task, lambda _: None):
            self.link = self.following_task = None
        self.finds = [
            (asked, find)
            for asked, find in self.finds
            if goes_on(find, lambda answer, asked=asked: self.judge(asked, answer))
        ]

    def judge(self, device_session_id: str, answer: Answer) -> None:
        proved_at = self.following.proved_at * TICKS_A_SECOND
        self.answers.append(answer)
        match answer:
            case Active():
                assert device_session_id not in self.revoked, "revived"
                assert not self.cache.is_revoked(device_session_id), "contradicted"
                assert self.revocation_published.get(device_session_id, self.now) >= proved_at, "missed"
                assert device_session_id in self.sessions, "invented"
            case Revoked():
                assert self.sessions[device_session_id] == "revoked", "revoked by nobody"
                self.revoked.add(device_session_id)
            case Unknown():
                assert self.login_published.get(device_session_id, self.now) >= proved_at, "lost"
            case _:
                pass

    def close(self) -> None:
        for _, find in self.finds:
            find.close()
        if self.following_task is not None:
            self.following_task.close()


def goes_on(task: Coroutine[Any, Any, Any], on_end: Callable[[Any], None]) -> bool:
    """Takes one step of a coroutine. False when it has ended or lost Redis."""
    try:
        task.send(None)
    except StopIteration as end:
        on_end(end.value)
        return False
    except RedisUnavailable:
        return False
    return True
