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
    assert "there is no connection nobody" in capsys.readouterr().err
