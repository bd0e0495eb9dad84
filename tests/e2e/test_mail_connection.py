"""The default mail connection changes under load, with real processes, mail servers and a mail service (SPEC §18.5)."""

import threading
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import cycle
from typing import Any

import httpx

from authsession.embedded.child import Child, free_port
from authsession.service import Service
from shared.kernel.address import TcpAddress
from tests.support.builders import email_address, unique
from tests.support.database import Database
from tests.support.mail_peer import MailPeer
from tests.support.product import SEND
from tests.support.rest_mail_peer import rest_mail_peer
from tests.support.smtp_peer import smtp_peer
from tests.support.stack import RunningStack, open_stack, wait_for

API = "/api/control-plane"
LEASE = timedelta(seconds=41)
"""A courier's lease: the longest timeout of a letter, ten seconds, and the courier's margin."""
MAILS = 60


class Post:
    """A stack with two public processes. Mail leaves by the default mail connection."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self._second = TcpAddress("127.0.0.1", free_port())
        self._service = Service("public", "services.public_auth", self._second)
        self.child = self.start_second()

    def start_second(self) -> Child:
        environment = {
            **self.stack.environment["public"],
            "AUTHSESSION_PUBLIC_HTTP_ADDR": str(self._second),
            "AUTHSESSION_PUBLIC_METRICS_ADDR": "off",
        }
        self.child = self._service.start(environment)
        wait_for(self._service.is_ready, 30)
        return self.child

    @property
    def urls(self) -> tuple[str, str]:
        return self.stack.public_url, f"http://{self._second}"

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.request(method, f"{self.stack.internal_url}{API}/{path}", json=body, timeout=30)

    def connect(self, kind: str, **settings: str) -> str:
        """Makes a connection, and returns its name."""
        name = unique("mail-")
        body = {"kind": kind, "settings": settings, "expected_revision": 0, "accept_unverified": True}
        answer = self.call("PUT", f"connections/{name}", body)
        assert answer.status_code == 200, answer.text
        return name

    def set_default(self, name: str) -> None:
        answer = self.call("PUT", "connections/defaults/mail", {"connection": name})
        assert answer.status_code == 200, answer.text

    def send(self, url: str, email: str) -> None:
        """Sends a code, again and again until it is acknowledged."""
        for _ in range(100):
            with suppress(httpx.HTTPError):
                if httpx.post(url + SEND, json={"email": email}, timeout=30).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError("the send was never acknowledged")

    def send_all(self, url: str, emails: Sequence[str]) -> None:
        for email in emails:
            self.send(url, email)


@contextmanager
def opened(database: Database) -> Generator[Post]:
    with open_stack(
        database,
        CONTROL_PLANE_AUTH_MODE="open",
        AUTHSESSION_MAIL_SERVICE_MODE="connection",
        AUTHSESSION_SMTP_TIMEOUT="5s",
    ) as stack:
        post = Post(stack)
        try:
            yield post
        finally:
            post.child.kill()


def arrived(*peers: MailPeer) -> Counter[str]:
    return Counter(one.email for peer in peers for one in list(peer.received))


def test_a_change_under_load_loses_no_mail_although_processes_are_killed(database: Database) -> None:
    """The next mails leave by the new connection without a restart. Doubles come only from the process that was killed
    with mails on their way.
    """
    with smtp_peer() as first, smtp_peer() as second, rest_mail_peer() as service, opened(database) as post:
        names = {
            post.connect("smtp", address=f"127.0.0.1:{first.port}", tls="off", **{"from": "a@example.com"}): first,
            post.connect("smtp", address=f"127.0.0.1:{second.port}", tls="off", **{"from": "b@example.com"}): second,
            post.connect("mail_rest", base_url=service.base_url): service,
        }
        early = email_address()
        post.send(post.urls[0], early)
        assert reasons(post) == {"mail": "no_mail_connection"}

        post.set_default(next(iter(names)))
        wait_for(lambda: early in arrived(first))
        assert reasons(post) == {}

        emails = [email_address() for _ in range(MAILS)]
        changing = threading.Event()
        changes = threading.Thread(target=_change, args=(post, changing, list(names)))
        senders = [
            threading.Thread(target=post.send_all, args=(url, emails[place::2])) for place, url in enumerate(post.urls)
        ]
        for thread in (changes, *senders):
            thread.start()
        wait_for(lambda: len(arrived(*names.values())) > MAILS // 4)
        post.child.kill()
        post.stack.kill("internal")
        post.start_second()
        post.stack.restart("internal")
        for thread in senders:
            thread.join(60)
        changing.set()
        changes.join(60)

        post.stack.travel(LEASE)
        wait_for(lambda: set(emails) <= set(arrived(*names.values())), 30)
        doubled = {email: count for email, count in arrived(*names.values()).items() if count > 1}
        assert sum(doubled.values()) - len(doubled) <= 20, "more than were on their way in the killed process"

        for name, peer in names.items():
            post.set_default(name)
            last = email_address()
            post.send(post.urls[1], last)
            wait_for(lambda peer=peer, last=last: last in arrived(peer))


def _change(post: Post, ended: threading.Event, names: list[str]) -> None:
    """Goes round the connections until `ended`. The internal process may be away."""
    for name in cycle(names):
        if ended.is_set():
            return
        with suppress(httpx.HTTPError):
            post.call("PUT", "connections/defaults/mail", {"connection": name})
        time.sleep(0.05)


def reasons(post: Post) -> dict[str, str]:
    time.sleep(1.6)  # a report is kept for half a second, and a look at the connection for one
    return httpx.get(f"{post.stack.metrics_url}/readyz").json().get("reasons", {})
