"""The command line's connection to Redis: blocking, and closed after a few commands.

`shared.io.redis` does not serve here: it reports only that Redis is unavailable, and a person needs the reason.
"""

import socket
import ssl
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import cast

import hiredis

from shared.config import variables
from shared.config.settings import Reading
from shared.kernel.address import TcpAddress, UnixAddress, parse_address

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TIMEOUT = 3.0


# hiredis' own annotation allows only one argument.
_pack = cast("Callable[[tuple[str, ...]], bytes]", hiredis.pack_command)


class RedisRefusal(Exception):
    """An error reply. The message is only its first word, such as NOPERM, because the rest may quote keys."""


class RedisQuestions:
    """An open connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = hiredis.Reader(encoding="utf-8", notEnoughData=...)

    def ask(self, *command: str) -> object:
        """The reply. Raises `RedisRefusal` for an error reply, and `OSError`."""
        self._connection.sendall(_pack(command))
        while (answer := self._reader.gets()) is ...:
            received = self._connection.recv(65536)
            if not received:
                raise ConnectionResetError("Redis closed the connection")
            self._reader.feed(received)
        if isinstance(answer, hiredis.ReplyError):
            raise RedisRefusal(str(answer).partition(" ")[0])
        return answer

    def info(self, section: str) -> dict[str, str]:
        """The fields of a section of INFO."""
        lines = str(self.ask("INFO", section)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


@contextmanager
def redis_questions(environment: Mapping[str, str]) -> Generator[RedisQuestions]:
    """A connection, logged in as the environment says. Raises `ConfigurationError`, `OSError` and `RedisRefusal`."""
    reading = Reading(environment)
    address = reading.required(variables.REDIS_ADDR)
    username, password = reading.optional(variables.REDIS_USERNAME), reading.optional(variables.REDIS_PASSWORD)
    db, uses_tls = reading.required(variables.REDIS_DB), reading.required(variables.REDIS_TLS)
    reading.finish()
    with _connect(address, uses_tls=uses_tls) as connection:
        questions = RedisQuestions(connection)
        if password:
            questions.ask("AUTH", *([username] if username else []), password)
        if db:
            questions.ask("SELECT", str(db))
        yield questions


def redis_problem(environment: Mapping[str, str]) -> str | None:
    """None if the Redis of the environment answers PING, else one sentence with the cure."""
    where = environment.get(variables.REDIS_ADDR.name) or variables.REDIS_ADDR.default
    try:
        with redis_questions(environment) as questions:
            questions.ask("PING")
    except RedisRefusal as refusal:
        if str(refusal) in ("NOAUTH", "WRONGPASS", "ERR"):
            return "Redis refuses the credentials: correct AUTHSESSION_REDIS_USERNAME and AUTHSESSION_REDIS_PASSWORD"
        return f"Redis at {where} refuses to serve ({refusal}): look at its log"
    except OSError as fault:
        words = fault.strerror or type(fault).__name__
        return f"Redis at {where} does not answer ({words}): start it, or correct AUTHSESSION_REDIS_ADDR"
    return None


def is_local_and_silent(text: str) -> bool:
    """Whether the address is on the loopback interface and nothing listens there."""
    address = parse_address(text, default_host="127.0.0.1")
    if not isinstance(address, TcpAddress) or address.host not in LOOPBACK:
        return False
    try:
        socket.create_connection((address.host, address.port), timeout=TIMEOUT).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _connect(text: str, *, uses_tls: bool) -> socket.socket:
    address = parse_address(text, default_host="127.0.0.1")
    if isinstance(address, UnixAddress):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT)
        connection.connect(address.path)
        return connection
    connection = socket.create_connection((address.host, address.port), timeout=TIMEOUT)
    if not uses_tls:
        return connection
    return ssl.create_default_context().wrap_socket(connection, server_hostname=address.host)
