"""Operators' accounts as people use them, over the control plane in memory. Passwords here obey the policy."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import httpx

from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.operator_sessions.domain import SessionClient
from services.internal_admin.operators.domain.account import Account, SessionOpening
from services.internal_admin.operators.domain.owner_setup import new_setup_code
from services.internal_admin.operators.store.accounts import read_account
from services.internal_admin.operators.store.setup import issue_setup_code
from shared.kernel.actor import Actor
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_operator_session_id
from tests.support.control_plane import AUTH, PEER, ControlPlane
from tests.support.world import World

NAME = "ada"
PASSWORD = "Correct horse 7 staple"
OTHER_PASSWORD = "Another mule 8 battery"
CALLER = Caller("anonymous", PEER, "request-1")


@dataclass(frozen=True, slots=True)
class RegisteredOwner:
    """The answer to a registration of the owner."""

    operator_id: str
    session_token: str
    recovery_codes: list[str]


def setup_code(world: World) -> str:
    """A setup code as `authsession operator setup-code` prints it."""
    code = new_setup_code(SystemEntropy())
    issue = partial(issue_setup_code, code=code, caller=Caller("command_line", None, None), actor=Actor("command_line"))
    world.call(world.owner.unit_of_work, issue)
    return code.text


def registration_token(world: World, plane: ControlPlane) -> str:
    """A registration token, got with a fresh setup code."""
    answer = plane.post(f"{AUTH}/bootstrap/exchange", {"setup_code": setup_code(world)})
    assert answer.status_code == 200, answer.text
    return answer.json()["registration_token"]


def register(plane: ControlPlane, token: str | None, **changes: Any) -> httpx.Response:
    """Registers the owner with a valid request and `changes` on top of it."""
    given = {} if token is None else {"registration_token": token}
    return plane.post(f"{AUTH}/register-owner", {**given, "user_name": NAME, "password": PASSWORD} | changes)


def fresh_owner(world: World, plane: ControlPlane) -> RegisteredOwner:
    """Registers a new owner. All operators from before are gone, with everything of theirs."""
    forget_operators(world)
    answer = register(plane, registration_token(world, plane))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return RegisteredOwner(body["operator"]["operator_id"], body["session_token"], body["recovery_codes"])


def forget_operators(world: World) -> None:
    """Makes the database as it was before the first owner."""
    world.database.execute("truncate operators cascade")
    world.database.execute(
        """
        update owner_setup set setup_code_hash = null, setup_code_expires_at = null,
                               registration_token_hash = null, registration_token_expires_at = null
        """
    )


def log_in(plane: ControlPlane, password: str = PASSWORD, user_name: str = NAME) -> httpx.Response:
    return plane.post(f"{AUTH}/login", {"user_name": user_name, "password": password})


def is_alive(plane: ControlPlane, session_token: str) -> bool:
    """Whether the session token still opens a route that needs a session."""
    status = plane.get(f"{AUTH}/recovery-codes", token=session_token).status_code
    assert status in (200, 401)
    return status == 200


def account_of(world: World, user_name: str = NAME) -> Account:
    """The account as flows read it."""
    account = world.call(world.internal.unit_of_work, read_account, user_name=user_name)
    assert account is not None
    return account


def opening() -> SessionOpening:
    """A valid opening of a session."""
    entropy = SystemEntropy()
    session_id = new_operator_session_id(SystemClock(), entropy)
    return SessionOpening(session_id, new_secret(entropy), SessionClient(PEER, None), timedelta(days=7))


def audited(world: World, event: str) -> list[tuple[str, str | None, str | None]]:
    """Outcome, reason and subject of each row about `event`, oldest first."""
    sql = "select outcome, reason_code, subject from audit_events where event = $1 order by audit_id"
    return [tuple(row) for row in world.database.execute(sql, f"security.{event}")]
