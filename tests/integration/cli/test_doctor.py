"""`authsession doctor` finds what is wrong, on real servers that are wrong in one way each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py

from authsession.doctor import doctor
from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from shared.kernel.keyring import KeyRing
from shared.kernel.mail_connection import MailConnection
from tests.support.builders import store_session, store_user
from tests.support.database import Database, cloned_database, create_template, run_sql
from tests.support.mail_connections import set_default
from tests.support.postgres_pair import PairedDatabase, make_synchronous, temporary_pair
from tests.support.servers import temporary_postgres, temporary_redis
from tests.support.stack import (
    AUDIT_KEYS,
    CONFIG_KEYS,
    COOKIE_KEYS,
    LOGIN_CODE_KEYS,
    REDIS_PASSWORD,
    SEALING_KEYS,
    SECRET_KEYS,
    redis_users,
    wait_for,
)


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A cluster whose roles this module may spoil."""
    with temporary_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def limited_redis() -> Iterator[EmbeddedRedis]:
    with temporary_redis(persistent=True, users=redis_users()) as server:
        yield server


@pytest.fixture
def environment(database: Database, limited_redis: EmbeddedRedis) -> dict[str, str]:
    """That of a public process with which all is well."""
    return {
        "AUTHSESSION_POSTGRES_DSN": database.public_dsn,
        "AUTHSESSION_REDIS_ADDR": limited_redis.address,
        "AUTHSESSION_REDIS_USERNAME": "public",
        "AUTHSESSION_REDIS_PASSWORD": REDIS_PASSWORD,
        "AUTHSESSION_LOGIN_CODE_KEYS": LOGIN_CODE_KEYS,
        "AUTHSESSION_SEALING_KEYS": SEALING_KEYS,
        "AUTHSESSION_COOKIE_KEYS": COOKIE_KEYS,
        "AUTHSESSION_AUDIT_KEYS": AUDIT_KEYS,
        "AUTHSESSION_CONFIG_KEYS": CONFIG_KEYS,
        "AUTHSESSION_SECRET_KEYS": SECRET_KEYS,
        "AUTHSESSION_PUBLIC_HOST": "auth.example.com",
    }


def examine(environment: dict[str, str], folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    status = doctor(environment, folder, None)
    return status, capsys.readouterr().out.splitlines()


def test_users_of_one_address_from_before_are_listed_without_it(
    environment: dict[str, str], database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = store_user(database)
    younger = store_user(database, email=older.email.upper())
    store_session(database, younger)

    status, lines = examine(environment, tmp_path, capsys)
    (line,) = [line for line in lines if older.user_id in line]
    assert status == 0
    assert line.startswith(f"warn  environment: {older.user_id} and {younger.user_id} have one address")
    assert "the others have 1 active session:" in line
    assert older.email not in " ".join(lines)

    elsewhere = environment | {
        "AUTHSESSION_USER_SERVICE_MODE": "rest",
        "AUTHSESSION_USER_SERVICE_BASE_URL": "http://127.0.0.1:9",
    }
    assert not [line for line in examine(elsewhere, tmp_path, capsys)[1] if older.user_id in line]
    database.execute("delete from device_sessions")
    database.execute("delete from users")


def test_where_all_is_well_every_line_says_so(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines = examine(environment, tmp_path, capsys)
    assert status == 0
    assert {line.split()[0] for line in lines} == {"ok"}
    assert len(lines) == 12


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({"AUTHSESSION_POSTGRES_DSN": ""}, "fail", "set AUTHSESSION_POSTGRES_DSN"),
        ({"AUTHSESSION_POSTGRES_DSN": "postgresql://127.0.0.1:1/x"}, "fail", "Postgres cannot be reached"),
        ({"AUTHSESSION_POSTGRES_DSN": "mysql://x"}, "fail", "must be a URL"),
        ({"AUTHSESSION_REDIS_ADDR": "127.0.0.1:1"}, "fail", "does not answer"),
        ({"AUTHSESSION_REDIS_PASSWORD": "wrong"}, "fail", "Redis refuses the credentials"),
        ({"AUTHSESSION_REDIS_PASSWORD": ""}, "fail", "Redis refuses the credentials"),
        ({"AUTHSESSION_REDIS_ADDRESS": "127.0.0.1:1"}, "fail", "write AUTHSESSION_REDIS_ADDR"),
        ({"AUTHSESSION_REDIS_ADD": "127.0.0.1:1"}, "fail", "write AUTHSESSION_REDIS_ADDR"),
        ({"AUTHSESSION_LOGIN_CODE_KEYS": "k1:c2hvcnQ="}, "fail", "AUTHSESSION_LOGIN_CODE_KEYS"),
        ({"AUTHSESSION_CONFIG_KEYS": "k1:c2hvcnQ="}, "fail", "AUTHSESSION_CONFIG_KEYS: key 1 has 5 bytes"),
        ({"AUTHSESSION_ENV": "production", "AUTHSESSION_CONFIG_KEYS": AUDIT_KEYS}, "fail", "is the same secret as"),
    ],
)
def test_a_wrong_environment_is_named_with_its_cure(
    environment: dict[str, str],
    changes: dict[str, str],
    level: str,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, lines = examine(environment | changes, tmp_path, capsys)
    assert any(line.startswith(level) and words in line for line in lines), lines
    assert status == (1 if level == "fail" else 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AUTHSESSION_POSTGRES_DSN": ""}, "database"),
        ({"AUTHSESSION_POSTGRES_DSN": "mysql://x"}, "POSTGRES_DSN"),
        ({"AUTHSESSION_REDIS_ADDR": "nowhere"}, "REDIS_ADDR"),
    ],
)
def test_a_wrong_variable_is_one_finding(
    environment: dict[str, str], changes: dict[str, str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, lines = examine(environment | changes, tmp_path, capsys)
    assert len([line for line in lines if line.startswith("fail") and words in line]) == 1, lines
    assert len([line for line in lines if line.startswith("fail")]) == 1, lines


def test_the_user_of_a_gateway_gets_the_cure_to_name_another_user(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(environment | {"AUTHSESSION_REDIS_USERNAME": "gateway"}, tmp_path, "internal") == 1
    assert (
        "fail  internal: this user of Redis may not run scripts: set AUTHSESSION_REDIS_USERNAME to internal"
        in capsys.readouterr().out
    )


def test_the_dsn_of_the_other_service_is_named(
    environment: dict[str, str], database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"AUTHSESSION_POSTGRES_DSN": database.internal_dsn}
    assert doctor(environment | changes, tmp_path, "public") == 1
    assert "fail  public: logged in as authsession_internal: name authsession_public in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"AUTHSESSION_GATEWAY_KEY_PREFIX": "edge:session:"}, "record"),
        ({"AUTHSESSION_GATEWAY_STREAM": "edge:events"}, "stream"),
        ({"AUTHSESSION_RATE_LIMIT_KEY_PREFIX": "other:rate:"}, "rate limit"),
    ],
)
def test_an_acl_file_of_other_prefixes_is_named(
    environment: dict[str, str],
    changes: dict[str, str],
    kind: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert doctor(environment | changes, tmp_path, "public") == 1
    assert f"may not write the key of a {kind}" in capsys.readouterr().out


def test_a_full_redis_and_a_replica_are_named(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with temporary_redis() as server, redis_py.Redis(port=server.port) as administrator:
        given = environment | {"AUTHSESSION_REDIS_ADDR": server.address, "AUTHSESSION_REDIS_PASSWORD": ""}
        for name, value, code in (("maxmemory", 1, "OOM"), ("min-replicas-to-write", 1, "NOREPLICAS")):
            administrator.config_set(name, value)
            assert examine(given, tmp_path, capsys)[0] == 1
            assert f"Redis refuses to write ({code})" in " ".join(examine(given, tmp_path, capsys)[1])
            administrator.config_set(name, 0)
        administrator.execute_command("REPLICAOF", "127.0.0.1", "1")
        assert "Redis refuses to write (READONLY)" in " ".join(examine(given, tmp_path, capsys)[1])


def test_another_redis_than_that_of_the_keeper_is_named(
    environment: dict[str, str], database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beat = (
        "update authsession.projection_keeper set run_id = $1, beat = extract(epoch from clock_timestamp()) * 1000 - $2"
    )
    database.execute(beat, "another", 0)
    assert "uses another Redis" in " ".join(examine(environment, tmp_path, capsys)[1])
    database.execute(beat, "another", 60_000)
    status, lines = examine(environment, tmp_path, capsys)
    assert (status, "no process has kept the gateway projection for 6" in " ".join(lines)) == (0, True)
    database.execute("update authsession.projection_keeper set beat = 0")


def test_no_secret_is_in_the_answer(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"AUTHSESSION_POSTGRES_DSN": "postgresql://o:topsecret@127.0.0.1:1/x?sslmode=topsecret"}
    _, lines = examine(environment | wrong | {"AUTHSESSION_SEALING_KEYS": "topsecret"}, tmp_path, capsys)
    assert "topsecret" not in "\n".join(lines)


def test_an_empty_database_asks_for_migrations(
    environment: dict[str, str], own_postgres: EmbeddedPostgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with cloned_database(own_postgres, None) as empty:
        status, lines = examine(environment | {"AUTHSESSION_POSTGRES_DSN": empty.owner_dsn}, tmp_path, capsys)
    assert status == 1
    assert any("run `authsession migrate`" in line for line in lines), lines
    assert any("there is no role authsession_public" in line for line in lines), lines


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("grant select on audit_events to authsession_public", "authsession_public may select audit_events"),
        ("revoke update on emails from authsession_internal", "authsession_internal may not update emails"),
        ("delete from schema_migrations where version > 3", "schema version 3, not"),
    ],
)
def test_a_spoiled_database_is_found(
    environment: dict[str, str],
    postgres_server: EmbeddedPostgres,
    template: str,
    spoil: str,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with cloned_database(postgres_server, template) as clone:
        clone.execute(spoil)
        status, lines = examine(environment | {"AUTHSESSION_POSTGRES_DSN": clone.public_dsn}, tmp_path, capsys)
    assert status == 1
    assert any(line.startswith("fail") and words in line for line in lines), lines


def test_a_moved_clock_is_a_failure(
    environment: dict[str, str],
    postgres_server: EmbeddedPostgres,
    template: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with cloned_database(postgres_server, template) as clone:
        run_sql(clone.owner_dsn, f"alter database {clone.name} set authsession.clock_offset = '1 hour'")
        status, lines = examine(environment | {"AUTHSESSION_POSTGRES_DSN": clone.public_dsn}, tmp_path, capsys)
    assert status == 1
    assert any("the clock is moved by 1 hour" in line for line in lines), lines


def test_a_key_that_was_taken_away_too_early_is_named(
    environment: dict[str, str],
    postgres_server: EmbeddedPostgres,
    template: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with cloned_database(postgres_server, template) as clone:
        for key_id, life in (("taken", "10 minutes"), ("taken", "10 minutes"), ("k1", "10 minutes"), ("over", "0")):
            store_code(clone, key_id, life)
        changes = {"AUTHSESSION_POSTGRES_DSN": clone.public_dsn}
        status, lines = examine(environment | changes, tmp_path, capsys)
    assert status == 0
    said = [line for line in lines if "live codes" in line]
    assert said == [
        f"warn  environment: 2 live codes need the key taken: put it back into {name}"
        for name in ("AUTHSESSION_LOGIN_CODE_KEYS", "AUTHSESSION_SEALING_KEYS")
    ]


def store_code(database: Database, key_id: str, life: str) -> None:
    """A code under that key, sealed under one of the same name, made an hour ago; it lives so long from now."""
    database.execute(
        f"""
        with address as (
            insert into emails (folded, created_at) values (gen_random_uuid() || '@example.com', clock_now())
            returning email_id, folded
        )
        insert into login_codes (login_code_id, email_id, email, key_id, salt, mac, sealed_code, seal_key_id,
                                 created_at, expires_at)
        select gen_random_uuid(), email_id, folded, $1, $2::bytea, $2 || $2, $2, $1, clock_now() - interval '1 hour',
               clock_now() + interval '{life}' from address
        """,
        key_id,
        bytes(16),
    )


def test_a_redis_that_forgets_or_evicts_is_found(
    environment: dict[str, str], redis: EmbeddedRedis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {
        "AUTHSESSION_REDIS_ADDR": redis.address,
        "AUTHSESSION_REDIS_USERNAME": "",
        "AUTHSESSION_REDIS_PASSWORD": "",
    }
    status, lines = examine(environment | changes, tmp_path, capsys)
    assert status == 0
    assert any(line.startswith("warn") and "loses its data at a restart" in line for line in lines), lines
    assert any(line.startswith("warn") and "Redis user default" in line for line in lines), lines


def test_proofs_that_no_host_lets_be_checked_are_named(
    environment: dict[str, str], database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database.execute("update settings set require_client_key_proof = true")
    try:
        status, lines = examine(environment | {"AUTHSESSION_PUBLIC_HOST": ""}, tmp_path, capsys)
        assert [line for line in lines if line.startswith("fail") and "set AUTHSESSION_PUBLIC_HOST" in line]
        assert status == 1
        status, lines = examine(environment, tmp_path, capsys)
        assert {line.split()[0] for line in lines} == {"ok"}
    finally:
        database.execute("update settings set require_client_key_proof = false")


def test_notices_that_go_without_their_link_are_a_warning(
    environment: dict[str, str], database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def warnings() -> list[str]:
        _, lines = examine(environment | {"AUTHSESSION_PUBLIC_HOST": ""}, tmp_path, capsys)
        return [line for line in lines if line.startswith("warn") and "new_device_notice" in line]

    assert len(warnings()) == 1
    database.execute("update settings set new_device_notice = 'off'")
    try:
        assert warnings() == []
    finally:
        database.execute("update settings set new_device_notice = 'unknown_network'")


@pytest.mark.parametrize("sign_up", ["closed", "invited"])
def test_sign_up_that_lets_nobody_in_is_a_warning(
    environment: dict[str, str], database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], sign_up: str
) -> None:
    database.execute("update settings set sign_up = $1", sign_up)
    try:
        status, lines = examine(environment, tmp_path, capsys)
        assert [line for line in lines if line.startswith("warn") and f"sign_up is {sign_up}" in line]
        assert status == 0
        store_user(database)
        assert {line.split()[0] for line in examine(environment, tmp_path, capsys)[1]} == {"ok"}
    finally:
        database.execute("delete from users")
        database.execute("update settings set sign_up = 'open'")


def test_a_standby_that_is_missing_or_asynchronous_is_a_warning(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def findings(dsn: str) -> list[str]:
        _, lines = examine(environment | {"AUTHSESSION_POSTGRES_DSN": dsn}, tmp_path, capsys)
        return [line for line in lines if "standby" in line or "synchronous" in line]

    with temporary_pair() as (primary, standby), cloned_database(primary, create_template(primary)) as clone:
        database = PairedDatabase(primary, clone.name, standby)
        [line] = findings(database.public_dsn)
        assert line.startswith("warn")
        assert "the Postgres standby is asynchronous" in line
        make_synchronous(primary)
        assert findings(database.public_dsn) == ["ok    environment: the Postgres standby is synchronous"]
        make_synchronous(primary, is_synchronous=False)
        standby.kill()
        wait_for(lambda: "no standby follows" in findings(database.public_dsn)[0])
        assert findings(clone.public_dsn) == []
        clone.execute(f"alter database {clone.name} set synchronous_commit = off")
        assert "synchronous_commit is off" in findings(clone.public_dsn)[0]


def test_users_of_nodes_need_rights_and_a_redis_that_knows_them(
    environment: dict[str, str], database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_internal = environment | {
        "AUTHSESSION_POSTGRES_DSN": database.internal_dsn,
        "AUTHSESSION_REDIS_USERNAME": "internal",
        "AUTHSESSION_NODE_REDIS_USERS": "on",
    }

    def told(environment: dict[str, str]) -> list[str]:
        doctor(environment, tmp_path, "internal")
        return [line for line in capsys.readouterr().out.splitlines() if "users of nodes" in line]

    (refused,) = told(of_internal)
    assert refused.startswith("fail  internal: this user of Redis may not run ACL USERS")
    assert "redis-acl --node-users" in refused
    with temporary_redis(users=redis_users(node_users=True)) as server:
        allowed = of_internal | {"AUTHSESSION_REDIS_ADDR": server.address}
        (line,) = told(allowed)
        assert line.startswith("ok    internal: Redis lets this user make users of nodes")
        assert "administrator of Redis" in line
        with redis_py.Redis(port=server.port, username="internal", password=REDIS_PASSWORD) as client:
            assert sorted(client.acl_users()) == ["default", "gateway", "internal", "public"]
        assert told(allowed | {"AUTHSESSION_NODE_REDIS_USERS": "off"}) == []


def test_a_mode_connection_without_a_usable_default_fails(
    environment: dict[str, str], database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment["AUTHSESSION_MAIL_SERVICE_MODE"] = "connection"
    mail = MailConnection("mail_rest", {"base_url": "https://mail.example.com"}, {})

    def said() -> tuple[int, str]:
        status, lines = examine(environment, tmp_path, capsys)
        (line,) = [line for line in lines if "default mail connection" in line]
        return status, line

    set_default(database, None)
    status, line = said()
    assert (status, "PUT /api/control-plane/connections/defaults/mail" in line) == (1, True)

    set_default(
        database, mail, keys=KeyRing.parse("keys", "other:" + "b3RoZXIta2V5LW9mLXRlc3RzLTMyLWJ5dGVzLWxvbmctLS0=")
    )
    assert said()[1].startswith("fail  environment: the default mail connection cannot be opened")

    set_default(database, mail, keys=KeyRing.parse("keys", SEALING_KEYS))
    assert said() == (0, "ok    environment: there is a default mail connection")
    set_default(database, None)
