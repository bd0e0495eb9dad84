"""The kinds of connections: their settings and secrets, as static code (SPEC §18.1).

A field is declared once. Its reader and its JSON Schema are both made from that declaration.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote

from contracts.strict_json import Fields, check_names, invalid

ConnectionKey: TypeAlias = Literal["mail", "user_service", "telemetry", "model"]
"""A use that has a default connection."""
Settings: TypeAlias = Mapping[str, str | int]
"""The settings of a connection, with every field spelled out."""

PROBE_INTERVAL_SECONDS: Final = 60
MAX_URL_LENGTH: Final = 500

_NO_SPACE = r"[^\x00-\x20\x7f?#]"
_URL = re.compile(rf"https?://{_NO_SPACE}+")
_ADDRESS = re.compile(r"(?:[^\x00-\x20\x7f?#/@:\[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_PATH = re.compile(r"/[!\x22$-~]*")
_HEADER_NAME = re.compile(r"[a-z][a-z0-9-]*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAILBOX = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:[.]{_LABEL})*")
_HEADERS_OF_HTTP = (
    "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "cookie", "expect",
    "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
)  # fmt: skip

_VISIBLE = re.compile(r"[!-~]{1,4096}")
_ONE_LINE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,512}")
_HEADERS = re.compile(
    r"[A-Za-z][A-Za-z0-9-]{0,63}=[!-+.-~-]{1,2048}(?:,[A-Za-z][A-Za-z0-9-]{0,63}=[!-+.-~-]{1,2048}){0,9}"
)


@dataclass(frozen=True, slots=True)
class Text:
    """A text of at most `most` characters that matches `pattern` as a whole. Without a default it is required.

    `has_far_end`: its value says which server is called, or how safely. Another one makes kept secrets unusable.
    """

    name: str
    title: str
    pattern: re.Pattern[str]
    most: int
    what: str
    default: str | None = None
    refused: Sequence[str] = ()
    has_far_end: bool = False

    def read(self, value: object) -> str:
        """The value, or a refusal that names the field."""
        if not isinstance(value, str) or len(value) > self.most or not self.pattern.fullmatch(value):
            raise invalid(f"settings.{self.name} must be {self.what}, of at most {self.most} characters")
        if value in self.refused or any("\ud800" <= each <= "\udfff" for each in value):
            raise invalid(f"settings.{self.name} must be {self.what}, and not one that is refused")
        return value

    def schema(self) -> dict[str, object]:
        """The JSON Schema of the value."""
        refused: dict[str, object] = {"not": {"enum": list(self.refused)}} if self.refused else {}
        return {"type": "string", "maxLength": self.most, "pattern": f"^(?:{self.pattern.pattern})$", **refused}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    name: str
    title: str
    words: Sequence[str]
    default: str
    has_far_end: bool = False

    def read(self, value: object) -> str:
        """The value, or a refusal that names the field."""
        if not isinstance(value, str) or value not in self.words:
            raise invalid(f"settings.{self.name} must be one of {', '.join(self.words)}")
        return value

    def schema(self) -> dict[str, object]:
        """The JSON Schema of the value."""
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number from `least` to `most`."""

    name: str
    title: str
    least: int
    most: int
    default: int
    has_far_end: bool = False

    def read(self, value: object) -> int:
        """The value, or a refusal that names the field."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            raise invalid(f"settings.{self.name} must be a whole number from {self.least} to {self.most}")
        return value

    def schema(self) -> dict[str, object]:
        """The JSON Schema of the value."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


Field: TypeAlias = Text | Choice | Number


@dataclass(frozen=True, slots=True)
class SecretField:
    """A secret of a connection. In upper case its name is that of the secret in the store."""

    name: str
    title: str
    judge: Callable[[str], object]
    what: str
    is_required: bool = False

    @property
    def secret_name(self) -> str:
        return self.name.upper()

    def read(self, value: object) -> str:
        """The value; empty removes a field that is not required. A refusal never holds the value."""
        if value == "" and not self.is_required:
            return ""
        if not isinstance(value, str) or not self.judge(value):
            raise invalid(f"secrets.{self.name} must be {self.what}")
        return value


@dataclass(frozen=True, slots=True)
class ConnectionKind:
    """An entry of the catalogue. `verifies` says which call proves a connection.

    `connection_key` is the default that it can be. `together`: secrets that are given all or none.
    """

    kind: str
    title: str
    fields: tuple[Field, ...]
    secrets: tuple[SecretField, ...]
    verifies: str
    connection_key: ConnectionKey | None
    together: tuple[str, ...] = ()
    interval: int = PROBE_INTERVAL_SECONDS

    def read_settings(self, settings: Fields) -> dict[str, str | int]:
        """The settings with every default spelled out. Raises `Refusal(INVALID_REQUEST)` that names the field."""
        check_names(settings, frozenset(field.name for field in self.fields), within="settings.")
        return {field.name: _read(field, settings) for field in self.fields}

    def read_secrets(self, secrets: Fields) -> dict[str, str]:
        """The secrets that are given, by field. A field that is absent or null is not among them."""
        check_names(secrets, frozenset(field.name for field in self.secrets), within="secrets.")
        given = [field for field in self.secrets if secrets.get(field.name) is not None]
        return {field.name: field.read(secrets[field.name]) for field in given}

    def settings_schema(self) -> dict[str, object]:
        """The JSON Schema (2020-12) of the settings."""
        return {
            "type": "object",
            "properties": {field.name: _schema(field) for field in self.fields},
            "required": [field.name for field in self.fields if field.default is None],
            "additionalProperties": False,
        }

    def far_end(self, settings: Settings) -> tuple[str | int, ...]:
        """The server of the settings, and how safely it is called. A secret is kept for this server alone."""
        return tuple(_without_path(settings[field.name]) for field in self.fields if field.has_far_end)


def _read(field: Field, settings: Fields) -> str | int:
    if field.name not in settings:
        if field.default is None:
            raise invalid(f"settings.{field.name} is required")
        return field.default
    return field.read(settings[field.name])


def _schema(field: Field) -> dict[str, object]:
    default: dict[str, object] = {} if field.default is None else {"default": field.default}
    return {"title": field.title, **field.schema(), **default}


def _without_path(value: str | int) -> str | int:
    """Scheme and authority of a URL; any other value as it is."""
    return "/".join(value.split("/", 3)[:3]) if isinstance(value, str) and "://" in value else value


def header_list(text: str) -> dict[str, str] | None:
    """The headers of `name=value,name2=value2`, values percent-encoded; None for another text, or a header of HTTP."""
    if not _HEADERS.fullmatch(text):
        return None
    pairs = [pair.partition("=") for pair in text.split(",")]
    headers = {name.lower(): unquote(value, errors="replace") for name, _, value in pairs}
    is_good = all(value.isascii() and value.isprintable() for value in headers.values())
    return headers if is_good and not headers.keys() & set(_HEADERS_OF_HTTP) else None


def _url(title: str, default: str | None = None, name: str = "base_url") -> Text:
    what = "an https or http URL without white space, ? and #"
    return Text(name, title, _URL, MAX_URL_LENGTH, what, default, has_far_end=True)


def _path(name: str, title: str, default: str | None = None) -> Text:
    return Text(name, title, _PATH, 500, "a path that begins with /, of visible ASCII without #", default)


_API_KEY: Final = SecretField(
    "api_key", "API key", _VISIBLE.fullmatch, "1 to 4096 visible ASCII characters", is_required=True
)
_BEARER: Final = SecretField("bearer", "Bearer token", _VISIBLE.fullmatch, "1 to 4096 visible ASCII characters")

SMTP: Final = ConnectionKind(
    "smtp",
    "Mail server (SMTP)",
    (
        Text("address", "Address, host:port", _ADDRESS, 300, "host:port", has_far_end=True),
        Choice("tls", "Encryption", ("starttls", "implicit", "off"), "starttls", has_far_end=True),
        Text("from", "Address of the sender", _MAILBOX, 254, "an e-mail address in ASCII"),
    ),
    (
        SecretField("user", "User name", _ONE_LINE.fullmatch, "1 to 512 characters of one line"),
        SecretField("password", "Password", _ONE_LINE.fullmatch, "1 to 512 characters of one line"),
    ),
    "logs in with TLS, names the sender and sends no mail",
    "mail",
    together=("user", "password"),
)
MAIL_REST: Final = ConnectionKind(
    "mail_rest",
    "Mail service (HTTP)",
    (_url("Base URL"), _path("health_path", "Path of its health", "/healthz")),
    (_BEARER,),
    "calls the health path with the bearer token",
    "mail",
)
USER_SERVICE: Final = ConnectionKind(
    "user_service",
    "User service",
    (_url("Base URL"),),
    (_BEARER,),
    "asks whether a user exists that cannot",
    "user_service",
)
OTLP: Final = ConnectionKind(
    "otlp",
    "Telemetry collector (OTLP over HTTP)",
    (_url("Endpoint", name="endpoint"),),
    (SecretField("headers", "Headers, name=value,name2=value2", header_list, "name=value pairs, separated by commas"),),
    "exports no spans to /v1/traces",
    "telemetry",
)
OPENAI_COMPATIBLE: Final = ConnectionKind(
    "openai_compatible",
    "Model provider with OpenAI's API",
    (_url("Base URL, mostly with /v1", "https://api.openai.com/v1"),),
    (_API_KEY,),
    "lists the models with the API key",
    "model",
)
ANTHROPIC: Final = ConnectionKind(
    "anthropic",
    "Anthropic",
    (_url("Base URL", "https://api.anthropic.com"),),
    (_API_KEY,),
    "lists the models with the API key",
    "model",
)
API_KEY: Final = ConnectionKind(
    "api_key",
    "Service with an API key",
    (
        _url("Base URL"),
        Text("header", "Header of the key", _HEADER_NAME, 64, "a header name in lower case", "authorization",
             _HEADERS_OF_HTTP),
        _path("probe_path", "Path of the probe"),
        Number("expected_status", "Status of a good answer", 200, 299, 200),
    ),
    (_API_KEY,),
    "calls the path of the probe with the key, and once without",
    None,
)  # fmt: skip

KINDS: Final[Mapping[str, ConnectionKind]] = MappingProxyType(
    {each.kind: each for each in (SMTP, MAIL_REST, USER_SERVICE, OTLP, OPENAI_COMPATIBLE, ANTHROPIC, API_KEY)}
)
"""The catalogue, in its order."""
PROVIDER_KINDS: Final = frozenset(each.kind for each in KINDS.values() if each.secrets == (_API_KEY,))
"""The kinds that have an API key and no other secret."""
CONNECTION_KEYS: Final[tuple[ConnectionKey, ...]] = ("mail", "user_service", "telemetry", "model")
