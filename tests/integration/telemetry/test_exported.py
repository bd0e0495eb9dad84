"""Both processes send a collector the spans of a login, metrics and logs."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.collector import Collector, attributes, open_collector
from tests.support.database import Database
from tests.support.product import CONFIRM, INTERNAL, SEND, Product, open_product
from tests.support.stack import open_stack, wait_for

SERVER, CLIENT = 2, 3
"""Kinds of spans, as OTLP numbers them."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A product, and the collector of its processes."""

    product: Product
    collector: Collector

    def wait_for_span(self, name: str, **wanted: str) -> Any:
        """The first span of that name with these attributes (`_` for a dot)."""

        def found() -> list[Any]:
            return [
                span
                for span in self.collector.spans()
                if span.name == name
                and all(attributes(span).get(key.replace("_", ".")) == value for key, value in wanted.items())
            ]

        return wait_for(found)[0]

    def spans(self, name: str) -> list[Any]:
        return [span for span in self.collector.spans() if span.name == name]

    def children(self, parent: Any) -> set[str]:
        return {span.name for span in self.collector.spans() if span.parent_span_id == parent.span_id}


@pytest.fixture(scope="module")
def observed(database: Database) -> Iterator[Observed]:
    with (
        open_collector() as collector,
        open_stack(
            database, **collector.environment, AUTHSESSION_SEND_RATE_LIMIT="100/1m", OTEL_SERVICE_NAME="observed"
        ) as stack,
        open_product(stack) as product,
    ):
        yield Observed(product, collector)


def test_a_login_shows_as_one_span_a_request_with_its_units_of_work_and_redis_calls(observed: Observed) -> None:
    session = observed.product.log_in("spans@example.com")
    sent, confirmed = observed.wait_for_span(f"POST {SEND}"), observed.wait_for_span(f"POST {CONFIRM}")
    for span in (sent, confirmed):
        assert span.kind == SERVER
        assert span.parent_span_id == b""
        assert attributes(span) == {
            "http.request.method": "POST",
            "http.route": span.name.partition(" ")[2],
            "http.response.status_code": 200,
            "url.scheme": "http",
        }
    limit_and_write, write_and_record = {"EVALSHA", "issue_challenges"}, {"confirm_challenges", "EVALSHA"}
    assert observed.children(sent) >= limit_and_write  # and, just after the start, scripts that are loaded
    assert observed.children(confirmed) >= write_and_record  # and the epoch, if it has just begun
    unit = observed.wait_for_span("confirm_challenges")
    assert unit.kind == CLIENT
    assert attributes(unit) == {"db.system.name": "postgresql", "db.operation.name": "confirm_challenges"}
    script = observed.wait_for_span("EVALSHA")
    assert attributes(script).items() >= {"db.system.name": "redis", "db.operation.name": "EVALSHA"}.items()

    observed.product.revoke(session)
    revoked = observed.wait_for_span(f"POST {INTERNAL}/sessions/{{device_session_id}}/revoke")
    assert {"revoke_session", "EVALSHA"} <= observed.children(revoked)


def test_each_of_many_requests_at_once_leads_to_the_unit_of_work_that_decided_it(observed: Observed) -> None:
    """They share units of work, and each such unit belongs to one of them, to which the others link."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(observed.product.send, [f"many{number}@example.com" for number in range(64)]))
    sends = wait_for(lambda: sent if len(sent := observed.spans(f"POST {SEND}")) >= 64 else None)
    owners = {unit.parent_span_id for name in ("issue_challenges", "issue_challenge") for unit in observed.spans(name)}
    linked = {span.span_id: {link.span_id for link in span.links} for span in sends}
    assert [span_id for span_id, links in linked.items() if not owners & {span_id, *links}] == []
    assert len(observed.spans("issue_challenges")) < len(sends), "none was shared"


def test_a_mail_is_a_trace_of_its_own(observed: Observed) -> None:
    email = "mail-span@example.com"
    observed.product.code(email, observed.product.send(email))
    mail = observed.wait_for_span("send mail", authsession_mail_outcome="sent")
    assert mail.kind == CLIENT
    assert mail.parent_span_id == b""
    assert len(attributes(mail)["messaging.message.id"]) == 36


def test_the_trace_of_a_trusted_service_goes_on_and_that_of_a_stranger_is_linked(observed: Observed) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    traceparent = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01", "tracestate": "vendor=of-a-stranger"}
    observed.product.internal.get(f"{INTERNAL}/users", params={"email": "x@example.com"}, headers=traceparent)
    observed.product.send("stranger@example.com", **traceparent)
    continued = observed.wait_for_span(f"GET {INTERNAL}/users")
    assert continued.trace_id.hex() == trace_id
    assert continued.parent_span_id.hex() == "00f067aa0ba902b7"

    def linked_to_it() -> list[Any]:
        sends = observed.spans(f"POST {SEND}")
        return [span for span in sends if trace_id in {link.trace_id.hex() for link in span.links}]

    [linked] = wait_for(linked_to_it)
    assert linked.trace_id.hex() != trace_id
    assert linked.parent_span_id == b""
    assert "of-a-stranger" not in observed.collector.text()


def test_a_log_line_names_its_trace_here_and_at_the_collector(observed: Observed) -> None:
    """A proof that nobody can check is refused with a warning."""
    product = observed.product
    challenge_id = product.send("logged@example.com")
    product.confirm(challenge_id, "123456", client_key_proof="cHJvb2Y=")
    event = "client_key_proof refused: AUTHSESSION_PUBLIC_HOST is not set"
    [line] = wait_for(lambda: [line for line in product.stack.lines["public"] if event in line])
    told = json.loads(line)
    [record] = wait_for(lambda: [each for each in observed.collector.logs() if each.body.string_value == event])
    assert (record.trace_id.hex(), record.span_id.hex()) == (told["trace_id"], told["span_id"])
    assert attributes(record) == {"request_id": told["request_id"]}
    span = wait_for(lambda: [each for each in observed.collector.spans() if each.span_id == record.span_id])[0]
    assert span.name == f"POST {CONFIRM}"


def test_metrics_are_pushed_as_well_as_shown(observed: Observed) -> None:
    observed.product.log_in("pushed@example.com")
    wanted = {"http.server.request.duration", "authsession.confirms", "db.client.connection.count"}
    wait_for(lambda: wanted <= observed.collector.metric_names())
    assert "authsession_confirms_total" in observed.product.metrics.get("/metrics").text
