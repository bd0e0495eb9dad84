"""Health, readiness, metrics and headers of answers, on which operators and balancers rely (SPEC §2.1, §13.1)."""

import re

import httpx
import pytest

from tests.support.builders import email_address
from tests.support.product import CONFIRM, INTERNAL, SEND, Product


def test_the_public_port_shows_the_status_and_nothing_more(product: Product) -> None:
    assert product.public.get("/healthz").content == b'{"status":"ok"}'
    assert product.public.get("/readyz").content == b'{"status":"ready"}'
    assert product.public.get("/metrics").status_code == 404
    assert product.public.get(f"{INTERNAL}/dev/mailbox?email=pilot@example.com").status_code == 404
    assert product.public.get(f"{INTERNAL}/user-blocks").status_code == 404


@pytest.mark.parametrize("listener", ["internal", "metrics"])
def test_the_listeners_of_operators_show_each_check_and_the_metrics(product: Product, listener: str) -> None:
    client: httpx.Client = getattr(product, listener)
    product.log_in(email_address())
    assert client.get("/healthz").json() == {"status": "ok"}
    checks = ("postgres", "schema", "redis", *(("secret_keys",) if listener == "internal" else ()))
    assert client.get("/readyz").json() == {"status": "ready", "checks": dict.fromkeys(checks, "ok")}
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert re.search(r'^http_server_request_duration_seconds_count\{.*http_route="/', answer.text, re.MULTILINE)


def test_the_metrics_of_the_public_process_count_sends_and_confirms(product: Product) -> None:
    def count(name: str) -> float:
        lines = [line for line in product.metrics.get("/metrics").text.splitlines() if line.startswith(name)]
        return sum(float(line.split()[-1]) for line in lines)

    before = count("authsession_sends_total"), count("authsession_confirms_total")
    product.log_in(email_address())
    assert count("authsession_sends_total") == before[0] + 1
    assert count("authsession_confirms_total") == before[1] + 1


def test_the_mailbox_and_the_trusted_routes_are_not_on_the_metrics_listener(product: Product) -> None:
    for path in (SEND, CONFIRM, f"{INTERNAL}/user-blocks", f"{INTERNAL}/dev/mailbox"):
        assert product.metrics.get(path).status_code == 404


ANSWERS = [
    ("public", "POST", SEND, 415),
    ("public", "GET", SEND, 405),
    ("public", "GET", "/", 404),
    ("public", "GET", "/healthz", 200),
    ("public", "HEAD", "/healthz", 200),
    ("internal", "GET", f"{INTERNAL}/users/user-1/sessions", 200),
    ("internal", "GET", f"{INTERNAL}/sessions/device-session-none", 404),
    ("internal", "GET", "/metrics", 200),
    ("metrics", "GET", "/metrics", 200),
    ("metrics", "GET", "/nothing", 404),
]


@pytest.mark.parametrize(("listener", "method", "path", "status"), ANSWERS)
def test_every_answer_has_its_headers(product: Product, listener: str, method: str, path: str, status: int) -> None:
    client: httpx.Client = getattr(product, listener)
    content = b"email" if method == "POST" else None
    answer = client.request(method, path, content=content)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert "server" not in answer.headers
    assert not {"x-powered-by", "via"} & answer.headers.keys()


@pytest.mark.parametrize("given", ["r", "trace-7.a_B", "x" * 128])
def test_a_sane_request_id_comes_back(product: Product, given: str) -> None:
    assert product.public.get("/healthz", headers={"X-Request-Id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 129, b"<script>", b"a\tb", "é".encode()])
def test_any_other_request_id_is_replaced(product: Product, given: bytes) -> None:
    answer = product.public.get("/healthz", headers={b"X-Request-Id": given})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]
