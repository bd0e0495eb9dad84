"""A released migration never changes, not even in a comment: a database that has applied it would refuse to start."""

import hashlib
import json
from pathlib import Path

MIGRATIONS = Path(__file__).parents[3] / "shared/db/migrations"
RELEASED = Path(__file__).with_name("released_migrations.json")


def test_each_migration_is_the_one_that_was_released() -> None:
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(MIGRATIONS.glob("*.sql"))}
    released = json.loads(RELEASED.read_text("utf-8"))
    changed = [name for name in released if found.get(name) != released[name]]
    assert changed == [], "take the change back and write a new migration"
    new = {name: digest for name, digest in found.items() if name not in released}
    assert new == {}, f"add this line to {RELEASED.name}"
