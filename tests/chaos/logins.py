"""Clients that log in and are revoked while something is killed again and again, and what is counted afterwards."""

import os
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import redis as redis_py

from contracts.gateway import decode_record
from shared.outbox.projection import gateway_record
from shared.sessions.store import device_session
from tests.support.builders import client_public_key
from tests.support.product import CAUSE, CONFIRM, INTERNAL, SEND
from tests.support.stack import REDIS_PASSWORD, RunningStack, wait_for

CLIENTS = 8
LOGINS = 240
LONGEST_RUN = 10.0
"""Seconds; on a slow machine fewer logins are enough."""
FEWEST_LOGINS = 40
PATIENCE = 12.0
"""Seconds that a client repeats one request. It then gives the login up, as a person would."""
MAIL_PATIENCE = 2.5
"""Seconds that it waits for a mail: what a killed courier had claimed comes a minute later."""
COURIER_LEASE = timedelta(seconds=61)
"""How long a courier's claim stands, at least."""
STALE = 5.0
"""Seconds for which a record may be stale after Redis answers again (SPEC §6.4)."""


class GivenUp(Exception):
    """The client went away without an answer."""


@dataclass(slots=True)
class Acknowledged:
    """What clients were told: sessions by the key that asked for them, and those whose revocation was answered."""

    sessions: dict[str, str] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    given_up: int = 0
    repeats: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Clients:
    """Eight threads, each a person who logs in, sometimes to the same address again, and is sometimes revoked."""

    def __init__(self, stack: RunningStack, seed: int) -> None:
        self.told = Acknowledged()
        self._stack = stack
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(seed + place,)) for place in range(CLIENTS)]
        self._left = LOGINS

    def run(self, disturb: Callable[[], None]) -> None:
        """Until there were enough logins or it takes too long; `disturb` is called meanwhile, again and again."""
        deadline = time.monotonic() + LONGEST_RUN
        for thread in self._threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in self._threads) and time.monotonic() < deadline:
                disturb()
        finally:
            self._is_over.set()
            for thread in self._threads:
                thread.join()

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        mine = f"regular-{seed}@example.com"
        with httpx.Client(timeout=10) as http:
            while self._take():
                email = mine if chance.random() < 0.3 else f"guest-{seed}-{chance.getrandbits(60)}@example.com"
                try:
                    self._live(http, email, is_revoked=chance.random() < 0.4)
                except GivenUp:
                    self.told.given_up += 1

    def _take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0 and not self._is_over.is_set()

    def _live(self, http: httpx.Client, email: str, *, is_revoked: bool) -> None:
        key = client_public_key(secrets.token_hex(8)).base64
        sent = self._until_answered(http, "POST", self._stack.public_url + SEND, {"email": email})
        challenge_id = self._expect(sent, 200)["challenge_id"]
        body = {"challenge_id": challenge_id, "code": self._code(http, email), "client_public_key": key}
        confirmed = self._expect(self._until_answered(http, "POST", self._stack.public_url + CONFIRM, body), 200)
        session_id = confirmed["device_session_id"]
        self.told.sessions[key] = session_id
        if is_revoked:
            url = f"{self._stack.internal_url}{INTERNAL}/sessions/{session_id}/revoke"
            self._expect(self._until_answered(http, "POST", url, {**CAUSE}), 200)
            self.told.revoked.add(session_id)

    def _until_answered(
        self, http: httpx.Client, method: str, url: str, body: dict[str, Any] | None, **query: str
    ) -> httpx.Response:
        """The same request until something other than 503 comes back."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = http.request(method, url, json=body, params=query or None)
            except httpx.TransportError:
                self.told.repeats += 1
            else:
                self.told.statuses[answer.status_code] += 1
                if answer.status_code != 503:
                    return answer
                assert int(answer.headers["retry-after"]) >= 1
                self.told.repeats += 1
            time.sleep(0.1)
        raise GivenUp

    def _code(self, http: httpx.Client, email: str) -> str:
        """The newest mail, as a person reads it."""
        deadline = time.monotonic() + MAIL_PATIENCE
        while time.monotonic() < deadline:
            url = f"{self._stack.internal_url}{INTERNAL}/dev/mailbox"
            answer = self._expect(self._until_answered(http, "GET", url, None, email=email), 200)
            if answer["messages"]:
                return answer["messages"][0]["code"]
            time.sleep(0.03)
        raise GivenUp

    def _expect(self, answer: httpx.Response, status: int) -> dict[str, Any]:
        if answer.status_code != status:
            self.told.wrong.append(f"{answer.request.url.path}: {answer.status_code} {answer.text}")
            raise GivenUp
        return answer.json()


class Follower:
    """A gateway that follows the stream, over restarts of Redis: every snapshot it ever saw, in order."""

    def __init__(self, port: int) -> None:
        self.seen: list[tuple[str, str]] = []
        self.seen_at: list[float] = []
        """When each was seen, of `time.monotonic`."""
        self._port = port
        self._last = b"0-0"
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def following(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            time.sleep(0.3)  # what was written last
            self._is_over.set()
            self._thread.join()

    def _run(self) -> None:
        with redis_py.Redis(port=self._port, username="gateway", password=REDIS_PASSWORD, socket_timeout=2) as gateway:
            while not self._is_over.is_set():
                try:
                    for _, entries in gateway.xread({"gateway:session_events": self._last}, count=1000, block=100):
                        for self._last, fields in entries:
                            self.seen.append((fields[b"device_session_id"].decode(), fields[b"status"].decode()))
                            self.seen_at.append(time.monotonic())
                except redis_py.RedisError:
                    time.sleep(0.05)


def revived(snapshots: list[tuple[str, str]]) -> set[str]:
    """Sessions that were active again after they were revoked."""
    revoked: set[str] = set()
    found: set[str] = set()
    for device_session_id, status in snapshots:
        if status == "revoked":
            revoked.add(device_session_id)
        elif device_session_id in revoked:
            found.add(device_session_id)
    return found


def chosen_seed() -> int:
    """CHAOS_SEED repeats a run, as far as the machine's own timing lets it."""
    return int(os.environ.get("CHAOS_SEED") or secrets.randbits(32))


class Aftermath:
    """Counts in Postgres and Redis when everything runs again and nothing is left to do."""

    def __init__(self, stack: RunningStack, told: Acknowledged, follower: Follower) -> None:
        self._stack, self._told, self._follower = stack, told, follower
        self._gateway = redis_py.Redis(port=stack.redis_server.port, username="gateway", password=REDIS_PASSWORD)

    def check(self) -> None:
        """Every promise, one after the other."""
        assert self._told.wrong == []
        assert len(self._told.sessions) >= FEWEST_LOGINS
        assert len(self._told.revoked) >= FEWEST_LOGINS // 5
        self._outbox_drains()
        self._every_acknowledged_login_is_one_session()
        self._every_acknowledged_revocation_is_revoked()
        self._every_record_says_what_postgres_says()
        self._nothing_revoked_was_ever_active_again()
        self._no_code_made_two_sessions()
        self._the_audit_trail_is_complete()
        self._no_mail_is_lost()
        self._gateway.close()

    def _rows(self, sql: str) -> list[Any]:
        return self._stack.database.execute(sql)

    def _outbox_drains(self) -> None:
        wait_for(lambda: self._rows("select count(*) = 0 as empty from projection_outbox")[0]["empty"])

    def _every_acknowledged_login_is_one_session(self) -> None:
        stored = self._rows("select * from device_sessions")
        by_key: dict[str, list[str]] = {}
        for row in stored:
            session = device_session(row)
            by_key.setdefault(session.client_public_key.base64, []).append(session.device_session_id)
        assert {key: by_key.get(key) for key in self._told.sessions} == {
            key: [session_id] for key, session_id in self._told.sessions.items()
        }
        assert [ids for ids in by_key.values() if len(ids) > 1] == []

    def _every_acknowledged_revocation_is_revoked(self) -> None:
        rows = self._rows("select device_session_id from device_sessions where status = 'revoked'")
        assert self._told.revoked <= {row["device_session_id"] for row in rows}

    def _every_record_says_what_postgres_says(self) -> None:
        def drift() -> list[str]:
            sessions = [device_session(row) for row in self._rows("select * from device_sessions")]
            found = self._gateway.mget([f"gateway:session:{each.device_session_id}" for each in sessions])
            return [
                f"{session.device_session_id}: {value!r}, {session.status} in Postgres"
                for session, value in zip(sessions, found, strict=True)
                if value is None or decode_record(value) != gateway_record(session)
            ]

        deadline = time.monotonic() + STALE + 3
        while (found := drift()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert found == []
        assert self._gateway.hget("gateway:projection", "state") == b"complete"

    def _nothing_revoked_was_ever_active_again(self) -> None:
        kept = [
            (fields[b"device_session_id"].decode(), fields[b"status"].decode())
            for _, fields in self._gateway.xrange("gateway:session_events")
        ]
        assert revived(kept) == set()
        assert revived(self._follower.seen) == set()
        announced = {session_id for session_id, status in self._follower.seen if status == "revoked"}
        assert self._told.revoked <= announced

    def _no_code_made_two_sessions(self) -> None:
        [counted] = self._rows("""
            select count(*) as sessions, count(distinct login_code_id) as codes,
                   count(distinct challenge_id) as challenges,
                   (select count(*) from challenges where confirmed_at is not null) as consumed
              from device_sessions
        """)
        assert len(set(counted.values())) == 1, dict(counted)

    def _the_audit_trail_is_complete(self) -> None:
        created = "select subject from audit_events where event = 'security.create_session'"
        revoked = "select subject from audit_events where event = 'security.revoke_session' and outcome = 'revoked'"
        for audited, stored in (
            (created, "select device_session_id as subject from device_sessions"),
            (revoked, "select device_session_id as subject from device_sessions where status = 'revoked'"),
        ):
            assert Counter(row["subject"] for row in self._rows(audited)) == Counter(
                row["subject"] for row in self._rows(stored)
            )

    def _no_mail_is_lost(self) -> None:
        """What a killed courier had claimed is sent when its lease is over."""
        self._stack.travel(COURIER_LEASE)
        queued = "select attempts, next_attempt_at - clock_now() as due_in from mail_deliveries where state = 'queued'"
        deadline = time.monotonic() + 15
        while (waiting := self._rows(queued)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert waiting == []
        states = {row["state"] for row in self._rows("select distinct state from mail_deliveries")}
        assert states <= {"sent", "decoy"}, states
