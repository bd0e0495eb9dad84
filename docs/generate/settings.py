"""`docs/reference/settings.md`, from the definitions of the settings and their columns in Postgres."""

import re
from pathlib import Path

from docs.generate import markdown
from services.internal_admin.system_settings.domain.settings import OFF, SETTINGS

_SCHEMA = Path(__file__).parents[2] / "shared/db/schema.sql"
_HEAD = """\
Settings live in one row of Postgres and act everywhere at once, with the next statement.
Each change is kept in a history and in the audit trail.

* On the [command line](cli.md): `authsession settings get`, `settings set NAME VALUE`, `settings history`.
* Over [HTTP](http-api.md): `GET` and `PATCH /api/control-plane/system-settings`.

A duration is a whole number with a unit: `90d`, `12h`, `30m` or `45s`.
On the command line a list is separated by commas, and `-` is the empty list."""


def page() -> str:
    """The whole page."""
    rows = [
        (markdown.code(name), markdown.code(_default(name)), setting.values, setting.meaning)
        for name, setting in SETTINGS.items()
    ]
    sources = "the system settings in `services/internal_admin` and `shared/db/schema.sql`"
    return markdown.page("Settings", sources, _HEAD, markdown.table(("Name", "Default", "Values", "Meaning"), rows))


def _default(name: str) -> str:
    """As the command line writes it."""
    if name == "session_idle_age":  # its column is null while it is off
        return OFF
    columns = _SCHEMA.read_text("utf-8").partition("CREATE TABLE authsession.settings (")[2]
    found = re.search(rf"^    {name} \S+ DEFAULT '?(.*?)'?(?:::[a-z\[\]]+)? NOT NULL", columns, re.MULTILINE)
    assert found, f"schema.sql has no column {name}; write it anew: python -m tests.support.schema_dump"
    return {"{}": "-"}.get(found[1], found[1].replace(" days", "d"))
