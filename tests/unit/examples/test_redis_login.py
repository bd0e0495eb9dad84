"""The login of the example gateway: kept for a start without the control plane, asked for anew after a refusal."""

import stat
from pathlib import Path
from typing import cast

import anyio
import pytest

from clients.gateway.redis_server import Credentials
from clients.node import Node, RedisLogin, Unavailable
from examples.gateway import redis_login
from examples.gateway.redis_login import OwnLogin


class FakeNode:
    """Answers each question with the next of its answers."""

    def __init__(self, *answers: RedisLogin | Exception | None) -> None:
        self.answers = list(answers)

    async def redis_user(self) -> RedisLogin | None:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def own_login(folder: Path, *answers: RedisLogin | Exception | None) -> OwnLogin:
    login = OwnLogin(folder)
    login.use(cast("Node", FakeNode(*answers)))
    return login


def test_a_login_is_kept_for_the_next_start(tmp_path: Path) -> None:
    assert anyio.run(own_login(tmp_path, RedisLogin("node-1", "one")).ask) == Credentials("node-1", "one")
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert anyio.run(OwnLogin(tmp_path).ask) == Credentials("node-1", "one")


def test_a_refused_login_is_replaced(tmp_path: Path) -> None:
    anyio.run(own_login(tmp_path, RedisLogin("node-1", "one")).ask)

    async def ask_twice() -> Credentials | None:
        login = own_login(tmp_path, RedisLogin("node-1", "two"))
        await login.ask()
        return await login.ask()

    assert anyio.run(ask_twice) == Credentials("node-1", "two")
    assert anyio.run(OwnLogin(tmp_path).ask) == Credentials("node-1", "two")


def test_the_control_plane_may_give_no_users(tmp_path: Path) -> None:
    assert anyio.run(own_login(tmp_path, None).ask) is None
    assert not list(tmp_path.iterdir())


def test_an_outage_of_the_control_plane_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_login, "AGAIN_AFTER", 0.0)
    login = own_login(tmp_path, Unavailable("lost"), RedisLogin("node-1", "one"))
    assert anyio.run(login.ask) == Credentials("node-1", "one")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"username": "node-1"}'])
def test_a_damaged_file_is_no_login(tmp_path: Path, text: str) -> None:
    (tmp_path / "redis-login.json").write_text(text)
    assert anyio.run(own_login(tmp_path, RedisLogin("node-1", "new")).ask) == Credentials("node-1", "new")
