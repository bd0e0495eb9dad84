"""The running product as apps, trusted services and gateways see it, over HTTP and Redis only."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import redis as redis_py

from tests.support.builders import SEED_CLIENT_PUBLIC_KEY
from tests.support.redis_bytes import stored, stream_entries
from tests.support.stack import REDIS_PASSWORD, RunningStack, wait_for

PUBLIC = "/api/v1/public/auth"
INTERNAL = "/api/v1/internal"
SEND = f"{PUBLIC}/send-email-code"
CONFIRM = f"{PUBLIC}/confirm-email-code"
BLOCKS = f"{INTERNAL}/user-blocks"
CAUSE: Mapping[str, Any] = {"reason_code": "admin_revoke", "actor": {"type": "admin", "id": "admin-1"}}


class Product:
    """`public`, `internal` and `metrics` are HTTP clients of the listeners. `gateway` is a Redis client as the
    gateways' user.
    """

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.public = httpx.Client(base_url=stack.public_url, timeout=30)
        self.internal = httpx.Client(base_url=stack.internal_url, timeout=30)
        self.metrics = httpx.Client(base_url=stack.metrics_url, timeout=30)
        self.gateway = redis_py.Redis(port=stack.redis_server.port, username="gateway", password=REDIS_PASSWORD)

    def send(self, email: str, **headers: str) -> str:
        """Sends a code. Returns the challenge id."""
        answer = self.public.post(SEND, json={"email": email}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["challenge_id"]

    def code(self, email: str, challenge_id: str) -> str:
        """The code mailed for a challenge."""
        return self.stack.wait_for_code(email, challenge_id)

    def confirm(
        self, challenge_id: str, code: str, key: str = SEED_CLIENT_PUBLIC_KEY, **optional: str
    ) -> httpx.Response:
        body = {"challenge_id": challenge_id, "code": code, "client_public_key": key, **optional}
        return self.public.post(CONFIRM, json=body)

    def log_in(self, email: str, key: str = SEED_CLIENT_PUBLIC_KEY, **optional: str) -> str:
        """Logs in. Returns the id of the new device session."""
        challenge_id = self.send(email)
        answer = self.confirm(challenge_id, self.code(email, challenge_id), key, **optional)
        assert answer.status_code == 200, answer.text
        return answer.json()["device_session_id"]

    def session(self, device_session_id: str) -> dict[str, Any]:
        """The session as trusted services read it."""
        answer = self.internal.get(f"{INTERNAL}/sessions/{device_session_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()["session"]

    def sessions(self, user_id: str, **query: str | int) -> dict[str, Any]:
        answer = self.internal.get(f"{INTERNAL}/users/{user_id}/sessions", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def user(self, email: str) -> dict[str, Any]:
        answer = self.internal.get(f"{INTERNAL}/users", params={"email": email})
        assert answer.status_code == 200, answer.text
        return answer.json()["user"]

    def post(self, path: str, **body: Any) -> httpx.Response:
        """Sends a mutation to the trusted API, with a reason and an actor."""
        return self.internal.post(INTERNAL + path, json={**CAUSE, **body})

    def revoke(self, device_session_id: str) -> httpx.Response:
        return self.post(f"/sessions/{device_session_id}/revoke")

    def record(self, device_session_id: str) -> bytes | None:
        """The gateway record of a session, byte for byte."""
        return stored(self.gateway, f"gateway:session:{device_session_id}")

    def entries(self, device_session_id: str) -> list[dict[bytes, bytes]]:
        """A session's entries in the stream, oldest first."""
        entries = stream_entries(self.gateway, "gateway:session_events")
        return [fields for _, fields in entries if fields[b"device_session_id"] == device_session_id.encode()]

    def wait_for_status(self, device_session_id: str, status: str, timeout: float = 15.0) -> None:
        """Returns when gateways see that status."""
        wanted = f'"status":"{status}"'.encode()
        wait_for(lambda: wanted in (self.record(device_session_id) or b""), timeout)

    def close(self) -> None:
        for client in (self.public, self.internal, self.metrics, self.gateway):
            client.close()


@contextmanager
def open_product(stack: RunningStack) -> Generator[Product]:
    """Clients of a running stack, closed afterwards."""
    product = Product(stack)
    try:
        yield product
    finally:
        product.close()
