"""A node's user of Redis: its login from an answer, and connections with it."""

from typing import Any

import redis as redis_py
from redis.backoff import NoBackoff
from redis.retry import Retry

from clients.node.identity import PrivateKeys
from clients.node.link import Reply
from clients.node.redis_user import RedisLogin, read_redis_user
from shared.kernel.config_keys import ConfigKeys
from tests.support.nodes import Node
from tests.support.stack import CONFIG_KEYS

KEYS = ConfigKeys.parse("AUTHSESSION_CONFIG_KEYS", CONFIG_KEYS)


def opened(body: bytes, node: Node, request_id: str) -> RedisLogin:
    """The login in an answer, as the library opens it. Raises `NotTrusted`."""
    reply = Reply(body, request_id, 0, 0, is_by_next_keys=False)
    return read_redis_user(reply, node.node_id, KEYS.public_keys(), [PrivateKeys(node.key, node.encryption_key)])


def log_in(port: int, login: RedisLogin) -> redis_py.Redis:
    """A connection that is opened once and not again. Raises `AuthenticationError` and `ConnectionError`."""
    return redis_py.Redis(
        port=port, username=login.username, password=login.password, single_connection_client=True,
        socket_timeout=5, decode_responses=True, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip


def is_accepted(port: int, login: RedisLogin) -> bool:
    """Whether Redis takes the login now."""
    try:
        log_in(port, login).close()
    except (redis_py.AuthenticationError, redis_py.ConnectionError):
        return False
    return True


def is_dropped(connected: redis_py.Redis) -> bool:
    """Whether Redis closes the connection within five seconds, without a word."""
    connection: Any = connected.connection
    return connection._sock.recv(100) == b""
