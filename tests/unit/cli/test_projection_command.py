"""`authsession projection` without its servers: one sentence, not a traceback."""

from pathlib import Path

import pytest

from authsession import projection
from shared.kernel.faults import DependencyUnavailable

ENVIRONMENT = {
    "AUTHSESSION_POSTGRES_DSN": "postgresql://owner:secret@127.0.0.1:1/authsession",
    "AUTHSESSION_REDIS_ADDR": "127.0.0.1:1",
}


@pytest.mark.parametrize(("action", "function"), [("verify", "find_drift"), ("rebuild", "force_rebuild")])
def test_a_server_that_is_away_is_reported_in_one_sentence(
    action: str, function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(*_: object) -> None:
        raise DependencyUnavailable("redis")

    monkeypatch.setattr(projection, function, fail)
    assert projection.run(action, ENVIRONMENT, tmp_path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("authsession: redis is unavailable; ")
