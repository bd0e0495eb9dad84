"""Opens secrets on a node: `POST /api/v1/node/secrets/open` (SPEC §17.3). It opens all that are asked for, or none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from contracts.agent_id import is_agent_id
from contracts.encoding import encode
from contracts.node.sealed import Sealed, read_sealed, sealed_fields, sealed_frame
from contracts.secret_names import is_secret_id
from contracts.strict_json import Fields, decode_object, invalid, known_fields, read_list, read_text, read_whole_number

SECRET_MARKER: Final = b"authsession-secret-delivery-v1"
GATEWAY: Final = "gateway"
MAX_SECRETS_OPENED: Final = 50
MAX_VALUE_BYTES: Final = 64 * 1024
MAX_ANSWER_BYTES: Final = MAX_SECRETS_OPENED * 96 * 1024
"""The largest answer: base64 of each value, and eight signatures each."""

_MAX_VERSION = 2**31 - 1
_REQUEST_NAMES = frozenset({"secrets", "for", "task_id"})
_VERSION_NAMES = frozenset({"secret_id", "version"})
_ANSWER_NAMES = frozenset({"secrets"})
_OPENED_NAMES = frozenset({"secret_id", "version", "sealed"})
_TASK_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


class SecretVersion(NamedTuple):
    """One version of a secret. It is no value."""

    secret_id: str
    version: int


@dataclass(frozen=True, slots=True)
class OpenSecrets:
    """The request. `reader` is the agent that needs the values, or `gateway`. `task_id` is for the audit trail."""

    versions: tuple[SecretVersion, ...]
    reader: str
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedSecret:
    """A version with its value, sealed to the node."""

    version: SecretVersion
    sealed: Sealed


def secret_frame(node_id: str, request_id: str, key_generation: int, version: SecretVersion) -> bytes:
    """HPKE's `info` of a value. By the request's id the node knows that the answer is fresh and its own."""
    return sealed_frame(
        SECRET_MARKER, node_id, request_id, str(key_generation), version.secret_id, str(version.version)
    )


def encode_open_secrets(asked: OpenSecrets) -> bytes:
    """The request."""
    task = {} if asked.task_id is None else {"task_id": asked.task_id}
    return encode({"secrets": [each._asdict() for each in asked.versions], "for": asked.reader, **task})


def decode_open_secrets(body: bytes) -> OpenSecrets:
    """The request. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _REQUEST_NAMES)
    versions = tuple(_read_version(each) for each in read_list(fields, "secrets", MAX_SECRETS_OPENED))
    if not versions:
        raise invalid("secrets must not be empty")
    if len(set(versions)) < len(versions):
        raise invalid("secrets must not repeat a version")
    return OpenSecrets(versions, _read_reader(fields), _read_task_id(fields))


def encode_opened(opened: Sequence[OpenedSecret]) -> bytes:
    """The answer. It is joined of its parts, because one call of the encoder for 5 MB holds up every other task."""
    parts = (encode({**each.version._asdict(), "sealed": sealed_fields(each.sealed)}) for each in opened)
    return b'{"secrets":[' + b",".join(parts) + b"]}"


def decode_opened(body: bytes) -> tuple[OpenedSecret, ...]:
    """The answer. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _ANSWER_NAMES)
    return tuple(_read_opened(each) for each in read_list(fields, "secrets", MAX_SECRETS_OPENED))


def is_reader(text: str) -> bool:
    """Whether the text can name a reader of secrets: `gateway` or the id of an agent."""
    return text == GATEWAY or is_agent_id(text)


def _read_reader(fields: Fields) -> str:
    reader = read_text(fields, "for")
    if not is_reader(reader):
        raise invalid("for must be gateway or the id of an agent")
    return reader


def _read_task_id(fields: Fields) -> str | None:
    if "task_id" not in fields:
        return None
    task_id = read_text(fields, "task_id")
    if not _TASK_ID.fullmatch(task_id):
        raise invalid("task_id must be 1 to 64 of A-Z, a-z, 0-9 and . _ : -")
    return task_id


def _read_version(value: object) -> SecretVersion:
    return _version_in(known_fields(_object(value), _VERSION_NAMES, within="secrets."))


def _read_opened(value: object) -> OpenedSecret:
    fields = known_fields(_object(value), _OPENED_NAMES, within="secrets.")
    return OpenedSecret(_version_in(fields), read_sealed(fields.get("sealed"), "secrets.sealed", MAX_VALUE_BYTES))


def _version_in(fields: Fields) -> SecretVersion:
    secret_id = read_text(fields, "secret_id", within="secrets.")
    if not is_secret_id(secret_id):
        raise invalid("secrets.secret_id must be the id of a secret")
    return SecretVersion(secret_id, read_whole_number(fields, "version", 1, _MAX_VERSION, within="secrets."))


def _object(value: object) -> Fields:
    if not isinstance(value, dict):
        raise invalid("secrets must hold objects")
    return cast("Fields", value)
