"""Calls with marked secrets go to every route and failing path. Then all logs, metrics and errors are searched."""

import base64
import json
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

import httpx
import pytest

from authsession.embedded.child import Child, free_port
from tests.support.builders import client_public_key
from tests.support.collector import Collector, open_collector
from tests.support.database import ROLE_PASSWORD, cloned_database, create_template
from tests.support.marked_secrets import MARK, Secrets, keep_configured
from tests.support.product import CONFIRM, SEND, Product, open_product
from tests.support.secrets_driver import AUTH, PASSWORD, Driver
from tests.support.servers import temporary_postgres
from tests.support.stack import (
    AUDIT_KEYS,
    CONFIG_KEYS,
    COOKIE_KEYS,
    LOGIN_CODE_KEYS,
    REDIS_PASSWORD,
    SEALING_KEYS,
    SECRET_KEYS,
    RunningStack,
    open_stack,
    wait_for,
)

LEAST_LINES = 10


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    kept = Secrets()
    keep_configured(kept)
    return kept


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """The collector that both processes export to."""
    with open_collector() as running:
        yield running


@pytest.fixture(scope="module")
def product(collector: Collector) -> Iterator[Product]:
    with (
        temporary_postgres() as server,
        cloned_database(server, create_template(server)) as database,
        open_stack(database, AUTHSESSION_PUBLIC_HOST="auth.example.com", **collector.environment) as stack,
        open_product(stack) as clients,
    ):
        yield clients


def wait_for_all_exports(collector: Collector) -> None:
    """Returns when nothing waits to be exported any more. Fails unless plenty of each kind was exported."""
    time.sleep(1)  # twice the longest time that an export waits
    names = {span.name for span in collector.spans()}
    assert {f"POST {SEND}", f"POST {CONFIRM}", f"POST {AUTH}/login", "send mail", "confirm_challenges"} <= names
    assert len(collector.spans()) > 500
    assert len(collector.logs()) > LEAST_LINES
    assert "authsession.operator.log_ins" in collector.metric_names()


def everything_written(product: Product, secrets: Secrets) -> Mapping[str, str]:
    """Everything that the product wrote, by the place where it stands."""
    return {
        "log of public": "\n".join(product.stack.lines["public"]),
        "log of internal": "\n".join(product.stack.lines["internal"]),
        "metrics of public": product.metrics.get("/metrics").text,
        "metrics of internal": product.internal.get("/metrics").text,
        "errors": "\n".join(secrets.error_bodies),
    }


def test_no_secret_is_in_any_log_metric_span_or_error(product: Product, secrets: Secrets, collector: Collector) -> None:
    driver = Driver(product, secrets)
    driver.every_route("first")
    driver.every_route_of_operators()
    driver.every_malformed()
    driver.faults()
    driver.without_dependencies()
    driver.every_route("last")
    assert {200, 400, 404, 405, 410, 413, 415, 500, 503} <= driver.statuses
    wait_for_all_exports(collector)
    written = {**everything_written(product, secrets), "spans, metrics and logs exported": collector.text()}
    assert all(len(written[f"log of {name}"].splitlines()) >= LEAST_LINES for name in ("public", "internal"))
    assert len(secrets.error_bodies) > 50
    assert len(secrets.patterns) > 15 + 30
    assert {
        "setup code",
        "registration token",
        "session token third",
        "notice token last",
        "recovery code third 9",
    } <= secrets.patterns.keys()
    assert {place: found for place, text in written.items() if (found := secrets.found_in(text))} == {}


def test_no_secret_is_in_the_audit_trail(product: Product, secrets: Secrets) -> None:
    """Login codes are not searched for, because six digits may stand in an id by chance."""
    rows = product.stack.database.execute("select audit_events::text as row from audit_events")
    trail = "\n".join(row["row"] for row in rows)
    assert "security.recover_password" in trail
    assert {name for name in secrets.found_in(trail) if not name.startswith("code ")} == set()


def test_every_line_of_the_logs_is_json(product: Product) -> None:
    for lines in product.stack.lines.values():
        for line in lines:
            assert {"ts", "level", "logger", "event"} <= json.loads(line).keys()


def test_the_search_finds_each_secret_in_each_spelling(product: Product, secrets: Secrets) -> None:
    """Plants one secret after the other in the real output, to show that the search can fail."""
    written = "\n".join(everything_written(product, secrets).values())
    email = f"first+{MARK}@example.com"
    spellings = (email, email.upper(), quote(email), json.dumps(email), base64.b64encode(email.encode()).decode())
    configured = (REDIS_PASSWORD, ROLE_PASSWORD, LOGIN_CODE_KEYS, SEALING_KEYS, COOKIE_KEYS, AUDIT_KEYS)
    for planted in (*spellings, *configured, CONFIG_KEYS, SECRET_KEYS, PASSWORD, client_public_key("first").base64):
        assert secrets.found_in(f"{written}{planted}\n") != set(), planted
    codes = [name.removeprefix("code ") for name in secrets.patterns if name.startswith("code ")]
    assert codes
    for code in codes:
        for line in (f'{{"event": "code {code}"}}', f'{{"code":"{code}"}}', f"/confirm?code={code}"):
            assert secrets.found_in(line) == {f"code {code}"}


REFUSED = {
    "AUTHSESSION_POSTGRES_DSN": f"postgresql://user:{MARK}-password@127.0.0.1:port/{MARK}",
    "AUTHSESSION_LOGIN_CODE_KEYS": f"k1:{MARK}-not-base64",
    "AUTHSESSION_SEALING_KEYS": "k1:" + base64.b64encode(MARK.encode()).decode(),
    "AUTHSESSION_REDIS_ADDR": f"redis://user:{MARK}-password@127.0.0.1",
    "AUTHSESSION_REDIS_DB": MARK,
}


@contextmanager
def started(stack: RunningStack, name: str, **changes: str) -> Generator[tuple[Child, list[str]]]:
    """Starts another process of the service. Yields it with the lines that it writes."""
    lines: list[str] = []
    child = stack.services[name].start({**stack.environment[name], **changes}, lines.append)
    try:
        yield child, lines
    finally:
        child.kill()


@pytest.mark.parametrize("name", ["public", "internal"])
def test_a_refused_configuration_tells_names_and_no_values(product: Product, secrets: Secrets, name: str) -> None:
    with started(product.stack, name, **REFUSED) as (child, lines):
        assert child.wait(20) == 78
    said = "\n".join(lines)
    assert all(variable in said for variable in REFUSED), said
    assert secrets.found_in(said) == set()


WRONG = {
    "password of Redis": {"AUTHSESSION_REDIS_PASSWORD": f"{MARK}-wrong"},
    "user of Redis": {"AUTHSESSION_REDIS_USERNAME": f"{MARK}-unknown"},
    "password of Postgres": {"AUTHSESSION_POSTGRES_DSN": f"postgresql://authsession_public:{MARK}-wrong@127.0.0.1:{{port}}/{{name}}"},
    "user of Postgres": {"AUTHSESSION_POSTGRES_DSN": f"postgresql://{MARK}:{ROLE_PASSWORD}@127.0.0.1:{{port}}/{{name}}"},
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_server_that_refuses_a_password_is_no_reason_to_show_it(
    product: Product, secrets: Secrets, what: str
) -> None:
    database, address = product.stack.database, f"127.0.0.1:{free_port()}"
    changes = {name: value.format(port=database.server.port, name=database.name) for name, value in WRONG[what].items()}
    changes |= {"AUTHSESSION_PUBLIC_HTTP_ADDR": address, "AUTHSESSION_PUBLIC_METRICS_ADDR": "off"}
    with started(product.stack, "public", **changes) as (child, lines), httpx.Client(timeout=30) as http:
        wait_for(lambda: any(address in line for line in lines))
        is_degraded = "Redis" in what
        assert http.get(f"http://{address}/readyz").json()["status"] == ("degraded" if is_degraded else "unavailable")
        answer = http.post(f"http://{address}{SEND}", json={"email": f"wrong+{MARK}@example.com"})
        assert answer.status_code == (200 if is_degraded else 503)
        assert child.exit_status() is None
    assert secrets.found_in("\n".join([*lines, answer.text])) == set()
