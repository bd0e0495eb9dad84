"""The package alone: what it brings along, where it goes, and what it says."""

import logging
import subprocess
import sys

import pytest

from authsession.service import SOURCE
from clients.gateway.notices import Connected, Forgot, Lost, ServedStatic, log_notice
from clients.gateway.redis_server import RedisServer
from contracts.gateway import ProjectionState, decode_projection

PROGRAM = """
import sys, clients.gateway.middleware, clients.gateway.session_cache, clients.gateway.replay
roots = {name.partition(".")[0] for name in sys.modules}
print(*sorted(roots & {"services", "shared", "authsession", "trio", "quart"}))
"""


def test_a_gateway_brings_nothing_of_the_services_along() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=SOURCE, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("127.0.0.1:6379", RedisServer("127.0.0.1", 6379)),
        ("redis.example.com:7000", RedisServer("redis.example.com", 7000)),
        ("[::1]:6379", RedisServer("::1", 6379)),
        ("unix:/run/redis.sock", RedisServer(unix_path="/run/redis.sock")),
    ],
)
def test_an_address_is_read_as_the_services_read_it(address: str, server: RedisServer) -> None:
    assert RedisServer.at(address) == server


@pytest.mark.parametrize("address", ["", "6379", ":6379", "redis", "redis:", "redis:port", "unix:relative"])
def test_a_text_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address of Redis"):
        RedisServer.at(address)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(RedisServer(password="secret"))


def test_notices_are_logged_but_for_those_of_every_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "clients.gateway")
    for notice in (Connected(), Lost("lost"), Forgot("other_epoch"), ServedStatic("not_connected")):
        log_notice(notice)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING"]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({b"epoch": b"e", b"state": b"complete", b"beat": b"12"}, ProjectionState("e", is_complete=True, beat=12)),
        ({b"epoch": b"e", b"state": b"rebuilding", b"beat": b"0"}, ProjectionState("e", is_complete=False, beat=0)),
        ({}, None),
        ({b"epoch": b"e", b"state": b"complete"}, None),
        ({b"epoch": b"e", b"state": b"complete", b"beat": b"-1"}, None),
        ({b"epoch": b"e", b"state": b"complete", b"beat": b"\xff"}, None),
        ({b"epoch": b"", b"state": b"complete", b"beat": b"1"}, None),
    ],
)
def test_the_projection_key_is_read_whole_or_not_at_all(
    fields: dict[bytes, bytes], state: ProjectionState | None
) -> None:
    assert decode_projection(fields) == state
