"""Requests and answers of API tokens (SPEC §10.2, §10.7). Decoders check the form only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, cast

from contracts.cursor import encode_position, read_position
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import Fields, decode_object, invalid, known_fields, read_text, trimmed
from contracts.strict_query import decode_query, read_limit

TokenStatus: TypeAlias = Literal["active", "expired", "revoked"]
RevokeTokenOutcome: TypeAlias = Literal["revoked", "already_revoked"]

DEFAULT_LIFE: Final = timedelta(days=90)
MAX_LIFE: Final = timedelta(days=365)
DEFAULT_LIMIT: Final = 100
MAX_NAME_LENGTH: Final = 100

_CREATE_NAMES = frozenset({"name", "scopes", "expires_in_seconds"})
_LIST_NAMES = frozenset({"limit", "cursor"})


@dataclass(frozen=True, slots=True)
class CreateTokenRequest:
    """`scopes` holds one or more different words. Decoding does not check that each is a scope."""

    name: str = field(repr=False)
    scopes: tuple[str, ...]
    life: timedelta


@dataclass(frozen=True, slots=True)
class ListTokensQuery:
    """Asks for a page of at most `limit` tokens, which starts after the token `after`."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token without its secret, `scopes` sorted. `last_used_at` may be a minute old.

    `created_by` is an operator's id, or None if the command line made it.
    """

    token_id: str
    name: str = field(repr=False)
    prefix: str
    scopes: tuple[str, ...]
    status: TokenStatus
    created_by: str | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def decode_create_token(body: bytes) -> CreateTokenRequest:
    """The body of `POST auth/tokens`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _CREATE_NAMES)
    return CreateTokenRequest(_read_name(fields), _read_scopes(fields), _read_life(fields))


def decode_list_tokens(query: str) -> ListTokensQuery:
    """The query of `GET auth/tokens`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    parameters = decode_query(query, _LIST_NAMES)
    return ListTokensQuery(read_limit(parameters) or DEFAULT_LIMIT, read_position(parameters))


def encode_created_token(token: ApiToken, secret: str) -> bytes:
    """The answer of `POST auth/tokens`, the only one that holds the secret."""
    return encode({"token": _token(token), "secret": secret})


def encode_tokens(tokens: Sequence[ApiToken], next_after: str | None) -> bytes:
    """The answer of `GET auth/tokens`; `next_cursor` only if more remain."""
    answer: dict[str, object] = {"tokens": [_token(token) for token in tokens]}
    if next_after is not None:
        answer["next_cursor"] = encode_position(next_after)
    return encode(answer)


def encode_revoke_token(outcome: RevokeTokenOutcome, token_id: str) -> bytes:
    """The answer of `DELETE auth/tokens/{token_id}`."""
    return encode({"outcome": outcome, "token_id": token_id})


def _read_name(fields: Fields) -> str:
    """The field `name`: one printable line, so that a terminal can show it."""
    name = read_text(fields, "name")
    if not (1 <= len(name) <= MAX_NAME_LENGTH and name.isprintable()):
        raise invalid(f"name must be 1 to {MAX_NAME_LENGTH} printable characters")
    return name


def _read_scopes(fields: Fields) -> tuple[str, ...]:
    if "scopes" not in fields:
        raise invalid("scopes is required")
    values = fields["scopes"]
    if not isinstance(values, list) or not values:
        raise invalid("scopes must be a list of one or more scopes")
    scopes = tuple(trimmed(value, "scopes") for value in cast("list[object]", values))
    if len(set(scopes)) != len(scopes):
        raise invalid("scopes must not repeat")
    return scopes


def _read_life(fields: Fields) -> timedelta:
    if "expires_in_seconds" not in fields:
        return DEFAULT_LIFE
    seconds, most = fields["expires_in_seconds"], int(MAX_LIFE.total_seconds())
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= most:
        raise invalid(f"expires_in_seconds must be a whole number from 1 to {most}")
    return timedelta(seconds=seconds)


def _token(token: ApiToken) -> dict[str, object]:
    shown: dict[str, object] = {
        "token_id": token.token_id,
        "name": token.name,
        "prefix": token.prefix,
        "scopes": list(token.scopes),
        "status": token.status,
        "created_at": encode_instant(token.created_at),
        "expires_at": encode_instant(token.expires_at),
    }
    if token.created_by is not None:
        shown["created_by"] = token.created_by
    if token.last_used_at is not None:
        shown["last_used_at"] = encode_instant(token.last_used_at)
    if token.revoked_at is not None:
        shown["revoked_at"] = encode_instant(token.revoked_at)
    return shown
