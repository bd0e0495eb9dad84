"""Laws of a Postgres DSN: encryption is said or follows from the host, every host has its share of the time."""

from datetime import timedelta

import pytest

from shared.io.postgres_dsn import ConnectArguments, connect_arguments
from shared.kernel.faults import ConfigurationError

PASSWORD = "the-password"


def targets(dsn: str) -> list[ConnectArguments]:
    return connect_arguments(dsn, "test", timedelta(seconds=3), timedelta(seconds=5))


@pytest.mark.parametrize(
    ("dsn", "mode"),
    [
        ("postgresql://u@localhost/db", "disable"),
        ("postgres://u@127.0.0.1:5433/db", "disable"),
        ("postgresql://u@[::1]:5432/db", "disable"),
        ("postgresql:///db?host=/run/postgresql", "disable"),
        ("postgresql://u@%2Frun%2Fpostgresql/db", "disable"),
        ("postgresql://u@db.example.com/db", "require"),
        ("postgresql://u@127.0.0.1,db.example.com/db", "require"),
        ("postgresql://u@127.0.0.1.example.com/db", "require"),
        ("postgresql://u@db.example.com/db?sslmode=disable", "disable"),
        ("postgresql://u@localhost/db?sslmode=verify-full", "verify-full"),
    ],
)
def test_encryption_is_what_the_dsn_says_or_required_off_this_machine(dsn: str, mode: str) -> None:
    assert {target["ssl"] for target in targets(dsn)} == {mode}


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://u:{PASSWORD}@db.example.com/db?sslmode=prefer",
        f"postgresql://u:{PASSWORD}@db.example.com/db?sslmode=allow",
        f"mysql://u:{PASSWORD}@db.example.com/db",
        f"postgresql://u:{PASSWORD}@/db",
        f"postgresql://u:{PASSWORD}@a,,b/db",
        f"postgresql://u:ab[{PASSWORD}]x@db.example.com/db",
        f"postgresql://u:{PASSWORD}\uff03@db.example.com/db",
        f"postgresql://u:{PASSWORD}@db.example.com:port/db",
        f"host=db.example.com password={PASSWORD}",
    ],
)
def test_a_dsn_that_can_never_work_is_refused_without_being_quoted(dsn: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        targets(dsn)
    assert PASSWORD not in str(caught.value)


def test_several_hosts_are_tried_in_order_each_with_its_share_and_only_a_primary_will_do() -> None:
    first, second = targets("postgresql://u@a.example.com:6000,b.example.com/db")
    assert (first["host"], first["port"], first["timeout"]) == ("a.example.com", 6000, 1.5)
    assert (second["host"], second["port"], second["timeout"]) == ("b.example.com", 5432, 1.5)
    assert {target["target_session_attrs"] for target in (first, second)} == {"read-write"}


def test_hosts_of_the_query_share_one_port() -> None:
    both = targets("postgresql:///db?host=/one,/two&port=6000")
    assert [(target["host"], target["port"]) for target in both] == [("/one", 6000), ("/two", 6000)]


def test_session_attributes_of_the_dsn_win() -> None:
    dsn = "postgresql://u@a.example.com,b.example.com/db?target_session_attrs=any"
    assert all("target_session_attrs" not in target for target in targets(dsn))


def test_postgres_gives_up_before_the_client_does() -> None:
    settings = targets("postgresql://u@localhost/db")[0]["server_settings"]
    assert int(settings["lock_timeout"]) < int(settings["statement_timeout"]) < 5000
    assert 0 < int(settings["idle_in_transaction_session_timeout"]) <= 5000
