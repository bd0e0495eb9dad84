"""`docs/reference/configuration.md`, from the table of environment variables."""

from collections.abc import Iterable, Mapping

from docs.generate import markdown
from shared.config.settings import Variable
from shared.config.variables import VARIABLES

_SECTIONS: Mapping[str, str] = {
    "AUTHSESSION_ENV": "Mode",
    "AUTHSESSION_PUBLIC_HTTP_ADDR": "Listeners",
    "AUTHSESSION_POSTGRES_DSN": "Postgres",
    "AUTHSESSION_REDIS_ADDR": "Redis",
    "AUTHSESSION_LOGIN_CODE_KEYS": "Keys",
    "AUTHSESSION_ALLOW_LOOPBACK_BOOTSTRAP": "Control plane",
    "AUTHSESSION_MAIL_SERVICE_MODE": "Mail",
    "AUTHSESSION_USER_SERVICE_MODE": "User service",
    "AUTHSESSION_SEND_RATE_LIMIT": "Rate limits and budgets",
    "AUTHSESSION_GATEWAY_KEY_PREFIX": "Gateway projection",
    "AUTHSESSION_DRAIN_DELAY": "Shutdown",
}
"""The title of each section, by the first variable in it."""
_HEAD = """\
Both processes know all these names, so one file can serve both.
A process reports every configuration error at once, each with its cure, and exits with status 78.
`authsession doctor` checks the configuration and the servers that it names.

* A duration is written `500ms`, `1s`, `10m`, `1h` or `30d`.
* A rate is written `60/1m`: at most 60 in each minute.
* A boolean is `true` or `false`; `1`, `0`, `yes`, `no`, `on` and `off` work too.
* An empty value counts as no value.
* A *secret* may also be given as a file: the same name with `_FILE` behind it holds the path.

The owner changes [settings](settings.md) while the product runs; they are not environment variables.
OpenTelemetry's own variables (`OTEL_…`) work too, and nothing is exported without them."""


def page() -> str:
    """The whole page."""
    sections: dict[str, list[Variable[object]]] = {}
    title = ""
    for variable in VARIABLES:
        title = _SECTIONS.get(variable.name, title)
        sections.setdefault(title, []).append(variable)
    parts = [f"## {title}\n\n{_table(variables)}" for title, variables in sections.items()]
    return markdown.page("Configuration", "the table of environment variables in `shared`", _HEAD, *parts)


def _table(variables: Iterable[Variable[object]]) -> str:
    rows = [(markdown.code(each.name), _default(each), each.meaning) for each in variables]
    return markdown.table(("Name", "Default", "Meaning"), rows)


def _default(variable: Variable[object]) -> str:
    notes = ["*required*"] * (variable.stand_in is not None) + ["*secret*"] * variable.is_secret
    return ", ".join(notes) or markdown.code(variable.default or "")
