"""Agents as operators write them, and as nodes get them: a document of a pool's manifest (SPEC §19.1).

The draft names connections and secrets. The document has the compiled prompt, the settings of the connections, and ids
of secrets; no value of a secret stands in either.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeAlias, TypeVar, cast

from contracts.agent_id import is_agent_id
from contracts.encoding import encode
from contracts.errors import Refusal
from contracts.node.names import is_name
from contracts.secret_names import is_secret_id, is_secret_name
from contracts.strict_json import (
    Fields,
    decode_object,
    invalid,
    known_fields,
    read_list,
    read_object,
    read_text,
    read_whole_number,
    trimmed,
)
from contracts.user_id import is_user_id

KIND: Final = "agent"
"""The `kind` of the document in a manifest."""
FORMAT: Final = 1

MAX_DESCRIPTION: Final = 1000
MAX_MODEL_NAME: Final = 200
MAX_PARAMETERS_BYTES: Final = 16 * 1024
MAX_SECTIONS: Final = 32
MAX_SECTION_BYTES: Final = 64 * 1024
"""The size of all sections together, as UTF-8. The values of all variables have the same limit."""
MAX_VARIABLES: Final = 64
MAX_PROMPT_BYTES: Final = 256 * 1024
MAX_NAMED_SECRETS: Final = 64
MAX_INTEGRATIONS: Final = 32
MAX_TOOLS: Final = 128
MAX_TOOL_NAME: Final = 128
MAX_ALLOWED_USERS: Final = 1000
EVERY_TOOL: Final = "*"

Approval: TypeAlias = Literal["never", "always"]
AllowedUsers: TypeAlias = tuple[str, ...] | Literal["everyone"]
ConnectionT = TypeVar("ConnectionT")

_DRAFT_MODEL_NAMES = frozenset({"connection", "model", "parameters"})
_SECTION_NAMES = frozenset({"key", "text"})
_INTEGRATION_NAMES = frozenset({"connection", "allow", "deny", "approval"})
_CONNECTION_NAMES = frozenset({"name", "kind", "settings", "secrets"})
_DOCUMENT_NAMES = frozenset({
    "format", "agent_id", "description", "model", "prompt", "secrets", "integrations", "allowed_users",
})  # fmt: skip
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}", re.ASCII)
_KIND_NAME = re.compile(r"[a-z_]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection in a document. `secrets` has the id of the secret of each field, such as `API_KEY`."""

    name: str
    kind: str
    settings: Mapping[str, object] = field(repr=False)
    secrets: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Model(Generic[ConnectionT]):
    """A model. In a draft the connection is a name, or None for the installation's default model connection."""

    connection: ConnectionT
    model: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Integration(Generic[ConnectionT]):
    """The tools behind a connection that an agent may use. `*` in `allow` stands for every one."""

    connection: ConnectionT
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    approval: Approval

    def allows(self, tool: str) -> bool:
        """Whether the agent may use a tool. `deny` wins over `allow`; an empty `allow` allows none."""
        return tool not in self.deny and (tool in self.allow or EVERY_TOOL in self.allow)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the prompt. `{{name}}` in its text stands for the value of a variable."""

    key: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentDraft:
    """The fields of a draft. `secrets` are names."""

    description: str
    model: Model[str | None] | None
    sections: tuple[Section, ...]
    variables: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...]
    integrations: tuple[Integration[str], ...]
    allowed_users: AllowedUsers


@dataclass(frozen=True, slots=True)
class AgentDocument:
    """An agent as its runtime gets it. `secrets` has the id of each secret by its name. `model` may be missing."""

    agent_id: str
    description: str
    model: Model[Connection] | None
    prompt: str = field(repr=False)
    secrets: Mapping[str, str]
    integrations: tuple[Integration[Connection], ...]
    allowed_users: AllowedUsers

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections of the model and of the integrations. One may occur twice."""
        return tuple(each.connection for each in (self.model, *self.integrations) if each is not None)

    def allows_user(self, user_id: str) -> bool:
        """Whether a user, or another agent, may use this one. An empty list allows nobody."""
        return self.allowed_users == "everyone" or user_id in self.allowed_users


def read_agent_draft(value: Fields) -> AgentDraft:
    """The draft in a decoded object. Raises `Refusal(INVALID_REQUEST)` and nothing else, as every reader here."""
    fields = known_fields(value, frozenset(_DRAFT_READERS))
    return AgentDraft(
        _read_description(fields),
        _read_model(fields),
        _read_sections(fields),
        _read_variables(fields),
        _read_secret_names(fields),
        _read_integrations(fields),
        _read_allowed_users(fields),
    )


def refused_fields(value: Fields) -> Iterator[tuple[str, Refusal]]:
    """The refusal of each field of a draft that has one. Without any, `read_agent_draft` succeeds."""
    for name in value:
        try:
            _DRAFT_READERS.get(name, _refuse)(known_fields({name: value[name]}, frozenset(_DRAFT_READERS)))
        except Refusal as refusal:
            yield name, refusal


def decode_agent_document(document: bytes) -> AgentDocument:
    """The agent in a document's bytes."""
    fields = known_fields(decode_object(document), _DOCUMENT_NAMES)
    read_whole_number(fields, "format", FORMAT, FORMAT)
    return AgentDocument(
        _read_id(fields, "agent_id", is_agent_id),
        _read_description(fields),
        _read_document_model(fields),
        _read_exact(fields, "prompt", MAX_PROMPT_BYTES),
        _read_secret_ids(read_object(fields, "secrets"), "secrets."),
        tuple(_read_integration(each, _read_connection) for each in _read_objects(fields, "integrations")),
        _read_allowed_users(fields),
    )


def encode_agent_document(agent: AgentDocument) -> bytes:
    """The document's bytes. Equal agents have equal bytes."""
    model = agent.model
    return encode({
        "format": FORMAT,
        "agent_id": agent.agent_id,
        "description": agent.description,
        **({} if model is None else {"model": {
            "connection": _connection(model.connection), "model": model.model, "parameters": _sorted(model.parameters),
        }}),
        "prompt": agent.prompt,
        "secrets": _sorted(agent.secrets),
        "integrations": [
            {
                "connection": _connection(each.connection), "allow": list(each.allow), "deny": list(each.deny),
                "approval": each.approval,
            }
            for each in agent.integrations
        ],
        "allowed_users": agent.allowed_users if isinstance(agent.allowed_users, str) else list(agent.allowed_users),
    })  # fmt: skip


def _connection(connection: Connection) -> dict[str, object]:
    return {
        "name": connection.name,
        "kind": connection.kind,
        "settings": _sorted(connection.settings),
        "secrets": _sorted(connection.secrets),
    }


def _sorted(values: Mapping[str, object]) -> dict[str, object]:
    """The same object with its names in order, at every depth: Postgres does not keep their order."""
    return {name: _sorted_value(values[name]) for name in sorted(values)}


def _sorted_value(value: object) -> object:
    if isinstance(value, Mapping):
        return _sorted(cast("Mapping[str, object]", value))
    return [_sorted_value(each) for each in cast("list[object]", value)] if isinstance(value, list) else value


def _read_description(fields: Fields) -> str:
    text = trimmed(fields.get("description", ""), "description")
    if len(text) > MAX_DESCRIPTION:
        raise invalid(f"description must have at most {MAX_DESCRIPTION} characters")
    return text


def _read_model(fields: Fields) -> Model[str | None] | None:
    return _read_model_with(fields, _read_optional_connection_name)


def _read_document_model(fields: Fields) -> Model[Connection] | None:
    return _read_model_with(fields, _read_connection)


def _read_model_with(fields: Fields, read: Callable[[Fields, str], ConnectionT]) -> Model[ConnectionT] | None:
    if "model" not in fields:
        return None
    model = known_fields(read_object(fields, "model"), _DRAFT_MODEL_NAMES, within="model.")
    name = read_text(model, "model", within="model.")
    if not 1 <= len(name) <= MAX_MODEL_NAME or not name.isprintable():
        raise invalid(f"model.model must be 1 to {MAX_MODEL_NAME} printable characters")
    parameters = model.get("parameters", {})
    if not isinstance(parameters, dict) or len(encode(cast("Fields", parameters))) > MAX_PARAMETERS_BYTES:
        raise invalid(f"model.parameters must be an object of at most {MAX_PARAMETERS_BYTES} bytes")
    return Model(read(model, "model."), name, cast("Fields", parameters))


def _read_sections(fields: Fields) -> tuple[Section, ...]:
    sections = tuple(_read_section(each) for each in _read_objects(fields, "sections", MAX_SECTIONS))
    _refuse_repeated([section.key for section in sections], "sections.key")
    if sum(len(section.text.encode()) for section in sections) > MAX_SECTION_BYTES:
        raise invalid(f"sections must have at most {MAX_SECTION_BYTES} bytes of text in all")
    return sections


def _read_section(value: Fields) -> Section:
    fields = known_fields(value, _SECTION_NAMES, within="sections.")
    key = read_text(fields, "key", within="sections.")
    if not _KEY.fullmatch(key):
        raise invalid("sections.key must be 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit")
    return Section(key, _read_exact(fields, "text", MAX_SECTION_BYTES, within="sections."))


def _read_variables(fields: Fields) -> Mapping[str, str]:
    values = read_object(fields, "variables") if "variables" in fields else {}
    if len(values) > MAX_VARIABLES:
        raise invalid(f"variables must be at most {MAX_VARIABLES}")
    if not all(map(_VARIABLE.fullmatch, values)):
        raise invalid("variables must have names of 1 to 63 letters, digits, _ and -, beginning with a letter")
    texts = {name: _exact(value, "variables") for name, value in values.items()}
    if sum(len(text.encode()) for text in texts.values()) > MAX_SECTION_BYTES:
        raise invalid(f"variables must have at most {MAX_SECTION_BYTES} bytes of text in all")
    return texts


def _read_secret_names(fields: Fields) -> tuple[str, ...]:
    names = _read_texts(fields, "secrets", MAX_NAMED_SECRETS, "")
    if not all(map(is_secret_name, names)):
        raise invalid("secrets must hold names of 1 to 64 of A-Z, 0-9 and _, beginning with a letter")
    return names


def _read_integrations(fields: Fields) -> tuple[Integration[str], ...]:
    read = tuple(
        _read_integration(each, _read_connection_name)
        for each in _read_objects(fields, "integrations", MAX_INTEGRATIONS)
    )
    _refuse_repeated([integration.connection for integration in read], "integrations.connection")
    return read


def _read_integration(value: Fields, read: Callable[[Fields, str], ConnectionT]) -> Integration[ConnectionT]:
    fields = known_fields(value, _INTEGRATION_NAMES, within="integrations.")
    approval = read_text(fields, "approval", within="integrations.") if "approval" in fields else "always"
    if approval not in ("never", "always"):
        raise invalid("integrations.approval must be never or always")
    allow, deny = (_read_texts(fields, name, MAX_TOOLS, "integrations.") for name in ("allow", "deny"))
    if not all(0 < len(tool) <= MAX_TOOL_NAME and tool.isprintable() for tool in (*allow, *deny)):
        raise invalid(f"integrations.allow and deny must hold names of 1 to {MAX_TOOL_NAME} printable characters")
    return Integration(read(fields, "integrations."), allow, deny, approval)


def _read_allowed_users(fields: Fields) -> AllowedUsers:
    if fields.get("allowed_users") == "everyone":
        return "everyone"
    if isinstance(fields.get("allowed_users"), str):
        raise invalid("allowed_users must be everyone, or a list of ids")
    users = _read_texts(fields, "allowed_users", MAX_ALLOWED_USERS, "")
    if not all(map(is_user_id, users)):
        raise invalid("allowed_users must hold ids of users or agents")
    return users


_DRAFT_READERS: Mapping[str, Callable[[Fields], object]] = {
    "description": _read_description,
    "model": _read_model,
    "sections": _read_sections,
    "variables": _read_variables,
    "secrets": _read_secret_names,
    "integrations": _read_integrations,
    "allowed_users": _read_allowed_users,
}


def _refuse(_: Fields) -> object:
    raise invalid("unknown field")


def _read_connection_name(fields: Fields, within: str) -> str:
    name = read_text(fields, "connection", within=within)
    if not is_name(name):
        raise invalid(f"{within}connection must be 1 to 63 of a-z, 0-9 and -, without - at its ends")
    return name


def _read_optional_connection_name(fields: Fields, within: str) -> str | None:
    return _read_connection_name(fields, within) if "connection" in fields else None


def _read_connection(fields: Fields, within: str) -> Connection:
    within = f"{within}connection."
    fields = known_fields(read_object(fields, "connection"), _CONNECTION_NAMES, within=within)
    name, kind = read_text(fields, "name", within=within), read_text(fields, "kind", within=within)
    if not is_name(name) or not _KIND_NAME.fullmatch(kind):
        raise invalid(f"{within}name or kind is none")
    settings = read_object(fields, "settings")
    return Connection(name, kind, settings, _read_secret_ids(read_object(fields, "secrets"), f"{within}secrets."))


def _read_secret_ids(fields: Fields, within: str) -> Mapping[str, str]:
    if len(fields) > MAX_NAMED_SECRETS or not all(map(is_secret_name, fields)):
        raise invalid(f"{within.removesuffix('.')} must have at most {MAX_NAMED_SECRETS} names of secrets")
    return {name: _read_id(fields, name, is_secret_id, within=within) for name in fields}


def _read_id(fields: Fields, name: str, is_id: Callable[[str], bool], *, within: str = "") -> str:
    text = read_text(fields, name, within=within)
    if not is_id(text):
        raise invalid(f"{within}{name} must be an id")
    return text


def _read_objects(fields: Fields, name: str, most: int = MAX_INTEGRATIONS) -> list[Fields]:
    items = read_list(fields, name, most)
    if not all(isinstance(each, dict) for each in items):
        raise invalid(f"{name} must hold objects")
    return cast("list[Fields]", items)


def _read_texts(fields: Fields, name: str, most: int, within: str) -> tuple[str, ...]:
    texts = tuple(trimmed(each, f"{within}{name}") for each in read_list(fields, name, most, within=within))
    _refuse_repeated(texts, f"{within}{name}")
    return texts


def _refuse_repeated(texts: Sequence[str], path: str) -> None:
    if len(set(texts)) != len(texts):
        raise invalid(f"{path} must not repeat")


def _read_exact(fields: Fields, name: str, most: int, *, within: str = "") -> str:
    """The text with its white space, of at most so many bytes."""
    if name not in fields:
        raise invalid(f"{within}{name} is required")
    text = _exact(fields[name], f"{within}{name}")
    if len(text.encode()) > most:
        raise invalid(f"{within}{name} must have at most {most} bytes")
    return text


def _exact(value: object, path: str) -> str:
    trimmed(value, path)  # refuses what is no text
    return cast("str", value)
