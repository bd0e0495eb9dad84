"""Least privilege of the two login roles (SPEC §1.2): each connects and tries what it must not do."""

import asyncpg
import pytest

from tests.support.builders import StoredUser, store_session, store_user
from tests.support.database import Database, run_sql

TABLES_THE_PUBLIC_ROLE_MAY_NOT_READ = (
    "audit_events", "audit_seal", "audit_checkpoint", "settings_changes", "operators", "operator_sessions",
    "api_tokens", "owner_setup", "domain_revocations", "onboarding_steps", "mail_connection",
    "secrets", "secret_versions", "secret_grants", "secret_opens", "subject_version_secrets", "config_secrets",
)  # fmt: skip
TABLES_THE_PUBLIC_ROLE_READS = {
    "blocks", "challenges", "device_sessions", "emails", "invitations", "known_networks", "letters", "login_codes",
    "mail_deliveries", "projection_keeper", "projection_outbox", "schema_migrations", "session_last_seen",
    "session_orders", "settings", "users",
}  # fmt: skip
NO_ROLE_MAY = [
    "update audit_events set outcome = 'other'",
    "delete from audit_events",
    "truncate audit_events",
    (
        "insert into audit_events (audit_id, occurred_at, event, outcome, caller) overriding system value "
        "values (9000000000, clock_now(), 'security.x', 'x', 'x')"
    ),
    "update audit_seal set mac = mac",
    "delete from audit_seal",
    "truncate audit_seal",
    "update audit_checkpoint set seq = 1",
    "insert into audit_checkpoint default values",
    "delete from audit_checkpoint",
    "truncate device_sessions",
    "delete from settings",
    "insert into settings default values",
    "update settings_changes set new_value = 'other'",
    "delete from settings_changes",
    "insert into schema_migrations (version, name, checksum) values (999, 'x', 'x')",
    "update schema_migrations set checksum = 'x'",
    "update users set email = 'other@example.com'",
    "create table mine (id int)",
    "alter table device_sessions disable trigger all",
    "drop table blocks",
    "create role mine",
    "alter role postgres password 'mine'",
    "set role postgres",
    "copy users to '/tmp/authsession-grants-test'",
    "select pg_read_file('PG_VERSION')",
    "select rolpassword from pg_authid",
]
THE_PUBLIC_ROLE_MAY_NOT = [
    "update device_sessions set status = 'revoked'",
    "update device_sessions set label = 'mine'",
    "update session_orders set outcome = 'revoked', published_at = clock_now()",
    "update session_orders set device_session_id = 'device-session-1'",
    "delete from session_orders",
    "select body from session_orders",
    "select token_hash from session_orders",
    "select * from session_orders for update",
    "insert into session_orders (device_session_id, outcome) values ('device-session-1', 'revoked')",
    "insert into session_orders (device_session_id, received_at) values ('device-session-1', clock_now())",
    "update session_notices set used_at = null",
    "select token_hash from session_notices",
    "update device_sessions set status = 'active'",
    "update device_sessions set revoke_reason_code = 'other'",
    "select * from device_sessions for update",
    "select * from device_sessions for share",
    "insert into blocks (email_id, reason_code, actor_type, created_at) values (1, 'x', 'x', clock_now())",
    "update blocks set expires_at = clock_now()",
    "delete from blocks",
    "delete from device_sessions",
    "delete from users",
    "delete from emails",
    "delete from login_codes",
    "delete from challenges",
    "delete from known_networks",
    "update settings set session_limit = 0",
    "select * from settings for update",
    "set role authsession_internal",
    *(f"select * from {table}" for table in TABLES_THE_PUBLIC_ROLE_MAY_NOT_READ),
    "insert into settings_changes (version, name, old_value, new_value, actor_type) values (1, 'a', 'b', 'c', 'd')",
    "select * from mail_connection for update",
    "update mail_connection set change_id = change_id",
    "insert into mail_connection default values",
    "delete from mail_connection",
    "select * from domain_revocations",
    "select * from onboarding_steps",
    "select * from idempotency_keys",
    "select * from user_block_orders",
    "insert into user_block_orders (user_id, reason_code, ordered_at, next_attempt_at) values ('u', 'x', now(), now())",
    "update user_block_orders set attempts = 0",
    "delete from user_block_orders",
    "insert into audit_seal values (1, 1, 'k1', decode(repeat('00', 32), 'hex'))",
    "update audit_sealer set floor = 1",
    "select remove_audit_prefix(1, decode(repeat('00', 32), 'hex'), 'k1', decode(repeat('00', 32), 'hex'))",
]
THE_INTERNAL_ROLE_MAY_NOT = [
    "insert into login_codes select * from login_codes",
    "update login_codes set ended_at = null",
    "insert into challenges select * from challenges",
    "update challenges set attempts = 0",
    "update mail_deliveries set email = 'other@example.com'",
    "delete from mail_deliveries",
    "update known_networks set confirmed_at = clock_now()",
    "insert into users select * from users",
    "update users set email = 'other@example.com'",
    "insert into known_networks select * from known_networks",
    "select revoke_oldest_sessions('user-1')",
    "set role authsession_public",
]


def refused(dsn: str, sql: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        run_sql(dsn, sql)


@pytest.mark.parametrize("sql", NO_ROLE_MAY)
def test_no_role_may(database: Database, sql: str) -> None:
    refused(database.public_dsn, sql)
    refused(database.internal_dsn, sql)


@pytest.mark.parametrize("sql", THE_PUBLIC_ROLE_MAY_NOT)
def test_the_public_role_may_not(database: Database, sql: str) -> None:
    refused(database.public_dsn, sql)


@pytest.mark.parametrize("sql", THE_INTERNAL_ROLE_MAY_NOT)
def test_the_internal_role_may_not(database: Database, sql: str) -> None:
    refused(database.internal_dsn, sql)


def test_the_public_role_reads_these_tables_and_no_later_one(database: Database) -> None:
    """A new table of operators stays theirs until somebody writes it down here."""
    rows = run_sql(
        database.public_dsn,
        """
        select relname from pg_class where relnamespace = 'authsession'::regnamespace and relkind in ('r', 'v', 'p')
           and (has_table_privilege(oid, 'select') or has_any_column_privilege(oid, 'select'))
        """,
    )
    assert {row["relname"] for row in rows} == TABLES_THE_PUBLIC_ROLE_READS


@pytest.mark.parametrize("table", ["operators", "operator_sessions", "api_tokens"])
def test_the_public_role_makes_no_operator_no_session_of_one_and_no_token(database: Database, table: str) -> None:
    for sql in (f"insert into {table} default values", f"delete from {table}", f"truncate {table}"):
        refused(database.public_dsn, sql)


def test_the_roles_read_the_clock_and_the_schema_version(database: Database) -> None:
    for dsn in (database.public_dsn, database.internal_dsn):
        assert (
            run_sql(dsn, "select clock_now() as now, max(version) as version from schema_migrations")[0]["version"] > 0
        )


@pytest.fixture
def user(database: Database) -> StoredUser:
    return store_user(database)


def set_policy(database: Database, policy: str, limit: int) -> None:
    database.execute("update settings set session_limit_policy = $1, session_limit = $2", policy, limit)


def revoke_oldest(database: Database, user: StoredUser) -> None:
    run_sql(database.public_dsn, "select * from revoke_oldest_sessions($1)", user.user_id)


def status(database: Database, session_id: str) -> str:
    return database.execute("select status from device_sessions where device_session_id = $1", session_id)[0]["status"]


def test_under_policy_reject_the_public_role_can_revoke_nothing(database: Database, user: StoredUser) -> None:
    session_id = store_session(database, user).device_session_id
    set_policy(database, "reject", 1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        revoke_oldest(database, user)
    assert status(database, session_id) == "active"


def test_the_public_role_cannot_revoke_more_than_the_limit_asks_for(database: Database, user: StoredUser) -> None:
    sessions = [store_session(database, user).device_session_id for _ in range(3)]
    set_policy(database, "revoke_oldest", 3)
    revoke_oldest(database, user)
    assert [status(database, session_id) for session_id in sessions] == ["active", "active", "active"]
    sessions.append(store_session(database, user).device_session_id)
    revoke_oldest(database, user)
    assert [status(database, session_id) for session_id in sessions] == ["revoked", "active", "active", "active"]


def test_a_temporary_table_cannot_stand_in_for_the_settings(database: Database, user: StoredUser) -> None:
    """CVE-2018-1058: a function with the owner's rights must not look for its tables in the caller's pg_temp."""
    session_id = store_session(database, user).device_session_id
    set_policy(database, "reject", 0)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="policy is not revoke_oldest"):
        run_sql(
            database.public_dsn,
            f"""
            create temporary table settings as select * from authsession.settings;
            update pg_temp.settings set session_limit = 1, session_limit_policy = 'revoke_oldest';
            select * from authsession.revoke_oldest_sessions('{user.user_id}');
            """,
        )
    assert status(database, session_id) == "active"


NEW_AGENT_SESSION = (
    "insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id,"
    " created_at) values ('device-session-of-nobody', '{user}', sha256('x'), {codes}, clock_now())"
)
AGENT_ID = "agent-" + "0" * 26


@pytest.mark.parametrize("user", [AGENT_ID, "user-1"])
def test_the_public_role_opens_no_session_without_a_code(database: Database, user: str) -> None:
    """Only sessions of agents have none, and only the internal process opens those."""
    refused(database.public_dsn, NEW_AGENT_SESSION.format(user=user, codes="null, null"))


@pytest.mark.parametrize(
    "codes", ["gen_random_uuid(), null", "null, 'challenge-x'", "gen_random_uuid(), 'challenge-x'"]
)
def test_an_agents_session_has_neither_code_nor_challenge_whoever_opens_it(database: Database, codes: str) -> None:
    for dsn in (database.public_dsn, database.internal_dsn, database.owner_dsn):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)):
            run_sql(dsn, NEW_AGENT_SESSION.format(user=AGENT_ID, codes=codes))


@pytest.mark.parametrize("user", ["user-1", "agent-7", "agent-" + "A" * 26, "agent-" + "0" * 27])
def test_a_persons_session_has_a_code(database: Database, user: str) -> None:
    """An id of a user service may begin like an agent's."""
    with pytest.raises(asyncpg.CheckViolationError):
        run_sql(database.internal_dsn, NEW_AGENT_SESSION.format(user=user, codes="null, null"))
    coded = NEW_AGENT_SESSION.format(user=user, codes="gen_random_uuid(), gen_random_uuid()::text")
    run_sql(database.public_dsn, coded.replace("device-session-of-nobody", f"device-session-of-{user}"))


def test_a_session_of_an_agent_changes_by_a_revocation_alone(database: Database) -> None:
    run_sql(database.internal_dsn, NEW_AGENT_SESSION.format(user=AGENT_ID, codes="null, null"))
    for change in ("login_code_id = gen_random_uuid()", "user_id = 'user-1'", "client_public_key = sha256('y')"):
        with pytest.raises(asyncpg.CheckViolationError):
            database.execute(f"update device_sessions set {change} where user_id = $1", AGENT_ID)
    revoked = (
        "update device_sessions set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'x',"
        f" revoke_actor_type = 'system' where user_id = '{AGENT_ID}'"
    )
    refused(database.public_dsn, revoked)
    run_sql(database.internal_dsn, revoked)
    with pytest.raises(asyncpg.CheckViolationError):
        database.execute("update device_sessions set status = 'active' where user_id = $1", AGENT_ID)
