"""`authsession settings` on a real database: it sets, gets and tells what was changed by whom."""

import getpass

import asyncpg
import pytest

from authsession.__main__ import main
from authsession.embedded.postgres import EmbeddedPostgres
from services.internal_admin.system_settings.domain.settings import SETTINGS
from tests.support.database import Database, cloned_database
from tests.support.settings import EVERY_SETTING


@pytest.fixture(autouse=True)
def defaults(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings as a new installation has them, and the environment that names the database."""
    database.execute(
        "truncate settings, settings_changes; insert into settings default values; delete from audit_events;"
    )
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)


def row(database: Database) -> asyncpg.Record:
    return database.execute("select * from settings")[0]


def test_the_command_sets_and_gets(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "set", "session_limit", "3"]) == 0
    assert main(["settings", "get", "session_limit"]) == 0
    assert main(["settings", "get"]) == 0
    values = {name: each.default for name, each in EVERY_SETTING.items()} | {"session_limit": "3"}
    assert capsys.readouterr().out.splitlines() == [
        "session_limit is now 3",
        "3",
        *(f"{name} {value}" for name, value in values.items()),
    ]


def test_a_wrong_value_is_one_sentence_and_changes_nothing(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["settings", "set", "session_limit", "many"]) == 1
    said = capsys.readouterr()
    assert said.err == ("authsession: session_limit must be a whole number from 0 (no limit) to 10000, not 'many'\n")
    assert said.out == ""
    assert row(database)["version"] == 1


def test_a_database_without_the_schema_or_the_right_is_one_sentence(
    database: Database, postgres_server: EmbeddedPostgres, template: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with cloned_database(postgres_server, None) as empty:
        for dsn, said in ((empty.owner_dsn, "does not exist"), (database.public_dsn, "permission denied")):
            monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", dsn)
            assert main(["settings", "history"]) == 1
            sentence = capsys.readouterr().err
            assert sentence.startswith("authsession: ")
            assert said in sentence
            assert sentence.count("\n") == 1


def test_the_help_of_set_lists_every_setting_with_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["settings", "set", "--help"])
    said = capsys.readouterr().out
    assert "  session_limit: a whole number from 0 (no limit) to 10000\n" in said
    assert [name for name in SETTINGS if f"\n  {name}: " not in said] == []


def test_domains_are_set_and_got_separated_by_commas(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "set", "blocked_email_domains", "Evil.example, bücher.example", "--yes"]) == 0
    assert row(database)["blocked_email_domains"] == ["evil.example", "xn--bcher-kva.example"]
    assert main(["settings", "set", "blocked_email_domains", "-"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "blocked_email_domains is now evil.example,xn--bcher-kva.example",
        "blocked_email_domains is now -",
    ]


def test_the_history_tells_who_changed_what_newest_first(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["settings", "set", "session_limit", "3"])
    main(["settings", "set", "session_max_age", "90d", "--yes"])
    capsys.readouterr()

    assert main(["settings", "history", "-n", "2"]) == 0

    newest, older = capsys.readouterr().out.splitlines()
    assert newest.endswith(f"Z 3 command_line:{getpass.getuser()} session_max_age 365d -> 90d")
    assert older.endswith("session_limit 0 -> 3")


def test_a_change_is_audited_with_the_command_line_as_caller(database: Database) -> None:
    main(["settings", "set", "session_limit", "3"])
    (event,) = database.execute("select * from audit_events")
    assert (event["event"], event["outcome"], event["caller"], event["actor_type"]) == (
        "security.change_setting",
        "changed",
        "command_line",
        "command_line",
    )


def test_requiring_proofs_tells_what_they_need(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "set", "require_client_key_proof", "true"]) == 0
    assert "AUTHSESSION_PUBLIC_HOST" in capsys.readouterr().err
    assert main(["settings", "set", "require_client_key_proof", "false"]) == 0
    assert capsys.readouterr().err == ""


def test_an_idle_age_without_reports_of_nodes_is_one_sentence(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["settings", "set", "session_idle_age", "30d", "--yes"]) == 1
    assert capsys.readouterr().err == "authsession: session_idle_age: no node reports last uses\n"
    assert row(database)["session_idle_age"] is None
