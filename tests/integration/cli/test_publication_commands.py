"""`authsession gateway-configs`, `agents` and `config`, from a draft to a bundle and a new epoch."""

import io
import json
from typing import Any

import pytest

from authsession.__main__ import main
from contracts.gateway_configuration import decode_gateway_configuration
from contracts.node.bundle import decode_bundle
from contracts.node.manifest import decode_manifest
from tests.support import stack
from tests.support.agents import store_agent, store_agent_sessions
from tests.support.database import Database


@pytest.fixture(autouse=True)
def environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.execute("insert into node_pools (pool, created_at) values ('edge', clock_now()) on conflict do nothing")
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)
    monkeypatch.setenv("AUTHSESSION_CONFIG_KEYS", stack.CONFIG_KEYS)


class Terminal:
    """Runs `authsession`."""

    def __init__(self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capfd, self._monkeypatch = capfd, monkeypatch

    def run(self, *arguments: str, status: int = 0, typed: Any = None) -> str:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(typed)))
        assert main([*arguments]) == status
        said = self._capfd.readouterr()
        return said.out if status == 0 else said.out + said.err


@pytest.fixture
def terminal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capfd, monkeypatch)


def test_a_draft_becomes_a_bundle_that_a_node_can_verify(database: Database, terminal: Terminal) -> None:
    configs = "gateway-configs"
    terminal.run(configs, "create", "front", "--pool", "edge", "--file", "-", typed={"mode": "fail_static"})
    assert "error: draft.serve_known_for: " in terminal.run(configs, "check", "front", status=1)
    assert "checks_failed" not in terminal.run(configs, "publish", "front", "--revision", "1", status=1)
    terminal.run(configs, "edit", "front", "--revision", "1", "--file", "-", typed={"serve_known_for": 60})
    conflict = terminal.run(configs, "edit", "front", "--revision", "1", "--file", "-", status=1, typed={"mode": None})
    assert "changed since: draft.serve_known_for" in conflict
    assert "version 1 is published" in terminal.run(configs, "publish", "front", "--revision", "2")
    assert "no version is active" in terminal.run(configs, "activate", "front", "1", "--expect", "2", status=1)
    assert "version 1 is activated" in terminal.run(configs, "activate", "front", "1", "--expect", "none")
    assert json.loads(terminal.run(configs, "list", "--json"))["gateway_configs"][0]["state"] == "active"
    assert "edge" in terminal.run(configs, "list")
    terminal.run(configs, "edit", "front", "--revision", "2", "--file", "-", typed={"freshness_window": 20})
    assert terminal.run(configs, "diff", "front", "active", "draft") == "draft.freshness_window: (absent) → 20\n"
    terminal.run(configs, "revert", "front", "1", "--revision", "3")
    assert '"serve_known_for": 60' in terminal.run(configs, "show", "front")
    assert "1 (active)" in terminal.run(configs, "versions", "front")

    bundle = decode_bundle(terminal.run("config", "bundle", "--pool", "edge").encode())
    manifest = decode_manifest(bundle.manifest.payload)
    [content] = bundle.contents.values()
    assert decode_gateway_configuration(content).serve_known_for == 60
    assert [each.digest for each in manifest.documents] == [*bundle.contents]

    assert "sequence 1" in terminal.run("config", "show")
    terminal.run("config", "new-epoch", "--pool", "edge", "--yes")
    later = decode_manifest(decode_bundle(terminal.run("config", "bundle", "--pool", "edge").encode()).manifest.payload)
    assert later.position > manifest.position
    assert later.documents == manifest.documents
    assert "is paused" in terminal.run(configs, "pause", "front", "--note", "over")
    rows = database.execute("select event, actor_type from audit_events where event like 'security.%config%'")
    assert {row["actor_type"] for row in rows} != {None}
    assert "security.begin_config_epoch" in {row["event"] for row in rows}


def test_an_agent_is_edited_compared_published_and_archived(database: Database, terminal: Terminal) -> None:
    draft = {"sections": [{"key": "role", "text": "You are {{name}}."}], "allowed_users": "everyone"}
    terminal.run("agents", "create", "desk", "--pool", "edge", "--file", "-", typed=draft)
    assert "error: draft.variables: " in terminal.run("agents", "check", "desk", status=1)
    assert "which has no value" in terminal.run("agents", "prompt", "desk", status=1)
    terminal.run("agents", "edit", "desk", "--revision", "1", "--file", "-", typed={"variables": {"name": "Ada"}})
    assert terminal.run("agents", "prompt", "desk") == "You are Ada.\n"
    shown = json.loads(terminal.run("agents", "prompt", "desk", "--json"))
    assert "version 1 is published" in terminal.run("agents", "publish", "desk", "--revision", "2")
    assert json.loads(terminal.run("agents", "prompt", "desk", "1", "--json")) == shown
    assert "version 1 is activated" in terminal.run("agents", "activate", "desk", "1", "--expect", "none")
    assert json.loads(terminal.run("agents", "list", "--json"))["agents"][0]["active_version"] == 1
    terminal.run("agents", "edit", "desk", "--revision", "2", "--file", "-", typed={"variables": {"name": "Eve"}})
    assert terminal.run("agents", "diff", "desk", "active", "draft") == 'draft.variables.name: "Ada" → "Eve"\n'
    terminal.run("agents", "revert", "desk", "1", "--revision", "3")
    refused = terminal.run("agents", "archive", "desk", status=1)
    assert "pause it first: `authsession agents pause desk`" in refused
    terminal.run("agents", "pause", "desk")
    assert terminal.run("agents", "archive", "desk") == "desk is archived\n"
    assert "`authsession agents list` prints them" in terminal.run("agents", "show", "desk", status=1)
    events = database.execute("select event from audit_events where event like 'security.%_agent' order by audit_id")
    verbs = [row["event"].removeprefix("security.").removesuffix("_agent") for row in events]
    assert verbs == [
        "create", "change", "publish", "activate", "change", "revert", "archive", "pause", "archive",
    ]  # fmt: skip


def test_a_missing_name_is_one_sentence(terminal: Terminal) -> None:
    assert "there is no gateway configuration nobody" in terminal.run("gateway-configs", "show", "nobody", status=1)
    assert "no configuration was ever activated" in terminal.run("config", "bundle", "--pool", "none", status=1)


def test_nothing_is_signed_without_keys(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTHSESSION_CONFIG_KEYS")
    assert "AUTHSESSION_CONFIG_KEYS" in terminal.run("gateway-configs", "pause", "front", status=78)


def test_a_refusal_names_the_command_that_helps(terminal: Terminal) -> None:
    configs = "gateway-configs"
    terminal.run(configs, "create", "aided", "--pool", "edge")
    assert "gateway-configs list` prints the names" in terminal.run(configs, "create", "aided", status=1)
    assert "gateway-configs show aided`" in terminal.run(configs, "publish", "aided", "--revision", "9", status=1)
    inactive = terminal.run(configs, "pause", "aided", status=1)
    assert "not active: `authsession gateway-configs show aided` prints its state" in inactive
    missing = terminal.run(configs, "activate", "aided", "9", "--expect", "none", status=1)
    assert "gateway-configs versions aided` prints the versions" in missing
    terminal.run(configs, "publish", "aided", "--revision", "1")
    terminal.run(configs, "activate", "aided", "1", "--expect", "none")
    assert "was already active" in terminal.run(configs, "activate", "aided", "1", "--expect", "1")
    terminal.run(configs, "pause", "aided")
    assert "aided was already paused" in terminal.run(configs, "pause", "aided")


def test_the_prompt_of_a_draft_with_errors_says_that_it_makes_no_document(
    terminal: Terminal, capfd: pytest.CaptureFixture[str]
) -> None:
    draft = {"sections": [{"key": "role", "text": "Hello."}], "secrets": ["ABSENT_TOKEN"]}
    terminal.run("agents", "create", "unready", "--pool", "edge", "--file", "-", typed=draft)
    assert main(["agents", "prompt", "unready"]) == 0
    assert "the draft has errors, so it makes no document" in capfd.readouterr().err


def test_failed_checks_name_the_commands_that_mend_them(terminal: Terminal) -> None:
    draft = {"sections": [{"key": "role", "text": "Hello."}], "secrets": ["ABSENT_TOKEN"]}
    terminal.run("agents", "create", "lacking", "--pool", "nowhere", "--file", "-", typed=draft)
    refused = terminal.run("agents", "publish", "lacking", "--revision", "1", status=1)
    assert "there is no pool nowhere" in refused
    assert "`authsession join-token create --pool POOL` makes a pool" in refused
    assert "`authsession agents check lacking` lists them" in refused


def test_a_pause_leaves_the_revocations_to_the_services_at_once(database: Database, terminal: Terminal) -> None:
    agent = store_agent(database)
    store_agent_sessions(database, agent.agent_id, 3)
    assert "is paused" in terminal.run("agents", "pause", agent.agent_id)
    rows = database.execute(
        "select available_at <= clock_now() as is_due from projection_outbox join device_sessions"
        " using (device_session_id) where user_id = $1 and status = 'revoked'",
        agent.agent_id,
    )
    assert [row["is_due"] for row in rows] == [True] * 3
