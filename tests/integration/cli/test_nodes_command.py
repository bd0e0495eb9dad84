"""`authsession nodes` and `authsession join-token` on a real database."""

import hashlib
import json
from datetime import timedelta

import pytest

from authsession.__main__ import main
from contracts.node.join import parse_join_string
from shared.kernel.config_keys import ConfigKeys
from tests.support import stack
from tests.support.database import Database
from tests.support.nodes import make_node

CREATE = ["join-token", "create", "--pool", "edge"]


@pytest.fixture(autouse=True)
def environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that names the database and the keys."""
    database.execute("delete from node_join_tokens; delete from audit_events;")
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)
    monkeypatch.setenv("AUTHSESSION_CONFIG_KEYS", stack.CONFIG_KEYS)


def test_standard_output_is_the_join_string_alone(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CREATE, "--uses", "3", "--minutes", "60"]) == 0
    said = capsys.readouterr()
    parsed = parse_join_string(said.out.strip())
    assert parsed is not None
    assert parsed.fingerprint == ConfigKeys.parse("test", stack.CONFIG_KEYS).fingerprint()
    assert parsed.secret not in said.err
    (row,) = database.execute("select * from node_join_tokens")
    assert row["token_hash"] == hashlib.sha256(parsed.secret.encode()).digest()
    assert (row["join_token_id"], row["uses"], row["created_by"]) == (parsed.join_token_id, 3, "command_line")
    assert row["expires_at"] - row["created_at"] == timedelta(hours=1)
    told = database.execute("select event, actor_type from audit_events where event = 'security.create_join_token'")
    assert [tuple(each) for each in told] == [("security.create_join_token", "command_line")]


def test_without_a_configuration_key_no_join_token_is_made(
    database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTHSESSION_CONFIG_KEYS")
    assert main(CREATE) == 78
    assert "AUTHSESSION_CONFIG_KEYS" in capsys.readouterr().err
    assert database.execute("select from node_join_tokens") == []


def test_join_tokens_are_listed_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CREATE, "--name", "gateway-1"]) == 0
    secret = capsys.readouterr().out.strip()
    assert main(["join-token", "list"]) == 0
    heads, line = capsys.readouterr().out.splitlines()
    assert heads.split()[:2] == ["JOIN", "TOKEN"]
    assert line.split()[1:5] == ["edge", "gateway-1", "active", "1/1"]
    assert main(["join-token", "list", "--json"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)["join_tokens"][0]["node_name"] == "gateway-1"
    assert secret.split(".")[1] not in printed


def test_a_revocation_of_a_join_token_is_confirmed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(CREATE) == 0
    parsed = parse_join_string(capsys.readouterr().out.strip())
    assert parsed is not None
    revoke = ["join-token", "revoke", parsed.join_token_id]
    assert main(revoke) == 1
    assert "--yes" in capsys.readouterr().err
    for said in ("is revoked", "was already revoked"):
        assert main([*revoke, "--yes"]) == 0
        assert said in capsys.readouterr().out
    assert main(["join-token", "revoke", "join-token-nobody", "--yes"]) == 1


@pytest.mark.parametrize("wrong", [["--pool", "Edge"], ["--uses", "0"], ["--uses", "1001"], ["--minutes", "10081"]])
def test_a_wrong_argument_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*CREATE, *wrong])


def test_nodes_are_listed_shown_approved_and_revoked(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    node = make_node(database, "pending", pool="cli")
    assert main(["nodes", "list", "--pool", "cli"]) == 0
    _, line = capsys.readouterr().out.splitlines()
    assert line.split()[:5] == [node.node_id, "cli", node.node_name, "pending", "gone"]
    for said in ("is approved", "was already approved"):
        assert main(["nodes", "approve", node.node_id]) == 0
        assert said in capsys.readouterr().out
    assert main(["nodes", "list", "--pool", "cli", "--state", "active", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nodes"][0]["node_id"] == node.node_id
    assert main(["nodes", "revoke", node.node_id]) == 1
    for said in ("is revoked", "was already revoked"):
        assert main(["nodes", "revoke", node.node_id, "--yes"]) == 0
        assert said in capsys.readouterr().out
    assert main(["nodes", "approve", node.node_id]) == 1
    assert "revoked" in capsys.readouterr().err
    assert main(["nodes", "show", node.node_id]) == 0
    shown = json.loads(capsys.readouterr().out)["node"]
    assert (shown["status"], shown["revoke_reason_code"]) == ("revoked", "command_line_revoke")
    assert main(["nodes", "pools"]) == 0
    assert "cli" in capsys.readouterr().out
    outcomes = database.execute("select outcome from audit_events where subject = $1 order by audit_id", node.node_id)
    told = [row["outcome"] for row in outcomes]
    assert told == ["approved", "already_approved", "revoked", "already_revoked", "not_active"]


def test_an_unknown_node_or_pool_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["show"], ["approve"], ["revoke", "--yes"]):
        assert main(["nodes", *command, "node-nobody"]) == 1
        assert "there is no node node-nobody" in capsys.readouterr().err
    assert main(["nodes", "list", "--pool", "nowhere"]) == 1
    assert "there is no pool nowhere" in capsys.readouterr().err


def test_the_rollout_of_a_pool_is_printed_for_people_and_for_programs(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    node = make_node(database, pool="cli-rollout")
    assert main(["nodes", "rollout", "--pool", "cli-rollout"]) == 0
    summary, _, line = capsys.readouterr().out.splitlines()
    assert summary == "cli-rollout: nothing was ever activated; 1 synced"
    assert line.split()[:3] == [node.node_id, node.node_name, "synced"]
    assert main(["nodes", "rollout", "--pool", "cli-rollout", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["pool"], printed["nodes"]["synced"], len(printed["items"])) == ("cli-rollout", 1, 1)
    assert main(["nodes", "rollout", "--pool", "nowhere"]) == 1
    assert "there is no pool nowhere" in capsys.readouterr().err
