"""The first owner of a running stack, and calls that come over HTTPS from networks nobody else has."""

import subprocess
import sys
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import count
from typing import Any

import httpx

from tests.support.stack import RunningStack, clean_environment

AUTH = "/api/control-plane/auth"
USER_NAME = "ada"
PASSWORD = "Correct horse 7 staple"
"""Neither is in an example of a document: what is made of those must not lock the owner out."""

_networks = count(int(IPv4Address("198.18.0.1")))


@dataclass(frozen=True)
class Owner:
    """The result of claiming."""

    session_token: str = field(repr=False)
    recovery_codes: list[str] = field(repr=False)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session_token}"}


def from_new_network() -> dict[str, str]:
    """The fields that a trusted proxy adds."""
    return {"X-Forwarded-For": str(IPv4Address(next(_networks))), "X-Forwarded-Proto": "https"}


def setup_code(stack: RunningStack) -> str:
    """As a person gets it."""
    environment = {**clean_environment(), "AUTHSESSION_POSTGRES_DSN": stack.database.owner_dsn}
    command = [sys.executable, "-m", "authsession", "operator", "setup-code"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return printed.stdout.split()[0]


def claim_owner(stack: RunningStack) -> Owner:
    """By setup code and registration token."""
    exchanged = post(stack, "/bootstrap/exchange", setup_code=setup_code(stack))
    token = exchanged["registration_token"]
    claimed = post(stack, "/register-owner", registration_token=token, user_name=USER_NAME, password=PASSWORD)
    return Owner(claimed["session_token"], claimed["recovery_codes"])


def log_in(stack: RunningStack) -> dict[str, str]:
    """The headers of another session of the owner."""
    return {"Authorization": f"Bearer {post(stack, '/login', user_name=USER_NAME, password=PASSWORD)['session_token']}"}


def post(stack: RunningStack, path: str, **body: Any) -> Any:
    """The answer's JSON. Raises unless it is a success."""
    answer = httpx.post(f"{stack.internal_url}{AUTH}{path}", json=body, headers=from_new_network(), timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()
