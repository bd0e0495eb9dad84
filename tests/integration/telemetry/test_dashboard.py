"""Dashboard and alert rules: PromQL that parses, of metrics, labels and words that both processes show."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from contracts.node.names import SECRETS_PATH, STATUS_PATH
from contracts.node.report import Lag, Report
from contracts.node.secrets import GATEWAY, OpenSecrets, SecretVersion, encode_open_secrets
from contracts.node.status import ConfigOutcome, Status, encode_status
from contracts.node.telemetry import PROTOBUF, telemetry_path
from docs.generate.metrics import instruments
from tests.support.database import Database
from tests.support.nodes import Node, make_node
from tests.support.product import INTERNAL, Product, open_product
from tests.support.published import activate
from tests.support.stack import open_stack, wait_for

ROOT = Path(__file__).parents[3]
DASHBOARD = json.loads((ROOT / "docs" / "dashboards" / "authsession.json").read_text("utf-8"))
ALERTS = yaml.safe_load((ROOT / "docs" / "alerts.yaml").read_text("utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
OF_PROMETHEUS = {"up": {"job", "instance"}}
"""Metrics that Prometheus makes, and (to all) the labels it adds."""
SOURCES = "\n".join(
    path.read_text("utf-8")
    for folder in ("contracts", "services", "shared")
    for path in sorted((ROOT / folder).rglob("*.py"))
)


def expressions() -> dict[str, str]:
    """By where they stand. Grafana puts an interval in place of its variable."""
    shown = {
        f"{panel['title']}, {target['refId']}": target["expr"].replace("$__rate_interval", "5m")
        for panel in PANELS
        for target in panel["targets"]
    }
    return {**{rule["alert"]: rule["expr"] for rule in RULES}, **shown}


def nodes(expression: str) -> list[Any]:
    """Of the tree that a parser of PromQL makes of it. Raises `ValueError` if it makes none."""
    found: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), found.append)
    return found


def selectors(expression: str) -> Iterator[Any]:
    return (node for node in nodes(expression) if isinstance(node, promql_parser.VectorSelector))


def grouped_by(expression: str) -> set[str]:
    """The labels of every `by (…)`."""
    aggregates = [node for node in nodes(expression) if isinstance(node, promql_parser.AggregateExpr)]
    return {label for each in aggregates if each.modifier for label in each.modifier.labels}


@pytest.fixture(scope="module")
def product(database: Database) -> Iterator[Product]:
    """With one connection to Postgres a process, so that units of work wait for it."""
    with (
        open_stack(database, AUTHSESSION_POSTGRES_POOL_SIZE="1") as stack,
        open_product(stack) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def shown(product: Product, database: Database) -> Mapping[str, set[str]]:
    """The labels of each metric that the processes show after they were used: right, wrong, and all at once."""
    session = product.log_in("shown@example.com")
    assert product.confirm(product.send("shown@example.com"), "000000").status_code in {200, 400}
    product.revoke(session)
    credentials = {"user_name": "nobody", "password": "Wrong horse 7 staple"}
    assert product.internal.post("/api/control-plane/auth/login", json=credentials).status_code == 401
    traces, node = telemetry_path("traces"), make_node(database)
    of_traces = {"content-type": PROTOBUF}
    assert product.internal.post(traces, headers=node.headers("POST", traces) | of_traces).status_code == 503
    report_of(product, database, node)
    connect(database)
    refuse_secret(product, node)
    url = f"{product.stack.internal_url}{INTERNAL}/users?email=shown@example.com"
    with ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(httpx.get, [url] * 16)} == {200}
    late = {
        "authsession_audit_unsealed_age_seconds",
        "authsession_node_sessions_cached",
        "authsession_connections_probes_total",
    }
    wait_for(lambda: late <= scraped(product).keys(), timeout=30)
    return scraped(product)


def connect(database: Database) -> None:
    """An accepted connection, which is probed although its address is blocked."""
    database.execute(
        """
        with made as (
            insert into connections
                (connection_id, name, kind, last_revision, accepted_revision, created_at, updated_at)
            values ('connection-shown', 'shown', 'user_service', 1, 1, clock_now(), clock_now()))
        insert into connection_revisions (connection_id, revision, settings, secrets, created_by, created_at)
        values ('connection-shown', 1, '{"base_url": "https://127.0.0.1"}', '{}', 'test', clock_now())
        """
    )


def report_of(product: Product, database: Database, node: Node) -> None:
    """The node applies two configurations, reports, and shares its key with another process."""
    first, second = activate(database, node.pool), activate(database, node.pool)
    report = Report(1, 2, {"request_replayed": 1}, Lag(3, 4), "ok")
    of = [ConfigOutcome(each.position, each.digest, "applied") for each in (first, second)]
    one, other = "boot-of-a-process", "boot-of-another-process"
    for status in (Status(one, of[0]), Status(one, of[1], report=report), Status(other, of[1]), Status(one, of[1])):
        body = encode_status(status)
        headers = node.headers("PUT", STATUS_PATH, body) | {"content-type": "application/json"}
        assert product.internal.put(STATUS_PATH, content=body, headers=headers).status_code == 200


def refuse_secret(product: Product, node: Node) -> None:
    """The node asks for a secret that it may not read."""
    body = encode_open_secrets(OpenSecrets((SecretVersion(f"secret-{0:026d}", 1),), GATEWAY))
    headers = node.headers("POST", SECRETS_PATH, body) | {"content-type": "application/json"}
    assert product.internal.post(SECRETS_PATH, content=body, headers=headers).status_code == 403


def scraped(product: Product) -> Mapping[str, set[str]]:
    labels = defaultdict[str, set[str]](set)
    for client in (product.metrics, product.internal):
        for family in text_string_to_metric_families(client.get("/metrics").text):
            for sample in family.samples:
                labels[sample.name] |= sample.labels.keys()
    return labels


@pytest.mark.parametrize("place", expressions())
def test_every_metric_and_label_that_is_asked_for_is_shown(shown: Mapping[str, set[str]], place: str) -> None:
    known = {**shown, **OF_PROMETHEUS}
    expression = expressions()[place]
    found = list(selectors(expression))
    assert found, "an expression without a metric"
    for selector in found:
        assert selector.name in known, selector.name
        assert {matcher.name for matcher in selector.matchers.matchers} <= known[selector.name]
    of_all = {"instance", "job"}.union(*(known[selector.name] for selector in found))
    assert grouped_by(expression) <= of_all


@pytest.mark.parametrize("place", expressions())
def test_every_word_that_is_looked_for_is_one_of_ours(place: str) -> None:
    """`outcome="confirmd"` would never fire."""
    for selector in selectors(expressions()[place]):
        for matcher in selector.matchers.matchers:
            if matcher.name in {"outcome", "code", "reason"}:
                assert [word for word in matcher.value.split("|") if f'"{word}"' not in SOURCES] == []


def test_the_reference_page_has_every_metric_that_is_shown_with_its_labels(shown: Mapping[str, set[str]]) -> None:
    documented = {each.name: set(each.labels) for each in instruments()}
    shown_by_us = {sample: labels for sample, labels in shown.items() if sample != "target_info"}  # OpenTelemetry's
    for sample, labels in shown_by_us.items():
        name = sample if sample in documented else re.sub("_(bucket|count|sum|created)$", "", sample)
        assert name in documented
        assert labels - {"le"} <= documented[name], name


def test_a_typing_error_in_an_expression_is_found(shown: Mapping[str, set[str]]) -> None:
    """So that the tests above can fail."""
    with pytest.raises(ValueError, match=r"unclosed|expected"):
        nodes("sum(rate(authsession_sends_total[5m])")
    [selector] = selectors('rate(authsession_send_total{outcom="confirmd"}[5m])')
    assert selector.name not in shown
    assert selector.matchers.matchers[0].name not in shown["authsession_sends_total"]
    assert grouped_by("sum by (outcom) (authsession_sends_total)") == {"outcom"}


def test_rules_are_whole_and_named_once() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "action"}


def test_panels_are_whole_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells
