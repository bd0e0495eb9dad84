"""The example gateway beside the running product: after a login signed calls pass, and after a revocation none does."""

import json
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import httpx
import pytest

from authsession.embedded.child import free_port
from authsession.service import SOURCE
from clients.gateway.signature import Signer
from examples.gateway.client import call, log_in
from tests.support.builders import email_address
from tests.support.product import Product
from tests.support.stack import REDIS_PASSWORD, clean_environment

COMMAND = [sys.executable, "-m", "examples.gateway"]


def environment(product: Product, address: str) -> dict[str, str]:
    return clean_environment() | {
        "GATEWAY_ADDR": address,
        "GATEWAY_REDIS_ADDR": product.stack.redis_server.address,
        "GATEWAY_REDIS_USERNAME": "gateway",
        "GATEWAY_REDIS_PASSWORD": REDIS_PASSWORD,
    }


@contextmanager
def example_gateway(product: Product) -> Generator[str]:
    """The URL of a running example gateway."""
    address = f"127.0.0.1:{free_port()}"
    told = environment(product, address)
    with subprocess.Popen(COMMAND, cwd=SOURCE, env=told, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == f"The gateway listens on http://{address} (ready)\n"
            yield f"http://{address}"
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.fixture(scope="module")
def gateway(product: Product) -> Iterator[str]:
    with example_gateway(product) as url:
        yield url


def new_session(product: Product) -> Signer:
    return log_in(product.public, product.stack.public_url, product.stack.internal_url, email_address())


def test_a_gateway_on_a_taken_port_says_only_that(product: Product, gateway: str) -> None:
    address = gateway.removeprefix("http://")
    told = environment(product, address)
    done = subprocess.run(COMMAND, cwd=SOURCE, env=told, capture_output=True, text=True, timeout=60, check=False)
    cure = f"the gateway cannot listen on {address}: set GATEWAY_ADDR to a free address\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", cure)


def test_the_example_client_logs_in_while_a_mailed_code_holds(product: Product) -> None:
    """The situation after the README's first call alone: the client's own send then mails nothing."""
    email = email_address()
    with httpx.Client(timeout=30) as http:
        urls = (product.stack.public_url, product.stack.internal_url)
        http.post(f"{urls[0]}/api/v1/public/auth/send-email-code", json={"email": email}).raise_for_status()
        assert log_in(http, *urls, email).device_session_id


def test_the_next_call_after_a_revocation_is_refused(product: Product, gateway: str) -> None:
    with httpx.Client(timeout=30) as http:
        for _ in range(5):
            signer = new_session(product)
            answer = call(http, gateway, signer)
            assert (answer.status_code, answer.json()["device_session_id"]) == (200, signer.device_session_id)
            assert product.revoke(signer.device_session_id).status_code == 200
            refused = call(http, gateway, signer)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "session_revoked")


def test_a_block_reaches_every_session_at_the_edge(product: Product, gateway: str) -> None:
    with httpx.Client(timeout=30) as http:
        email = email_address()
        signers = [log_in(product.public, product.stack.public_url, product.stack.internal_url, email) for _ in "ab"]
        assert [call(http, gateway, signer).status_code for signer in signers] == [200, 200]
        assert product.post("/user-blocks", email=email).status_code == 200
        assert [call(http, gateway, signer).status_code for signer in signers] == [401, 401]


def test_the_example_page_may_call(product: Product, gateway: str) -> None:
    """Its origin is the one of `python -m examples.web`."""
    page = {"origin": "http://127.0.0.1:8084"}
    asking = {"access-control-request-method": "GET", "access-control-request-headers": "galaxy-signature,x-tenant"}
    preflight = httpx.options(f"{gateway}/whoami", headers=page | asking)
    assert (preflight.status_code, preflight.headers["access-control-max-age"]) == (204, "7200")
    assert preflight.headers["access-control-allow-headers"].endswith("galaxy-signature, x-tenant")
    refused = httpx.get(f"{gateway}/whoami", headers=page)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, page["origin"])
    assert "date" in refused.headers["access-control-expose-headers"]
    assert "date" in refused.headers


def test_an_unsigned_call_never_reaches_the_app(gateway: str) -> None:
    answer = httpx.get(f"{gateway}/whoami")
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"]["code"] == "unsupported_protocol_version"
