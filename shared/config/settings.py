"""Parsers of environment variables, and a reading that collects every problem with its cure (SPEC §12).

A parser takes the text of one variable. It raises `ValueError` with the right form, to which "must be" is added, and
never quotes the value, which may be a secret.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Generic, NoReturn, TypeVar
from urllib.parse import unquote, urlsplit

from contracts.cors import ANY_ORIGIN, MAX_ORIGINS, origin_problem
from shared.io.postgres_dsn import connect_targets
from shared.kernel.address import EVERY_INTERFACE, Address, TcpAddress, UnixAddress, parse_address
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.faults import ConfigurationError
from shared.kernel.keyring import KeyRing
from shared.kernel.network import IpNetwork
from shared.kernel.rate import Rate

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
WordT = TypeVar("WordT", bound=str)
RingT = TypeVar("RingT", bound=KeyRing)
Parse = Callable[[str], T]

EXIT_STATUS = os.EX_CONFIG
"""78, the exit status of a process whose configuration was refused (`EX_CONFIG` of sysexits.h)."""
PREFIX = "AUTHSESSION_"
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_RATE = re.compile(r"([1-9][0-9]{0,8})/(.+)")
_BUDGET = re.compile(r"([0-9]{1,6})/([0-9]{1,6})/([0-9]{1,6})")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OUR_HEADERS = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding"}
)
_FILE_SUFFIX = "_FILE"
_TYPO_DISTANCE = 2
_LETTERS_A_TYPO, _MAX_TYPOS = 4, 4
"""A long name may have more typing errors: `AUTHSESSION_TRUSTED_PROXY` differs from `…_PROXIES` by three letters."""
_OUR_PREFIXES = (PREFIX, "CONTROL_PLANE_")
_MIN_BREAK_GLASS_TOKEN_LENGTH = 32
_MAX_MAIL_TIMEOUT = timedelta(minutes=1)
_MAX_USER_SERVICE_TIMEOUT = timedelta(seconds=4)


@dataclass(frozen=True, slots=True)
class Variable(Generic[T_co]):
    """An environment variable. `default` is the text that an operator would write.

    A secret may also come from the file that `NAME_FILE` names. No message and no document shows its value.
    A variable that must be set has no default but a `stand_in`: a value that no driver and no cipher accepts. It
    replaces a missing or bad value until `Reading.finish` raises, so that later checks can still run.
    """

    name: str
    parse: Parse[T_co]
    meaning: str
    default: str | None = None
    is_secret: bool = False
    stand_in: T_co | None = None


class Reading:
    """One reading of an environment. It collects problems, and `finish` raises them all at once.

    No value of a reading may be used before `finish` has returned.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def required(self, variable: Variable[T]) -> T:
        """The value. A missing or bad one is a problem of the reading, and the default or the stand-in is returned.

        A missing value with a default is no problem.
        """
        value = self.optional(variable)
        if value is not None:
            return value
        if variable.stand_in is not None:
            if not self.is_set(variable):
                self.problems.append(f"{variable.name} is not set. {variable.meaning}")
            return variable.stand_in
        assert variable.default is not None, f"{variable.name} has neither a default nor a stand-in"
        return variable.parse(variable.default)

    def optional(self, variable: Variable[T]) -> T | None:
        """The value or the default; None if there is neither, or if the value is bad, which is noted as a problem."""
        text = self._text(variable)
        if text is None:
            return None
        try:
            return variable.parse(text)
        except ConfigurationError as error:
            self.problems.extend(f"{variable.name}: {problem}" for problem in error.problems)
        except ValueError as error:
            self.problems.append(f"{variable.name} must be {error}")
        return None

    def says(self, variable: Variable[T], text: str) -> bool:
        """Whether the value, or the default where none is set, is exactly `text`."""
        return (self._environment.get(variable.name) or variable.default) == text

    def check_names(self, known: Iterable[Variable[object]]) -> None:
        """Note a problem for each name that is nearly a known one, also where the typing error is in the prefix.

        `AUTHESION_ENV=production` would otherwise run in development. Other unknown names with our prefix are a
        warning, because orchestrators inject some.
        """
        names = {name for variable in known for name in _names(variable)}
        strangers = [name for name in self._environment if name not in names]
        for name in sorted(strangers):
            if not name.startswith(PREFIX) and _is_nearly_ours(name):
                self._is_typo(name, names)
        unknown = sorted(name for name in strangers if name.startswith(PREFIX))
        strange = [name for name in unknown if not self._is_typo(name, names)]
        if strange:
            self.warnings.append(f"unknown names are ignored: {', '.join(strange)}")

    def finish(self) -> None:
        """Raise `ConfigurationError` with every problem, each once. Return if there is none."""
        if self.problems:
            raise ConfigurationError(list(dict.fromkeys(self.problems)))

    def _is_typo(self, name: str, names: set[str]) -> bool:
        if _is_service_link(name, self._environment[name]):
            return False
        close = min(names, key=lambda each: (edit_distance(name, each), each))
        if edit_distance(name, close) > _allowed_typos(name):
            return False
        self.problems.append(f"{name} is unknown: write {close}")
        return True

    def is_set(self, variable: Variable[T]) -> bool:
        """Whether the environment sets the variable. An empty value counts as not set."""
        return any(self._environment.get(name) for name in _names(variable))

    def _text(self, variable: Variable[T]) -> str | None:
        text = self._environment.get(variable.name)
        path = self._environment.get(variable.name + _FILE_SUFFIX) if variable.is_secret else None
        if text and path:
            self.problems.append(f"{variable.name} and {variable.name}{_FILE_SUFFIX} are both set: keep one")
            return None
        return self._file(variable.name + _FILE_SUFFIX, path) if path else text or variable.default

    def _file(self, name: str, path: str) -> str | None:
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path given by the owner
                text = file.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "not UTF-8 text"
            self.problems.append(f"{name} names {_as_file(path)} that cannot be read: {reason}")
            return None
        if not text:
            self.problems.append(f"{name} names {_as_file(path)} that is empty")
            return None
        return text


def _as_file(path: str) -> str:
    """The path if its top folder exists; otherwise it might be a secret that was written in place of a path."""
    top = os.path.join(*Path(path).parts[:2])  # noqa: PTH118 - the next test must not raise
    return f"the file {path}" if os.path.isabs(path) and os.path.isdir(top) else "a file"  # noqa: PTH117, PTH112


def _names(variable: Variable[T]) -> tuple[str, ...]:
    return (variable.name, variable.name + _FILE_SUFFIX) if variable.is_secret else (variable.name,)


def _allowed_typos(name: str) -> int:
    """The number of wrong letters with which a name still counts as one of ours."""
    own = len(name) - len(PREFIX) if name.startswith(PREFIX) else 0
    return max(_TYPO_DISTANCE, min(own // _LETTERS_A_TYPO, _MAX_TYPOS))


def _is_nearly_ours(name: str) -> bool:
    """Whether the name begins with one of our prefixes, or nearly so."""
    return any(edit_distance(name[: len(prefix)], prefix) <= 2 * _TYPO_DISTANCE for prefix in _OUR_PREFIXES)


def _is_service_link(name: str, value: str) -> bool:
    """Whether Kubernetes sets the variable: NAME_PORT=tcp://…, NAME_SERVICE_HOST or NAME_SERVICE_PORT of a service.

    Such names can be close to ours: `…_PUBLIC_PORT` differs from `…_PUBLIC_HOST` by two letters, and
    `…_MAIL_SERVICE_PORT` from `…_MAIL_SERVICE_MODE` by three.
    """
    if name.endswith(("_SERVICE_HOST", "_SERVICE_PORT")):
        return True
    return name.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://"))


def edit_distance(one: str, other: str) -> int:
    """The Levenshtein distance: the fewest inserted, removed and replaced characters that turn `one` into `other`."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        previous, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def parse_text(text: str) -> str:
    """Any text."""
    return text


def parse_duration(text: str) -> timedelta:
    """Parse a duration: `500ms`, `1s`, `10m`, `1h`, `30d`, or a bare `0`."""
    if text == "0":
        return timedelta(0)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration such as 500ms, 1s or 10m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_positive_duration(text: str) -> timedelta:
    """Parse a duration above zero."""
    duration = parse_duration(text)
    if not duration:
        raise ValueError("a duration above zero")
    return duration


def parse_mail_timeout(text: str) -> timedelta:
    """Parse a duration of at most one minute, so that a mail can be tried again within the code's ten minutes."""
    timeout = parse_positive_duration(text)
    return timeout if timeout <= _MAX_MAIL_TIMEOUT else _refuse("a duration of at most 1m")


def parse_user_service_timeout(text: str) -> timedelta:
    """Parse a duration of at most four seconds, so that the login that waits for the call has time for its own work."""
    timeout = parse_positive_duration(text)
    return timeout if timeout <= _MAX_USER_SERVICE_TIMEOUT else _refuse("a duration of at most 4s")


def parse_rate(text: str) -> Rate | None:
    """Parse a rate such as `60/1m`; None for `off`."""
    if text == "off":
        return None
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError("a rate such as 60/1m, or off")
    return Rate(int(match[1]), parse_positive_duration(match[2]))


def parse_budget(text: str) -> tuple[int, int, int]:
    """Parse a budget such as `8/3/2`: total, maximum of one network, part kept for known networks.

    The budget itself checks whether these numbers fit together.
    """
    match = _BUDGET.fullmatch(text)
    if match is None:
        raise ValueError("three whole numbers such as 8/3/2: in all, for one network at most, kept for known networks")
    return int(match[1]), int(match[2]), int(match[3])


def parse_boolean(text: str) -> bool:
    """Parse `true` or `false`, `1` or `0`, `yes` or `no`, `on` or `off`, in any case."""
    word = text.lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise ValueError("true or false")


def parse_whole_number(text: str, *, least: int, most: int) -> int:
    """Parse a whole number, in ASCII digits only, from `least` to `most`."""
    if not (text.isascii() and text.isdigit() and least <= int(text[:10]) <= most):
        raise ValueError(f"a whole number from {least} to {most}")
    return int(text)


def whole_number(least: int, most: int) -> Parse[int]:
    """A parser of whole numbers from `least` to `most`."""
    return partial(parse_whole_number, least=least, most=most)


def parse_seconds(*, most: timedelta) -> Parse[timedelta]:
    """A parser of a whole number of seconds, from one to `most`, for variables whose names end with `_SECONDS`."""
    read = whole_number(1, int(most.total_seconds()))
    return lambda text: timedelta(seconds=read(text))


def parse_break_glass_token(text: str) -> str:
    """Parse a break-glass token. It must be printable ASCII of at least 32 characters, so that nobody can guess it."""
    if not (text.isascii() and text.isprintable() and " " not in text and len(text) >= _MIN_BREAK_GLASS_TOKEN_LENGTH):
        raise ValueError("at least 32 printable characters without spaces: openssl rand -base64 32")
    return text


def parse_networks(text: str) -> tuple[IpNetwork, ...]:
    """Parse a comma-separated list of networks in CIDR notation. A bare address is a network of one address."""
    try:
        return tuple(ip_network(entry.strip()) for entry in text.split(",") if entry.strip())
    except ValueError:
        raise ValueError("a comma-separated list of networks such as 10.0.0.0/8, 192.0.2.7") from None


def parse_public_address(text: str) -> Address:
    """Parse an address to listen on. A bare `:port` means every interface."""
    return parse_address(text, default_host=EVERY_INTERFACE)


def parse_address_text(text: str) -> str:
    """Check an address and return its text, because its default host is decided later."""
    parse_address(text, default_host=EVERY_INTERFACE)
    return text


def parse_optional_address(text: str) -> Address | None:
    """Parse an address to listen on. A bare `:port` means loopback; None for `off`."""
    return None if text == "off" else parse_address(text, default_host="127.0.0.1")


def parse_server_address(text: str) -> str:
    """Parse the address of a server, and return it as text. A bare `:port` means loopback."""
    address = parse_address(text, default_host="127.0.0.1")
    return str(address) if isinstance(address, UnixAddress) or address.port else _refuse("host:port, its port not 0")


def parse_mail_server_address(text: str) -> TcpAddress:
    """Parse `host:port` of a mail server. A bare `:port` means loopback."""
    address = parse_address(text, default_host="127.0.0.1")
    return address if isinstance(address, TcpAddress) and address.port else _refuse("host:port, its port not 0")


def parse_egress_proxy(text: str) -> TcpAddress:
    """Parse the URL of a proxy for `CONNECT`. It has no path and no credentials."""
    rest = text.removeprefix("http://").removesuffix("/")
    is_sound = text.startswith("http://") and rest.isascii() and not any(each in "/?#@%" for each in rest)
    address = parse_address(rest, default_host="") if is_sound and ":" in rest else None
    if not isinstance(address, TcpAddress) or not address.host or not address.port:
        raise ValueError("http://host:port, without credentials or path")
    return address


def parse_base_url(text: str) -> str:
    """Parse the URL to which the paths of a service are appended. It has no slash at its end and holds no secret."""
    try:
        url = urlsplit(text)
    except ValueError:  # its text may quote a password
        url = urlsplit("")
    is_plain = url.scheme in ("http", "https") and url.hostname and "@" not in url.netloc
    if not is_plain or url.query or url.fragment or not text.isprintable() or " " in text:
        raise ValueError("an http or https URL such as https://mail.example.com, without credentials or query")
    return text.rstrip("/")


def parse_host(text: str) -> str:
    """Parse a host name without scheme or port, and put it in lower case."""
    host = text.lower()
    if not _HOST.fullmatch(host):
        raise ValueError("a host name without scheme, port or path, such as auth.example.com")
    return host


def parse_hosts(text: str) -> frozenset[str]:
    """Parse a comma-separated list of host names, and put them in lower case."""
    try:
        return frozenset(parse_host(entry.strip()) for entry in text.split(",") if entry.strip())
    except ValueError:
        raise ValueError(
            "host names without scheme, port or path, separated by commas, such as auth.internal"
        ) from None


def parse_cors_origins(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of exact origins, or `*` alone. Raises `ConfigurationError` with each problem."""
    origins = tuple(dict.fromkeys(entry.strip() for entry in text.split(",") if entry.strip()))
    if origins == (ANY_ORIGIN,):
        return origins
    if not 1 <= len(origins) <= MAX_ORIGINS:
        raise ValueError(f"1 to {MAX_ORIGINS} origins, separated by commas")
    found = [(place, _origin_problem(origin)) for place, origin in enumerate(origins, start=1)]
    problems = [f"origin {place} {problem}" for place, problem in found if problem is not None]
    if problems:
        raise ConfigurationError(problems)
    return origins


def _origin_problem(origin: str) -> str | None:
    if origin == ANY_ORIGIN:
        return "is * beside others: write * alone, or only exact origins"
    scheme, _, rest = origin.partition("://")
    if rest.endswith({"https": ":443", "http": ":80"}.get(scheme, "/")):
        return origin_problem(origin) or "has the default port, which browsers leave out: remove it"
    return origin_problem(origin)


def parse_headers(text: str) -> Mapping[str, str]:
    """Parse `name=value,name2=value2`, values percent-encoded. Names are put in lower case."""
    return dict(_parse_header(pair) for pair in text.split(",") if pair.strip())


def _parse_header(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    name, value = name.strip().lower(), unquote(value.strip())
    is_header = equals and _HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable()
    if not is_header or name in _OUR_HEADERS:
        raise ValueError("headers such as api-key=secret,tenant=7, percent-encoded, and none of HTTP's own")
    return name, value


def parse_postgres_dsn(text: str) -> str:
    """Check a libpq URL. Raises `ConfigurationError`, which never quotes the URL."""
    connect_targets(text, "settings", timedelta(seconds=1), timedelta(seconds=1))
    return text


def key_ring(name: str) -> Parse[KeyRing]:
    """A parser of a key ring: `id:base64,id2:base64`, the newest key first. `name` is the variable's."""
    return _ring_of(KeyRing, name)


def config_keys(name: str) -> Parse[ConfigKeys]:
    """A parser of a key ring whose keys sign: the same form, but each key has 32 bytes exactly."""
    return _ring_of(ConfigKeys, name)


def _ring_of(kind: type[RingT], name: str) -> Parse[RingT]:
    def parse(text: str) -> RingT:
        try:
            return kind.parse(name, text)
        except ConfigurationError as error:
            raise ConfigurationError([problem.removeprefix(f"{name}: ") for problem in error.problems]) from None

    return parse


@dataclass(frozen=True, slots=True)
class OneOf(Generic[WordT]):
    """A parser that accepts exactly these words."""

    words: tuple[WordT, ...]

    def __call__(self, text: str) -> WordT:
        for word in self.words:
            if word == text:
                return word
        return _refuse(" or ".join(self.words))


def _refuse(what: str) -> NoReturn:
    raise ValueError(what)
