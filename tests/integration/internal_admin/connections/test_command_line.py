"""`authsession connections` shows what is accepted, and no secret."""

import argparse
import json

import pytest

from authsession import connections
from tests.integration.internal_admin.connections.conftest import KEY, Operator
from tests.support.far_ends import FarEnd
from tests.support.world import World


def typed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    connections.add_arguments(parser)
    return parser.parse_args(words)


def test_connections_are_listed_and_shown_without_their_secrets(
    world: World, operator: Operator, end: FarEnd, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.put(name, end.url)
    dsn = world.database.owner_dsn
    assert connections.run(typed("show", name), dsn) == 0
    assert json.loads(capsys.readouterr().out)["connection"] == operator.shown(name)
    assert connections.run(typed("list"), dsn) == 0
    listed = capsys.readouterr().out
    assert name in listed
    assert KEY not in listed
    assert connections.run(typed("show", "nobody"), dsn) == 1
    assert connections.run(typed("catalog"), dsn) == 0
