"""`authsession connections health` on a real database."""

import json

import pytest

from authsession.__main__ import main
from tests.support.database import Database


def test_health_shows_the_status_and_the_last_results(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)
    database.execute(
        """
        insert into connections (connection_id, name, kind, last_revision, accepted_revision, created_at, updated_at)
        values ('connection-1', 'models', 'openai_compatible', 1, 1, '2026-04-05T12:00:00Z', '2026-04-05T12:00:00Z');
        insert into connection_states (connection_id, status, since, next_probe_at, revision)
        values ('connection-1', 'degraded', '2026-04-05T12:01:00Z', clock_now(), 1);
        insert into connection_health (connection_id, checked_at, result, duration_ms)
        values ('connection-1', '2026-04-05T12:01:00Z', 'timeout', 10000)
        """
    )
    assert main(["connections", "health", "models"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("models is degraded since 2026-04-05")
    assert last.split()[-3:] == ["timeout", "10000", "ms"]
    assert main(["connections", "health", "models", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["last"]) == ("degraded", shown["snapshots"][0])
    assert main(["connections", "health", "nobody"]) == 1
    assert "there is no connection nobody: `authsession connections list`" in capsys.readouterr().err


def test_the_list_shows_why_a_candidate_was_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)
    database.execute(
        """
        delete from connections;
        insert into connections (connection_id, name, kind, last_revision, candidate_revision, candidate_until,
                                 created_at, updated_at)
        values ('connection-2', 'refused', 'openai_compatible', 1, 1, clock_now() + interval '15 minutes',
                clock_now(), clock_now());
        insert into connection_revisions (connection_id, revision, settings, secrets, result, checked_at, duration_ms,
                                          detail, created_by, created_at)
        values ('connection-2', 1, '{}', '{}', 'blocked_address', clock_now(), 3, 'blocked_address', 'operator-1',
                clock_now())
        """
    )
    assert main(["connections", "list"]) == 0
    heads, *rows = capsys.readouterr().out.splitlines()
    [row] = [each for each in rows if each.startswith("refused ")]
    assert (heads.split()[-1], row.split()[-1]) == ("CANDIDATE", "blocked_address")
