"""Finds the gateway's Redis: from `GATEWAY_REDIS_…`, or from the `make run` in this folder."""

import os
from pathlib import Path

from authsession.installation import Installation
from clients.gateway.redis_server import RedisServer
from contracts.gateway import GatewayKeys


class NoRedis(Exception):
    """No Redis was found. The message names the cure."""


def find_redis() -> tuple[RedisServer, GatewayKeys]:
    """The server, with the credentials of the user `gateway`, and its key names. Raises `NoRedis`."""
    address = os.environ.get("GATEWAY_REDIS_ADDR")
    if address:
        username, password = (os.environ.get(f"GATEWAY_REDIS_{name}") for name in ("USERNAME", "PASSWORD"))
        return RedisServer.at(address, username=username, password=password), GatewayKeys()
    installation = Installation(Path.cwd())
    running = installation.running()
    if running is None:
        raise NoRedis("no `make run` runs in this folder: start it first, or set GATEWAY_REDIS_ADDR")
    told = running.internal_environment
    username, password = told.get("AUTHSESSION_REDIS_USERNAME"), told.get("AUTHSESSION_REDIS_PASSWORD")
    if username == "internal":  # the embedded server, with a user for gateways
        username, password = "gateway", installation.secrets().gateway_redis_password
    names = GatewayKeys(
        told.get("AUTHSESSION_GATEWAY_KEY_PREFIX") or GatewayKeys().record_prefix,
        told.get("AUTHSESSION_GATEWAY_STREAM") or GatewayKeys().stream,
    )
    server = RedisServer.at(told.get("AUTHSESSION_REDIS_ADDR", "127.0.0.1:6379"), username=username, password=password)
    return server, names
