"""Laws of a Postgres DSN: encryption is said or follows from the host, every host has its share of the time."""

import os
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from shared.io.postgres_dsn import Target, connect_targets
from shared.kernel.faults import ConfigurationError

PASSWORD = "the-password"
FAR = "postgresql://u@db.example.com/db"
NEON = f"postgresql://u:{PASSWORD}@ep-a-1.neon.example/db?sslmode=require&channel_binding=require"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None of libpq's variables, and a home directory without its files."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def targets(dsn: str) -> list[Target]:
    return connect_targets(dsn, "test", timedelta(seconds=3), timedelta(seconds=5))


def only(dsn: str) -> Target:
    (target,) = targets(dsn)
    return target


def problems(dsn: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        targets(dsn)
    return list(caught.value.problems)


def encryption(dsn: str) -> set[str]:
    return {_word(target) for target in targets(dsn)}


def _word(target: Target) -> str:
    if target.tls is None:
        return "disable"
    context = target.tls.context()
    if context.verify_mode is ssl.CERT_NONE:
        return "require"
    return "verify-full" if context.check_hostname else "verify-ca"


@pytest.mark.parametrize(
    ("dsn", "mode"),
    [
        ("postgresql://u@localhost/db", "disable"),
        ("postgres://u@127.0.0.1:5433/db", "disable"),
        ("postgresql://u@[::1]:5432/db", "disable"),
        ("postgresql:///db?host=/run/postgresql", "disable"),
        ("postgresql://u@%2Frun%2Fpostgresql/db", "disable"),
        (FAR, "require"),
        ("postgresql://u@127.0.0.1,db.example.com/db", "require"),
        ("postgresql://u@127.0.0.1.example.com/db", "require"),
        (f"{FAR}?sslmode=disable", "disable"),
        ("postgresql://u@localhost/db?sslmode=verify-full&sslrootcert=system", "verify-full"),
        (f"{FAR}?sslmode=verify-full&sslrootcert=system", "verify-full"),
        (f"{FAR}?sslrootcert=system", "verify-full"),
        (f"{FAR}?sslmode=require&channel_binding=prefer", "require"),
    ],
)
def test_encryption_is_what_the_dsn_says_or_required_off_this_machine(dsn: str, mode: str) -> None:
    assert encryption(dsn) == {mode}


@pytest.mark.parametrize(
    "dsn", [NEON, f"{FAR}?channel_binding=require", "postgresql://u@localhost/db?channel_binding=require"]
)
def test_channel_binding_is_honoured_by_verifying_the_server_against_the_systems_authorities(dsn: str) -> None:
    assert encryption(dsn) == {"verify-full"}


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
        f"postgresql://u:{PASSWORD}@db.example.com:70000/db",
        f"postgresql://u:1?{PASSWORD}=x@db.example.com/db",
        f"postgresql://u:1#{PASSWORD}@db.example.com/db",
        f"postgresql://u:1/{PASSWORD}@db.example.com/db",
        f"postgresql://u@db.example.com/db?passwort={PASSWORD}",
        f"postgresql://u@db.example.com/db?connect_timeout={PASSWORD}",
        f"postgresql://u@db.example.com/db?options={PASSWORD}",
        f"host=db.example.com password={PASSWORD}",
    ],
)
def test_a_dsn_that_can_never_work_is_refused_without_being_quoted(dsn: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        targets(dsn)
    assert PASSWORD not in str(caught.value)


def words(text: str) -> list[str]:
    return text.split()


# Every parameter of libpq 18 (https://www.postgresql.org/docs/18/libpq-connect.html), and some of other drivers.
WORKING = words("""
host=/run port=6000 dbname=other user=me password=x
connect_timeout=10 connect_timeout=0 client_encoding=UTF8 client_encoding=auto
options=-c%20jit%3Don application_name=mine fallback_application_name=mine
keepalives=1 keepalives=0 keepalives_idle=30 keepalives_interval=5 keepalives_count=3 tcp_user_timeout=2000
replication=false gssencmode=disable gssencmode=prefer gssdelegation=0
sslmode=disable sslmode=require sslnegotiation=postgres sslnegotiation=direct sslcompression=0
sslcertmode=disable sslcertmode=allow sslrootcert=system sslsni=1 requiressl=0
channel_binding=disable channel_binding=prefer channel_binding=require
ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.3 min_protocol_version=3.0 max_protocol_version=latest
target_session_attrs=any target_session_attrs=read-write target_session_attrs=primary
load_balance_hosts=disable load_balance_hosts=random
""")
REFUSED = words("""
hostaddr=10.0.0.1 require_auth=scram-sha-256 connect_timeout=soon client_encoding=LATIN1 keepalives=yes
options=-c%20search_path%3Dpublic options=--statement-timeout%3D0 options=-x
replication=database gssencmode=require gssdelegation=1 krbsrvname=postgres gsslib=gssapi
sslmode=prefer sslmode=allow sslmode=verify-full sslmode=verify-ca sslnegotiation=late sslcertmode=require sslsni=0
requiressl=1 sslrootcert=/missing sslcert=/missing sslkeylogfile=/tmp/keys requirepeer=postgres
channel_binding=always ssl_min_protocol_version=SSLv3 ssl_max_protocol_version=TLSv1 min_protocol_version=3.2
service=mine servicefile=/etc/services target_session_attrs=standby target_session_attrs=read-only
load_balance_hosts=yes passfile=/missing scram_client_key=x scram_server_key=x
oauth_issuer=x oauth_client_id=x oauth_scope=x
pgbouncer=true schema=public sslaccept=strict
""")


@pytest.mark.parametrize("parameter", WORKING)
def test_a_parameter_of_libpq_works(parameter: str) -> None:
    assert targets(f"{FAR}?{parameter}")[0].connect_arguments()


@pytest.mark.parametrize("parameter", REFUSED)
def test_a_parameter_that_cannot_be_honoured_is_refused_by_its_name(parameter: str) -> None:
    name = parameter.partition("=")[0]
    assert any(name in problem for problem in problems(f"{FAR}?{parameter}")), problems(f"{FAR}?{parameter}")


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert len(problems(f"{FAR}?service=x&hostaddr=1.2.3.4&gssencmode=require")) == 3


@pytest.mark.parametrize(
    "binding", ["sslmode=disable&channel_binding=require", "sslmode=disable&sslnegotiation=direct"]
)
def test_a_parameter_that_needs_encryption_is_refused_without_it(binding: str) -> None:
    assert "needs TLS" in problems(f"{FAR}?{binding}")[0]


def test_the_systems_authorities_vouch_for_names_only() -> None:
    assert "sslmode=verify-full" in problems(f"{FAR}?sslmode=require&sslrootcert=system")[0]


def test_several_hosts_are_tried_in_order_each_with_its_share_and_only_a_primary_will_do() -> None:
    first, second = (target.arguments for target in targets("postgresql://u@a.example.com:6000,b.example.com/db"))
    assert (first["host"], first["port"], first["timeout"]) == ("a.example.com", 6000, 1.5)
    assert (second["host"], second["port"], second["timeout"]) == ("b.example.com", 5432, 1.5)
    assert {first["target_session_attrs"], second["target_session_attrs"]} == {"read-write"}


def test_hosts_of_the_query_share_one_port() -> None:
    both = [target.arguments for target in targets("postgresql:///db?host=/one,/two&port=6000")]
    assert [(target["host"], target["port"]) for target in both] == [("/one", 6000), ("/two", 6000)]


def test_session_attributes_of_the_dsn_win() -> None:
    dsn = "postgresql://u@a.example.com,b.example.com/db?target_session_attrs=any"
    assert {target.arguments["target_session_attrs"] for target in targets(dsn)} == {"any"}


@pytest.mark.parametrize(("asked", "timeout"), [("2", 2), ("1", 2), ("60", 3), ("0", 3), ("-1", 3)])
def test_a_connect_timeout_shortens_the_wait_and_never_lengthens_it(asked: str, timeout: float) -> None:
    assert only(f"{FAR}?connect_timeout={asked}").arguments["timeout"] == timeout


def test_user_password_and_database_are_decoded_once() -> None:
    arguments = only("postgresql://a%40b:c%2Fd%2525+@localhost/e%20f").arguments
    assert (arguments["user"], arguments["password"], arguments["database"]) == ("a@b", "c/d%25+", "e f")


def test_options_set_the_session_and_what_a_proxy_reads_stays_a_startup_parameter() -> None:
    target = only(f"{FAR}?options=-c%20work_mem%3D8MB%20--random-page-cost%3D1.1%20endpoint%3Dep-a-1")
    assert (target.settings["work_mem"], target.settings["random_page_cost"]) == ("8MB", "1.1")
    assert target.arguments["server_settings"] == {"application_name": "test", "options": "endpoint=ep-a-1"}


def test_pgbouncer_knows_every_startup_parameter() -> None:
    """It refuses the connection else: https://www.pgbouncer.org/config.html#ignore_startup_parameters."""
    known = {"client_encoding", "DateStyle", "TimeZone", "standard_conforming_strings", "application_name"}
    assert set(only(FAR).arguments["server_settings"]) <= known


def test_the_name_that_the_dsn_gives_the_application_wins() -> None:
    assert only(f"{FAR}?application_name=mine").arguments["server_settings"]["application_name"] == "mine"


def test_postgres_gives_up_before_the_client_does() -> None:
    settings = only("postgresql://u@localhost/db").settings
    assert int(settings["lock_timeout"]) < int(settings["statement_timeout"]) < 5000
    assert 0 < int(settings["idle_in_transaction_session_timeout"]) <= 5000


def test_a_file_of_the_home_directory_that_cannot_be_read_is_as_if_it_was_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Root reads everything, so it is `os.access` that says no."""
    for file in (".pgpass", ".postgresql/root.crt", ".postgresql/postgresql.crt"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("unreadable")

    def no(*_: object) -> bool:
        return False

    monkeypatch.setattr(os, "access", no)
    assert encryption(f"{FAR}?sslmode=require") == {"require"}
    assert only(FAR).arguments["password"] == ""


def test_the_password_file_of_the_home_directory_is_used(tmp_path: Path) -> None:
    (tmp_path / ".pgpass").write_text("*:*:*:*:secret")
    assert only(FAR).arguments["passfile"] == str(tmp_path / ".pgpass")


def test_no_target_shows_its_password() -> None:
    assert PASSWORD not in repr(targets(NEON))
