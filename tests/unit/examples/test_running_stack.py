"""The example gateway finds the node API of the `make run` in its folder."""

from pathlib import Path

import pytest

from authsession.embedded.child import StartFailure
from authsession.installation import Installation, Running
from examples.gateway.running_stack import USUAL, find_node_api


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tell(installation: Installation, node_url: str) -> None:
    internal = "http://127.0.0.1:9081"
    installation.tell(
        Running(
            public_url="", internal_url=internal, node_url=node_url, owner_dsn="", public_environment={},
            internal_environment={},
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("node_url", "url"),
    [("", "http://127.0.0.1:9081"), ("http://127.0.0.1:9082", "http://127.0.0.1:9082")],
)
def test_nodes_go_to_their_own_listener_or_to_the_internal_one(node_url: str, url: str) -> None:
    assert find_node_api() == USUAL[1]
    installation = Installation(Path.cwd())
    with installation.locked():
        tell(installation, node_url)
        assert find_node_api() == url


def test_a_unix_socket_is_one_sentence_with_its_cure() -> None:
    installation = Installation(Path.cwd())
    with installation.locked():
        tell(installation, "unix:/run/nodes.sock")
        with pytest.raises(StartFailure, match="--control-plane"):
            find_node_api()
