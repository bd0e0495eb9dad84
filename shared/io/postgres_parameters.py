"""The parameters of a libpq URL. Each one works, holds anyway, or is refused with its cure."""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from shared.kernel.faults import ConfigurationError

TLS_MODES = ("disable", "require", "verify-ca", "verify-full")
OWN_SETTINGS = (
    "search_path", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "client_encoding",
)  # fmt: skip
"""Settings that each of our sessions sets itself. `options` must not set them."""

_FREE = {
    "host", "port", "dbname", "database", "user", "password", "passfile",
    "application_name", "fallback_application_name", "options",
    "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir",
}  # fmt: skip
_WHOLE_NUMBERS = {
    "connect_timeout",
    # Postgres probes a silent client by our session settings, and every unit of work has a deadline of its own.
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
}  # fmt: skip
_CHOICES: Mapping[str, tuple[str, ...]] = {
    # "allow" and "prefer" would let anybody on the path choose plain text.
    "sslmode": TLS_MODES,
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer"),
    "target_session_attrs": ("any", "read-write", "primary"),
    "load_balance_hosts": ("disable", "random"),
    "client_encoding": ("auto", "utf8", "utf-8", "unicode"),
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": ("tlsv1.2", "tlsv1.3"),
    "ssl_max_protocol_version": ("tlsv1.2", "tlsv1.3"),
    "sslcertmode": ("disable", "allow"),
    "sslcompression": ("0", "1"),
    "sslsni": ("1",),
    "requiressl": ("0",),
    "replication": ("false", "off", "no", "0"),
    "gssdelegation": ("0",),
    "min_protocol_version": ("3.0",),
    "max_protocol_version": ("3.0", "3.2", "latest"),
}
_KERBEROS = "remove it, and log in by password or certificate instead of Kerberos"
_CURES: Mapping[str, str] = {
    "service": "write the parameters of the service file into the URL",
    "servicefile": "write the parameters of the service file into the URL",
    "hostaddr": "write the address as the host",
    "require_auth": "remove it, and let the server's pg_hba.conf require scram-sha-256",
    "requirepeer": "remove it",
    "sslkeylogfile": "remove it",
    "krbsrvname": _KERBEROS,
    "gsslib": _KERBEROS,
    "scram_client_key": "write the password",
    "scram_server_key": "write the password",
}
_BLANKS = re.compile(r"(?<!\\)\s+")
_WHOLE_NUMBER = re.compile(r"-?\d{1,9}")
_NAME = re.compile(r"[a-z_]{1,40}")
_OPTION = re.compile(r"(?:-c\s*|--)([A-Za-z_][A-Za-z0-9_.\-]*)=(.*)", re.DOTALL)
_ROUTING = re.compile(r"(?:endpoint|project)=\S+")


def split_url(dsn: str) -> SplitResult:
    """Split the URL. Raises `ConfigurationError`, which never quotes the DSN."""
    try:
        url = urlsplit(dsn)
    except ValueError:  # its text may quote the password
        raise _unencoded() from None
    if url.scheme not in ("postgresql", "postgres"):
        raise ConfigurationError(["the Postgres DSN must be a URL, postgresql://user:password@host:port/database"])
    if url.netloc and "@" not in url.netloc and "@" in url.path + url.query + url.fragment:
        raise _unencoded()  # the part of a password after a slash or question mark would be read as path or parameter
    return url


def parameters_of(url: SplitResult) -> dict[str, str]:
    """The parameters after the question mark by name. An empty value counts as not set; a plus sign is not a blank.

    Raises `ConfigurationError` with every problem.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    for part in filter(None, url.query.split("&")):
        name, _, value = (unquote(text) for text in part.partition("="))
        problem = _problem(name, value)
        if problem is not None:
            problems.append(problem)
        elif value:
            found[name] = value
    if problems:
        raise ConfigurationError(list(dict.fromkeys(problems)))
    return found


def session_settings(options: str) -> tuple[dict[str, str], str]:
    """Split libpq's `options` into session settings and the routing options that only a proxy before Postgres reads.

    A backslash keeps a blank in a value. Raises `ConfigurationError`.
    """
    settings: dict[str, str] = {}
    routing: list[str] = []
    for word in _words(options):
        option = _OPTION.fullmatch(word)
        if option is not None and option[1].replace("-", "_").lower() not in OWN_SETTINGS:
            settings[option[1].replace("-", "_")] = option[2]
        elif option is not None:
            name = option[1].replace("-", "_").lower()
            raise ConfigurationError([f"the Postgres DSN's options set {name}, which authsession sets: remove it"])
        elif _ROUTING.fullmatch(word):
            routing.append(word)
        else:
            raise ConfigurationError(["the Postgres DSN's options must be written as -c name=value"])
    return settings, " ".join(routing)


def _words(options: str) -> list[str]:
    """The options as one word each. `-c name=value` becomes one word."""
    parts = [part.replace("\\ ", " ").replace("\\\\", "\\") for part in _BLANKS.split(options) if part]
    words: list[str] = []
    for part in parts:
        if words and words[-1] == "-c":
            words[-1] += part
        else:
            words.append(part)
    return words


def _problem(name: str, value: str) -> str | None:
    if name in _FREE or not value:
        return None
    if name in _WHOLE_NUMBERS:
        return None if _WHOLE_NUMBER.fullmatch(value) else _wrong(name, "must be a whole number")
    if name in _CHOICES:
        return None if value.lower() in _CHOICES[name] else _wrong(name, f"must be {' or '.join(_CHOICES[name])}")
    return _refusal(name)


def _refusal(name: str) -> str:
    if name in _CURES:
        return _wrong(name, f"is not supported: {_CURES[name]}")
    if name.startswith("oauth_"):
        return _wrong(name, "is not supported: log in by password or certificate")
    if not _NAME.fullmatch(name):
        return "the Postgres DSN has a parameter that libpq does not know: remove it"
    return _wrong(name, "is not a parameter of libpq: remove it, or set it by options=-c%20name=value")


def _wrong(name: str, what: str) -> str:
    return f"the Postgres DSN's {name} {what}"


def _unencoded() -> ConfigurationError:
    return ConfigurationError(["the Postgres DSN must be a URL: percent-encode its user and password"])
