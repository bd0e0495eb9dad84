"""How the command line reaches Redis: a plain synchronous client, for questions only."""

import socket
from collections.abc import Mapping

import redis

from shared.address import TcpAddress, UnixAddress, parse_address
from shared.kernel.faults import ConfigurationError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TIMEOUT = 3.0


def is_local_and_silent(text: str) -> bool:
    """Whether the address is of this machine's loopback and nothing listens there."""
    address = redis_address(text)
    if not isinstance(address, TcpAddress) or address.host not in LOOPBACK:
        return False
    try:
        socket.create_connection((address.host, address.port), timeout=TIMEOUT).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def redis_address(text: str) -> TcpAddress | UnixAddress:
    """Raises `ConfigurationError`."""
    try:
        return parse_address(text, default_host="127.0.0.1")
    except ValueError as problem:
        raise ConfigurationError([f"AUTHSESSION_REDIS_ADDR must be {problem}"]) from None


def redis_client(environment: Mapping[str, str]) -> redis.Redis:
    """A client of the server that the environment names; connects when first used."""
    address = redis_address(environment.get("AUTHSESSION_REDIS_ADDR", "127.0.0.1:6379"))
    where = {"unix_socket_path": address.path} if isinstance(address, UnixAddress) else {"host": address.host, "port": address.port}
    return redis.Redis(
        **where,
        username=environment.get("AUTHSESSION_REDIS_USERNAME") or None,
        password=environment.get("AUTHSESSION_REDIS_PASSWORD") or None,
        db=int(environment.get("AUTHSESSION_REDIS_DB") or 0),
        ssl=environment.get("AUTHSESSION_REDIS_TLS", "").lower() in ("1", "true", "on", "yes"),
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        decode_responses=True,
    )


def describe_redis_problem(environment: Mapping[str, str]) -> str | None:
    """One sentence with the cure if the Redis of the environment does not answer a PING; None if it does."""
    try:
        with redis_client(environment) as client:
            client.ping()
    except redis.AuthenticationError:
        return "Redis refuses the credentials: set AUTHSESSION_REDIS_USERNAME and AUTHSESSION_REDIS_PASSWORD"
    except redis.RedisError as fault:
        return f"Redis at {environment.get('AUTHSESSION_REDIS_ADDR')} does not answer ({type(fault).__name__}): start it, or correct AUTHSESSION_REDIS_ADDR"
    return None
