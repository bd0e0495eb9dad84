"""`authsession migrate --login FILE`: the roles log in with what their services' DSNs say, as often as it is run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authsession.__main__ import main
from authsession.database import with_credentials
from authsession.embedded.postgres import EmbeddedPostgres
from authsession.roles import INTERNAL_ROLE, PUBLIC_ROLE
from tests.support.database import Database, cloned_database, run_sql
from tests.support.servers import temporary_postgres


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedPostgres]:
    """Of this module alone: it changes passwords of roles, which belong to the whole cluster."""
    with temporary_postgres() as server:
        yield server


@pytest.fixture
def empty(cluster: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database without a schema, which the command finds by its DSN's file."""
    with cloned_database(cluster, None) as database:
        (tmp_path / "owner").write_text(database.owner_dsn)
        monkeypatch.delenv("AUTHSESSION_POSTGRES_DSN", raising=False)
        monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN_FILE", str(tmp_path / "owner"))
        yield database


def dsn_file(database: Database, folder: Path, role: str, password: str) -> str:
    """The argument for a service whose DSN names that role and password."""
    path = folder / role
    path.write_text(with_credentials(database.owner_dsn, role, password) + "\n")
    return f"--login={path}"


def test_each_role_logs_in_with_its_services_dsn(
    empty: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for password in ("first", "p@ss w%rd/2"):  # a second time with a new password: that is how one changes it
        logins = [dsn_file(empty, tmp_path, role, password) for role in (PUBLIC_ROLE, INTERNAL_ROLE)]
        assert main(["migrate", *logins]) == 0
        assert password not in capsys.readouterr().out
        for role in (PUBLIC_ROLE, INTERNAL_ROLE):
            rows = run_sql((tmp_path / role).read_text().strip(), "select current_user::text as name")
            assert [row["name"] for row in rows] == [role]


@pytest.mark.parametrize(
    ("role", "password", "said"),
    [
        ("postgres", "x", "must be authsession_public or authsession_internal"),
        (PUBLIC_ROLE, "", "must hold a password"),
        (PUBLIC_ROLE, "pässword", "in ASCII"),
    ],
)
def test_no_other_role_and_no_empty_password(
    empty: Database, tmp_path: Path, role: str, password: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", dsn_file(empty, tmp_path, role, password)]) == 1
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_dsn_is_refused_before_anything_changes(
    empty: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong").write_text("secret-that-is-no-url")
    assert main(["migrate", f"--login={tmp_path / 'wrong'}"]) == 78
    assert "secret-that" not in capsys.readouterr().err
    rows = run_sql(empty.owner_dsn, "select count(*) as tables from pg_tables where schemaname = 'authsession'")
    assert rows[0]["tables"] == 0
