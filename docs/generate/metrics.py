"""`docs/reference/metrics.md`, from the instruments in the source: found by their calls, without running anything."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from docs.generate import markdown

_ROOT = Path(__file__).parents[2]
_KINDS: Mapping[str, str] = {
    "Counter": "counter",
    "counts_by_outcome": "counter",
    "create_counter": "counter",
    "create_gauge": "gauge",
    "create_observable_gauge": "gauge",
    "create_observable_up_down_counter": "gauge",
    "create_histogram": "histogram",
    "DurationHistogram": "histogram",
    "module_histogram": "histogram",
}
"""How an instrument is made, and its type in Prometheus."""
_NAMED_LABELS: Mapping[str, tuple[str, ...]] = {
    "counts_by_outcome": ("outcome",),
    "create_observable_up_down_counter": ("db.client.connection.pool.name", "db.client.connection.state"),
}
_ENDINGS: Mapping[str, str] = {"s": "_seconds", "By": "_bytes"}
"""The units that Prometheus' names end with."""
_OWN = frozenset({"Counter", "DurationHistogram", "module_histogram"})
"""Ours take the names of the labels as their last arguments. The others are given labels with each value."""
_HEAD = """\
Prometheus scrapes `/metrics` of both processes.
The internal process serves it on its listener, the public process on `AUTHSESSION_PUBLIC_METRICS_ADDR`.
A metric appears when it has its first value.
No label holds an address, a code, a key, a token or an id of a person.

Over OpenTelemetry the names have dots (`authsession.sends`), and neither the unit nor `_total` at the end.
A histogram has the series `…_bucket`, `…_count` and `…_sum`.

[Alert rules](../alerts.yaml) and a [dashboard for Grafana](../dashboards/authsession.json) use these metrics."""


_VALUES = (
    (
        "authsession_sends_total",
        "outcome",
        (
            "A code was made or shared: `new_code`, `shared_mailed`, `shared_unmailed`. "
            "Nothing may be mailed: `blocked`, `email_domain`, `sign_up`, `new_address_mail_limit`. "
            "A budget is used up: `mail_budget`, `wrong_code_budget`, `live_challenge_budget`."
        ),
    ),
    (
        "authsession_confirms_total",
        "outcome",
        "`confirmed`, `client_key_proof_missing`, or the code of the refusal, such as `invalid_code`.",
    ),
    ("authsession_wrong_codes_total", "evaluated", "`true` if the code was compared with a live code, else `false`."),
    (
        "authsession_mails_total",
        "outcome",
        (
            "`sent`, `retried` (another attempt follows), `suppressed`, `failed` (refused for good), "
            "`abandoned` (the code ended)."
        ),
    ),
    ("authsession_letters_total", "kind", "`notice` or `invitation`."),
    (
        "authsession_letters_total",
        "outcome",
        "That of `authsession_mails_total`; `abandoned`: the letter's time is over.",
    ),
    ("authsession_letters_total", "reason", "That of `authsession_mails_total`, or `expired`."),
    (
        "authsession_notice_revocations_total",
        "outcome",
        "`revoked`, `already_revoked`, `notice_expired`, or `unanswered` (503, the order stands).",
    ),
    (
        "authsession_mails_total",
        "reason",
        (
            "`none`, or the reason of the outcome, such as `sign_up`, `timeout`, `unreachable`, `login_refused`, "
            "`recipient_refused`, `status_401` or `malformed_answer`."
        ),
    ),
    (
        "authsession_operator_log_ins_total",
        "outcome",
        (
            "`logged_in`, or the reason of the refusal: `unknown_user_name`, `wrong_password`, `locked`, `disabled` or "
            "`changed_meanwhile`."
        ),
    ),
    (
        "authsession_user_service_block_orders_total",
        "outcome",
        "`delivered`, `not_found` (the user service knows no such user), `put_off` (another attempt follows).",
    ),
    (
        "authsession_user_service_call_duration_seconds",
        "outcome",
        "`answered`, `circuit_open`, `cancelled`, or the fault: `timeout`, `connect`, `broken`, `status`, `malformed`.",
    ),
    (
        "authsession_node_telemetry_requests_total",
        "outcome",
        (
            "`forwarded`, `refused` (bad data, or too large), `refused_by_collector`, `collector_away`, "
            "`rate_limited`, `overloaded` (too much waits for the collector) or `not_configured`."
        ),
    ),
    ("authsession_node_telemetry_requests_total", "signal", "`traces`, `metrics` or `logs`."),
    ("authsession_errors_total", "code", "A code of [errors](errors.md)."),
    (
        "authsession_projection_epochs_total",
        "reason",
        "A reason of [the keeper's table](../architecture/projection.md#the-keeper).",
    ),
    (
        "authsession_projection_corrections_total",
        "kind",
        (
            "Of a record or entry: `stale_active` (active instead of revoked), `stray` (without a session), "
            "`different`, `malformed`, `missing`, `wrong_life`. Of the stream: `last_id`."
        ),
    ),
    ("authsession_retention_removed_total", "kind", "The kind of row, such as `challenge` or `revoked_session`."),
)
"""Values of labels, for the second table: metric, label, values."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric, by its names in Prometheus."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    description: str


def page() -> str:
    """The whole page."""
    rows = [
        (
            markdown.code(each.name),
            each.kind,
            each.unit,
            ", ".join(markdown.code(label) for label in each.labels),
            each.description,
        )
        for each in sorted(instruments(), key=lambda each: each.name)
    ]
    head = ("Name in Prometheus", "Type", "Unit", "Labels", "Meaning")
    values = [(markdown.code(metric), markdown.code(label), text) for metric, label, text in _VALUES]
    return markdown.page(
        "Metrics",
        "the instruments in `services` and `shared`",
        _HEAD,
        markdown.table(head, rows),
        "## Values of labels",
        markdown.table(("Name in Prometheus", "Label", "Values"), values),
    )


def instruments() -> list[Instrument]:
    """Every instrument of both services."""
    files = sorted(path for folder in ("services", "shared") for path in (_ROOT / folder).rglob("*.py"))
    texts = {path: path.read_text("utf-8") for path in files}
    trees = {path: ast.parse(text) for path, text in texts.items() if "metrics" in text}
    labels = _labels_of_values(trees)
    return [_instrument(call, holder, labels) for path, tree in trees.items() for call, holder in _made(path, tree)]


def _holder(path: Path, variable: str) -> str:
    """The variable of an instrument: a private one belongs to its file."""
    return f"{path} {variable}" if variable.startswith("_") else variable


def _made(path: Path, tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Each call that makes an instrument, with its holder."""
    variables = {
        id(node.value): _holder(path, target.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in _KINDS and _description(node):
            yield node, variables.get(id(node), "")


def _instrument(call: ast.Call, holder: str, labels: Mapping[str, set[str]]) -> Instrument:
    called = _called(call)
    texts = [text for text in map(_text, call.args) if text]
    words = {each.arg: _text(each.value) for each in call.keywords}
    kind, name = _KINDS[called], texts[0]
    unit = "s" if called in _OWN and kind == "histogram" else words.get("unit", "")
    own = texts[2:] if called in _OWN else ()
    found = {*own, *_NAMED_LABELS.get(called, ()), *labels.get(holder, ())}
    if called == "create_observable_up_down_counter" and not name.endswith("connection.count"):
        found.discard("db.client.connection.state")
    ending = _ENDINGS.get(unit, "") + ("_total" if kind == "counter" else "")
    return Instrument(
        name=_in_prometheus(name) + ending,
        kind=kind,
        unit=_ENDINGS.get(unit, unit).strip("_{}"),
        labels=tuple(sorted(map(_in_prometheus, found))),
        description=_description(call),
    )


def _description(call: ast.Call) -> str:
    """The empty text, too, for a call that only looks like one that makes an instrument."""
    named = next((_text(each.value) for each in call.keywords if each.arg == "description"), "")
    return named or next(iter([text for text in map(_text, call.args) if text][1:2]), "")


def _labels_of_values(trees: Mapping[Path, ast.Module]) -> Mapping[str, set[str]]:
    """The labels that values are given with, `COUNTER.add(1, {"label": …})`, by holder."""
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for path, tree in trees.items():
        constants = _constants(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) > 1:
                given = constants.get(_last_name(node.args[1]), node.args[1])
                variable = _last_name(node.func.value)
                if node.func.attr in ("add", "record", "set") and isinstance(given, ast.Dict):
                    labels[_holder(path, variable)] |= {_key(key, constants) for key in given.keys}
    return labels


def _constants(tree: ast.Module) -> Mapping[str, ast.expr]:
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _key(key: ast.expr | None, constants: Mapping[str, ast.expr]) -> str:
    assert key is not None, "labels are written out"
    return _text(constants.get(_last_name(key), key))


def _called(call: ast.Call) -> str:
    return _last_name(call.func)


def _last_name(node: ast.expr) -> str:
    """`b` of `b` and of `a.b`; the empty text of everything else."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr) -> str:
    """The text of a constant; the empty one of everything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _in_prometheus(name: str) -> str:
    return name.replace(".", "_")
