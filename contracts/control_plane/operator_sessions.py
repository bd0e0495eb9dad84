"""Requests and answers of operators' sessions, and the answer of every route that logs in (SPEC §10.2, §10.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import Fields, invalid, read_text

Transport: TypeAlias = Literal["bearer", "cookie"]
RevokeOutcome: TypeAlias = Literal["revoked", "already_revoked"]


@dataclass(frozen=True, slots=True)
class SessionHolder:
    """The operator of a session, as answers name them."""

    operator_id: str
    user_name: str
    is_owner: bool


@dataclass(frozen=True, slots=True)
class OperatorSessionAnswer:
    """A session. From `renew_before` on it can only be renewed. It ends at `expires_at`."""

    operator_session_id: str
    created_at: datetime
    expires_at: datetime
    renew_before: datetime


@dataclass(frozen=True, slots=True)
class ListedSessionAnswer:
    """A session in the list of its operator. `network` and `user_agent` are those that opened it."""

    session: OperatorSessionAnswer
    network: str | None
    user_agent: str | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class OpenedSessionAnswer:
    """A new session. `session_token` is None if a cookie carries it. `more` holds further fields of a route."""

    session: OperatorSessionAnswer
    operator: SessionHolder
    session_token: str | None = field(repr=False)
    more: Mapping[str, object] = field(repr=False)


def read_transport(fields: Fields) -> Transport:
    """The field `transport` of a request that opens a session. The default is `bearer`."""
    if "transport" not in fields:
        return "bearer"
    match read_text(fields, "transport"):
        case "bearer" | "cookie" as transport:
            return transport
        case _:
            raise invalid("transport must be bearer or cookie")


def encode_opened_session(opened: OpenedSessionAnswer) -> bytes:
    """The answer of every route that opens a session."""
    answer: dict[str, object] = {"session": _session(opened.session), "operator": _operator(opened.operator)}
    if opened.session_token is not None:
        answer["session_token"] = opened.session_token
    return encode(answer | dict(opened.more))


def encode_session(session: OperatorSessionAnswer, operator: SessionHolder) -> bytes:
    """The answer of `GET auth/session`."""
    return encode({"session": _session(session), "operator": _operator(operator)})


def encode_status(*, has_owner: bool, current: tuple[OperatorSessionAnswer, SessionHolder] | None) -> bytes:
    """The answer of `GET auth/status`. Without a session it tells only `has_owner`."""
    answer: dict[str, object] = {"has_owner": has_owner, "authenticated": current is not None}
    if current is not None:
        answer |= {"session": _session(current[0]), "operator": _operator(current[1])}
    return encode(answer)


def encode_sessions(sessions: Sequence[ListedSessionAnswer]) -> bytes:
    """The answer of `GET auth/sessions`."""
    return encode({"sessions": [_listed(session) for session in sessions]})


def encode_revoke_session(outcome: RevokeOutcome, operator_session_id: str) -> bytes:
    """The answer of `POST auth/logout` and of `DELETE auth/sessions/{operator_session_id}`."""
    return encode({"outcome": outcome, "operator_session_id": operator_session_id})


def _session(session: OperatorSessionAnswer) -> dict[str, object]:
    return {
        "operator_session_id": session.operator_session_id,
        "created_at": encode_instant(session.created_at),
        "expires_at": encode_instant(session.expires_at),
        "renew_before": encode_instant(session.renew_before),
    }


def _operator(operator: SessionHolder) -> dict[str, object]:
    return {
        "operator_id": operator.operator_id,
        "user_name": operator.user_name,
        "is_owner": operator.is_owner,
    }


def _listed(listed: ListedSessionAnswer) -> dict[str, object]:
    return _session(listed.session) | {
        "network": listed.network,
        "user_agent": listed.user_agent,
        "is_current": listed.is_current,
    }
