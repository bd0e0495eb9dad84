"""Logins and revocations over HTTP from several threads. Each is repeated until acknowledged, and every answer is
noted.

The load knows the two APIs and nothing else. `tests.support.census` counts the effects.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import count
from typing import Any, Self
from urllib.parse import quote

from contracts.gateway import GatewayRecord
from tests.support.builders import client_public_key, email_address
from tests.support.stack import wait_for

PUBLIC = "/api/v1/public/auth"
INTERNAL = "/api/v1/internal"
CAUSE: Mapping[str, Any] = {"reason_code": "admin_revoke", "actor": {"type": "admin", "id": "admin-1"}}
UNANSWERED = 0
"""The value in place of a status when the connection ended without one."""
PATIENCE = 60.0
"""Seconds after which an unacknowledged request is given up. Giving up fails the test."""
REPEAT_AFTER = 0.1
CALL_TIMEOUT = 30.0


@dataclass(slots=True)
class Login:
    """One person who logs in once and may be revoked. Instants are of `time.monotonic`. None means not acknowledged."""

    email: str
    client_public_key: str
    began_at: float
    device_session_id: str | None = None
    confirmed_at: float | None = None
    revoke_began_at: float | None = None
    revoked_at: float | None = None

    def matches(self, record: GatewayRecord) -> bool:
        """Whether the record is of the session that the login promised."""
        return (record.device_session_id, record.client_public_key) == (self.device_session_id, self.client_public_key)


class Load:
    """A load of `clients` threads. Each logs in again and again, and revokes every second of its own sessions."""

    def __init__(self, public_port: int, internal_port: int, *, clients: int = 4) -> None:
        self.logins: list[Login] = []
        self.statuses: Counter[int] = Counter()
        """The number of answers by status, `UNANSWERED` included."""
        self.wrong: list[str] = []
        """Answers that no fault of a neighbour excuses, and requests that were never acknowledged."""
        self._ports = {PUBLIC: public_port, INTERNAL: internal_port}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(clients)]

    @property
    def acknowledged(self) -> int:
        """The number of logins and revocations that were answered with 200."""
        return len(self.confirmed) + sum(login.revoked_at is not None for login in self.confirmed)

    @property
    def confirmed(self) -> Sequence[Login]:
        return [login for login in self.logins if login.device_session_id is not None]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets every client finish what it has begun, and returns when all have finished."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE + CALL_TIMEOUT)
            assert not thread.is_alive(), "a client of the load hangs"

    def revoke(self, login: Login) -> None:
        """Revokes one more session on the calling thread. Returns when that is acknowledged or noted as wrong."""
        with Connections(self._ports) as connections:
            self._revoke(connections, login)

    def wait_for_more(self, logins: int) -> None:
        """Returns when `logins` further logins are confirmed."""
        wanted = len(self.confirmed) + logins
        wait_for(lambda: len(self.confirmed) >= wanted or self.wrong, PATIENCE)

    def seconds_to_heal(self, since: float) -> float:
        """Waits until a login and a revocation that began after `since` are acknowledged. Returns the seconds from
        `since`.
        """

        def healed_at() -> float | None:
            logins = [x.confirmed_at for x in self.confirmed if x.began_at >= since and x.confirmed_at]
            revokes = [
                x.revoked_at for x in self.confirmed if (x.revoke_began_at or 0) >= since and x.revoked_at is not None
            ]
            return max(min(logins), min(revokes)) if logins and revokes else None

        healed = wait_for(lambda: self.wrong or healed_at(), PATIENCE)
        assert not self.wrong, self.wrong
        return healed - since

    def _run(self, number: int) -> None:
        with Connections(self._ports) as connections:
            for turn in count(number):
                if self._stop.is_set():
                    return
                self._log_in_once(connections, is_to_be_revoked=turn % 2 == 0)

    def _log_in_once(self, connections: "Connections", *, is_to_be_revoked: bool) -> None:
        login = Login(email_address(), client_public_key().base64, time.monotonic())
        self.logins.append(login)
        sent = self._acknowledged(connections, "POST", f"{PUBLIC}/send-email-code", {"email": login.email})
        code = sent and self._mailed_code(connections, login.email)
        if not sent or not code:
            return
        proof = {"challenge_id": sent["challenge_id"], "code": code, "client_public_key": login.client_public_key}
        confirmed = self._acknowledged(connections, "POST", f"{PUBLIC}/confirm-email-code", proof)
        if confirmed:
            login.confirmed_at, login.device_session_id = time.monotonic(), confirmed["device_session_id"]
            if is_to_be_revoked:
                self._revoke(connections, login)

    def _revoke(self, connections: "Connections", login: Login) -> None:
        login.revoke_began_at = time.monotonic()
        path = f"{INTERNAL}/sessions/{login.device_session_id}/revoke"
        if self._acknowledged(connections, "POST", path, CAUSE):
            login.revoked_at = time.monotonic()

    def _mailed_code(self, connections: "Connections", email: str) -> str | None:
        path, deadline = f"{INTERNAL}/dev/mailbox?email={quote(email)}", time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            mailbox = self._acknowledged(connections, "GET", path, None)
            if mailbox is None:
                return None
            if mailbox["messages"]:
                return mailbox["messages"][0]["code"]
            time.sleep(0.03)
        self.wrong.append("a code that was never mailed")
        return None

    def _acknowledged(
        self, connections: "Connections", method: str, path: str, body: Mapping[str, Any] | None
    ) -> dict[str, Any] | None:
        """Repeats the request until it is answered with 200. If that never happens, returns None and adds a note to
        `wrong`.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            status, answer = connections.ask(method, path, body)
            self.statuses[status] += 1
            if status == 200:
                return json.loads(answer)
            if status not in (UNANSWERED, 503):
                self.wrong.append(f"{method} {path.partition('?')[0]}: {status} {answer.decode(errors='replace')}")
                return None
            time.sleep(REPEAT_AFTER)
        self.wrong.append(f"{method} {path.partition('?')[0]}: never acknowledged")
        return None


class Connections:
    """The connections of one client: one to each API, reopened after it ended."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self._connections = {
            root: HTTPConnection("127.0.0.1", port, timeout=CALL_TIMEOUT) for root, port in ports.items()
        }

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None, **headers: str) -> tuple[int, bytes]:
        """Status and body. The status is `UNANSWERED` if the connection was refused or ended first."""
        connection = self._connections[PUBLIC if path.startswith(PUBLIC) else INTERNAL]
        headers |= {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            connection.close()
            return UNANSWERED, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()


@contextmanager
def under_load(public_port: int, internal_port: int, *, clients: int = 4) -> Generator[Load]:
    """A running load. On leaving it finishes what it has begun, stops, and fails the test if any answer was wrong."""
    load = Load(public_port, internal_port, clients=clients)
    load.start()
    try:
        yield load
    finally:
        load.stop()
    assert load.wrong == []
