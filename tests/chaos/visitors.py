"""People who log in, once or twice, and are revoked, blocked and unblocked, through both processes at once.

They know the two APIs and their letters. A request is repeated under one request id, until it is acknowledged or the
person gives up. Every acknowledgement is noted. `tests.chaos.verdict` judges the effects.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tests.support.builders import client_public_key, email_address
from tests.support.load import CAUSE, INTERNAL, PUBLIC, REPEAT_AFTER, UNANSWERED, Connections
from tests.support.mail_peer import MailPeer
from tests.support.stack import wait_for

CLIENTS = 6
PATIENCE = 30.0
"""Seconds for which a request is repeated, longer than any fault. A request that is never acknowledged fails the run.
"""
MAIL_PATIENCE = 4.0
"""Seconds that a person waits for a letter. The letter of a killed courier comes only after its lease."""
LONGEST_CALL = PATIENCE + 30.0


class GivenUp(Exception):
    """A person went away without an answer."""


class Kind(StrEnum):
    LOGIN = "login"
    REVOCATION = "revocation"
    BLOCK = "block"
    UNBLOCK = "unblock"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One acknowledged request. `sessions` is the session that began, or those promised to be over. Instants are of
    `time.monotonic`.
    """

    kind: Kind
    event: str
    """The event of the audit row."""
    outcome: str
    """The outcome in the audit row of the one try that changed something."""
    request_id: str
    sessions: tuple[str, ...]
    began_at: float
    at: float


@dataclass(slots=True)
class Person:
    """Notes of one person."""

    email: str
    sessions: dict[str, str] = field(default_factory=dict)
    """The client key of each acknowledged login, by device session id."""
    doomed: set[str] = field(default_factory=set)
    """Sessions for which an end was requested, whatever the answer was."""
    blocked_in_race: set[str] = field(default_factory=set)
    """The person's sessions when an acknowledged block had raced with a login."""
    stays_blocked: bool = False
    """Whether an acknowledged block still stands."""


class Visitors:
    """`CLIENTS` threads. Each plays one person after the other. The verdict is made from `said` and `people`."""

    def __init__(self, ports: tuple[int, int], mail: MailPeer, seed: int) -> None:
        """`ports` belong to the public and to the internal API."""
        self.people: list[Person] = []
        self.said: list[Acknowledgement] = []
        self.ended_codes: dict[str, float] = {}
        """The instant when the login that ended a code was acknowledged, by challenge."""
        self.statuses: Counter[int] = Counter()
        self.given_up: Counter[str] = Counter()
        """The number of letters that did not come in time."""
        self.wrong: list[str] = []
        """Answers that no fault of a neighbour excuses, and requests that were never acknowledged."""
        self.ports: Mapping[str, int] = {PUBLIC: ports[0], INTERNAL: ports[1]}
        self._mail = mail
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(seed + n,), daemon=True) for n in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets every visitor finish what they have begun."""
        self._is_over.set()
        for thread in self._threads:
            thread.join(3 * LONGEST_CALL)
            assert not thread.is_alive(), "a visitor hangs"

    def heal(self, since: float) -> float:
        """Waits until one request of each kind that began after `since` is acknowledged. Returns the seconds from
        `since`.
        """

        def healed_at() -> float | None:
            firsts = [next((x.at for x in self.said if x.kind is kind and x.began_at >= since), None) for kind in Kind]
            return None if None in firsts else max(filter(None, firsts))

        healed = wait_for(lambda: self.wrong or healed_at(), 2 * LONGEST_CALL)
        assert not self.wrong, self.wrong
        return healed - since

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._is_over.is_set():
            person = Person(email_address())
            self.people.append(person)
            with Connections(self.ports) as connections:
                try:
                    _Visit(self, connections, person, self._mail).live(chance)
                except GivenUp as reason:
                    self.given_up[str(reason)] += 1


class _Visit:
    """The actions of one person. Raises `GivenUp`."""

    def __init__(self, visitors: Visitors, connections: Connections, person: Person, mail: MailPeer) -> None:
        self._visitors = visitors
        self._connections = connections
        self._person = person
        self._mail = mail

    def live(self, chance: random.Random) -> None:
        for _ in range(chance.choice((1, 1, 2))):
            self._log_in()
        act = chance.choice((
            self._revoke_one, self._revoke_all, self._block_email, self._block_user, self._race_with_block,
            self._race_with_repeat, self._race_for_code, self._stay,
        ))  # fmt: skip
        act()
        if chance.random() < 0.3:
            self._confirm_again(self._confirmed)
        if self._person.stays_blocked and chance.random() < 0.6:
            self._come_back()

    def _stay(self) -> None:
        pass

    def _log_in(self) -> None:
        self._confirm(self._ask_for_code())

    def _ask_for_code(self) -> dict[str, str]:
        """Sends a code. Returns the body of a confirm with the right code."""
        sent = self._acknowledged("POST", f"{PUBLIC}/send-email-code", {"email": self._person.email})[1]
        key, challenge_id = client_public_key(uuid4().hex).base64, sent["challenge_id"]
        return {"challenge_id": challenge_id, "code": self._code(challenge_id), "client_public_key": key}

    def _confirm(self, body: Mapping[str, str], right: Sequence[int] = (200,)) -> None:
        began_at, request_id = time.monotonic(), uuid4().hex
        status, answer = self._acknowledged("POST", f"{PUBLIC}/confirm-email-code", body, request_id, right)
        if status == 200:
            session_id = answer["device_session_id"]
            self._person.sessions[session_id] = body["client_public_key"]
            self._confirmed = body
            self._visitors.ended_codes[body["challenge_id"]] = time.monotonic()
            self._note(Kind.LOGIN, "create_session", "created", request_id, began_at, [session_id])

    def _confirm_again(self, confirmed: Mapping[str, str]) -> None:
        """Repeats a confirm exactly. The answer is the same session, which a repeat never makes active again."""
        answer = self._acknowledged("POST", f"{PUBLIC}/confirm-email-code", confirmed)[1]
        if answer["device_session_id"] not in self._person.sessions:
            self._visitors.wrong.append("a repeated confirm got another session")

    def _revoke_one(self) -> None:
        session_id = next(iter(self._person.sessions))
        self._end(Kind.REVOCATION, "revoke_session", "revoked", f"/sessions/{session_id}/revoke", {}, [session_id])

    def _race_with_repeat(self) -> None:
        """Revokes the session while the confirm is repeated. Both write the same record."""
        confirmed = self._confirmed
        with self._beside(lambda other: other._confirm_again(confirmed)):
            self._revoke_all()

    def _revoke_all(self) -> None:
        path = f"/users/{self._user_id()}/sessions/revoke-all"
        self._end(Kind.REVOCATION, "revoke_user_sessions", "revoked", path, {}, self._person.sessions)

    def _block_email(self) -> None:
        self._block({"email": self._person.email})

    def _block_user(self) -> None:
        self._block({"user_id": self._user_id()})

    def _race_for_code(self) -> None:
        """Two devices confirm with the same code. One of them gets a session."""
        code, before = self._ask_for_code(), len(self._person.sessions)
        rival = code | {"client_public_key": client_public_key(uuid4().hex).base64}
        with self._beside(lambda other: other._confirm(rival, right=(200, 400))):
            self._confirm(code, right=(200, 400))
        if (won := len(self._person.sessions) - before) != 1:
            self._visitors.wrong.append(f"one code, {won} logins")

    def _race_with_block(self) -> None:
        """Blocks the person while a right code is on its way. In either order no session is left."""
        code = self._ask_for_code()
        with self._beside(lambda other: other._confirm(code, right=(200, 403))):
            self._block({"email": self._person.email})
        self._person.doomed.update(self._person.sessions)
        self._person.blocked_in_race = set(self._person.sessions)

    @contextmanager
    def _beside(self, act: Callable[["_Visit"], None]) -> Generator[None]:
        """Runs `act` for the same person on another connection."""

        def run() -> None:
            with Connections(self._visitors.ports) as connections, suppress(GivenUp):
                act(_Visit(self._visitors, connections, self._person, self._mail))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def _block(self, subject: Mapping[str, str]) -> None:
        self._subject = subject
        self._end(Kind.BLOCK, "block_subject", "blocked", "/user-blocks", subject, self._person.sessions)
        self._person.stays_blocked = True

    def _come_back(self) -> None:
        """The person is unblocked and logs in. The new session is another one, and revoked sessions stay revoked."""
        self._person.stays_blocked = False
        self._end(Kind.UNBLOCK, "unblock_subject", "unblocked", "/user-blocks/remove", self._subject, ())
        self._log_in()

    def _user_id(self) -> str:
        path = f"{INTERNAL}/users?email={quote(self._person.email)}"
        return self._acknowledged("GET", path, None)[1]["user"]["user_id"]

    def _end(
        self, kind: Kind, event: str, outcome: str, path: str, body: Mapping[str, Any], sessions: Collection[str]
    ) -> None:
        """Sends a request after whose acknowledgement `sessions` are over."""
        self._person.doomed.update(sessions)
        began_at, request_id = time.monotonic(), uuid4().hex
        self._acknowledged("POST", INTERNAL + path, {**CAUSE, **body}, request_id)
        self._note(kind, event, outcome, request_id, began_at, sessions)

    def _note(
        self, kind: Kind, event: str, outcome: str, request_id: str, began_at: float, sessions: Collection[str]
    ) -> None:
        said = Acknowledgement(
            kind, f"security.{event}", outcome, request_id, tuple(sessions), began_at, time.monotonic()
        )
        self._visitors.said.append(said)

    def _code(self, challenge_id: str) -> str:
        """The code in the letter for the challenge."""
        deadline = time.monotonic() + MAIL_PATIENCE
        while time.monotonic() < deadline:
            letters = [each for each in self._mail.received[-200:] if each.key == challenge_id]
            if letters:
                return letters[0].code
            time.sleep(0.02)
        raise GivenUp("letter")

    def _acknowledged(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        request_id: str = "",
        right: Sequence[int] = (200,),
    ) -> tuple[int, dict[str, Any]]:
        """Repeats a request until it is acknowledged. Returns status and answer."""
        name, deadline = f"{method} {path.partition('?')[0]}", time.monotonic() + PATIENCE
        headers = {"X-Request-Id": request_id} if request_id else {}
        while time.monotonic() < deadline:
            status, answer = self._connections.ask(method, path, body, **headers)
            self._visitors.statuses[status] += 1
            if status in right:
                return status, json.loads(answer)
            if status not in (UNANSWERED, 503):
                self._visitors.wrong.append(f"{name}: {status} {answer.decode(errors='replace')}")
                raise GivenUp(name)
            time.sleep(REPEAT_AFTER)
        self._visitors.wrong.append(f"{name}: never acknowledged")
        raise GivenUp(name)
