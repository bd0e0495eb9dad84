"""The example gateway finds the Redis of the `make run` that runs in its folder."""

from pathlib import Path

import pytest

from authsession.installation import Installation, Running
from contracts.gateway import GatewayKeys
from examples.gateway.redis_of_up import NoRedis, find_redis


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("ADDR", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"GATEWAY_REDIS_{name}", raising=False)
    return tmp_path


def tell(installation: Installation, **internal: str) -> None:
    environment = {f"AUTHSESSION_{name}": value for name, value in internal.items()}
    installation.tell(
        Running(public_url="", internal_url="", owner_dsn="", public_environment={}, internal_environment=environment)
    )


def test_the_embedded_redis_is_entered_as_the_user_of_gateways(folder: Path) -> None:
    installation = Installation(folder)
    with installation.locked():
        tell(installation, REDIS_ADDR="127.0.0.1:7001", REDIS_USERNAME="internal", REDIS_PASSWORD="theirs")
        server, keys = find_redis()
        assert (server.host, server.port, server.username) == ("127.0.0.1", 7001, "gateway")
        assert server.password == installation.secrets().gateway_redis_password
        assert keys == GatewayKeys()


def test_a_redis_of_ones_own_is_entered_as_the_services_enter_it(folder: Path) -> None:
    installation = Installation(folder)
    with installation.locked():
        tell(
            installation, REDIS_ADDR="127.0.0.1:7002", GATEWAY_KEY_PREFIX="{gw}:session:", GATEWAY_STREAM="{gw}:events"
        )
        server, keys = find_redis()
        assert (server.port, server.username, server.password) == (7002, None, None)
        assert keys == GatewayKeys("{gw}:session:", "{gw}:events")


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_REDIS_ADDR", "unix:/run/redis.sock")
    assert find_redis()[0].unix_path == "/run/redis.sock"


def test_without_either_it_says_what_to_do() -> None:
    with pytest.raises(NoRedis, match="make run"):
        find_redis()
