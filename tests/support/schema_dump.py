"""A database's schema as text, from pg_dump, without the parts that differ between two dumps of one schema.

After a new migration, `python -m tests.support.schema_dump` rewrites shared/db/schema.sql.
"""

import re
import subprocess

from authsession.embedded.postgres import postgres_binaries
from shared.db.migrate import FOLDER
from tests.support.database import cloned_database, create_template
from tests.support.servers import temporary_postgres

SNAPSHOT = FOLDER / "schema.sql"
_HEADER = (
    "-- The schema after all migrations. Written by `python -m tests.support.schema_dump`; a test keeps it true.\n\n"
)


def dump_schema(dsn: str) -> str:
    """Tables, functions, triggers, constraints and grants of the schema `authsession`, in pg_dump's order."""
    command = [postgres_binaries() / "pg_dump", "--schema-only", "--schema=authsession", "--no-owner", "--dbname", dsn]
    dump = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    # Comments name versions, \restrict carries a random key, the SETs are of the session that reads the dump.
    lines = [
        line for line in dump.splitlines() if not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_config"))
    ]
    return _HEADER + re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip() + "\n"


def main() -> None:
    with temporary_postgres() as server, cloned_database(server, create_template(server)) as database:
        SNAPSHOT.write_text(dump_schema(database.owner_dsn), encoding="utf-8")


if __name__ == "__main__":
    main()
