"""shared/db/schema.sql is the schema, for people to read: kept true here."""

from authsession.embedded.postgres import EmbeddedPostgres
from tests.support.database import Database, cloned_database
from tests.support.schema_dump import SNAPSHOT, dump_schema


def test_the_snapshot_is_the_schema_after_all_migrations(database: Database) -> None:
    assert dump_schema(database.owner_dsn) == SNAPSHOT.read_text("utf-8"), "run python -m tests.support.schema_dump"


def test_the_snapshot_alone_builds_the_same_schema(postgres_server: EmbeddedPostgres, template: str) -> None:
    with cloned_database(postgres_server, None) as empty:
        empty.execute("set check_function_bodies = off; " + SNAPSHOT.read_text("utf-8"))
        assert dump_schema(empty.owner_dsn) == SNAPSHOT.read_text("utf-8")
