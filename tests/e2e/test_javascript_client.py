"""Journeys of the JavaScript client in Node.js, against both processes."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.e2e.conftest import PUBLIC_HOST
from tests.support.builders import email_address
from tests.support.javascript import JavaScriptClient, javascript_client
from tests.support.product import Product


@contextmanager
def client_of(product: Product, clock_ahead_ms: int = 0) -> Generator[JavaScriptClient]:
    with javascript_client(product.stack.public_url, PUBLIC_HOST, clock_ahead_ms=clock_ahead_ms) as client:
        yield client


def log_in(product: Product, client: JavaScriptClient, email: str, **optional: str) -> str:
    """The id of the session."""
    challenge_id = client.ask("send_code", email=email)["challenge_id"]
    code = product.code(email, challenge_id)
    return client.ask("confirm_code", challenge_id=challenge_id, code=code, **optional)["device_session_id"]


def test_a_person_sees_ends_and_names_devices_and_logs_out(product: Product) -> None:
    """Each log-in sends a proof of its key, which the service checks."""
    email = email_address()
    with client_of(product) as phone, client_of(product) as laptop:
        lost = log_in(product, phone, email, label="Safari on iPhone")
        own = log_in(product, laptop, email)
        assert laptop.ask("devices", do="rename", **{"with": "Work laptop"}) == {"answer": None}
        listed = laptop.ask("devices", do="list")["answer"]
        assert [(each["deviceSessionId"], each["label"], each["isCurrent"]) for each in listed] == [
            (own, "Work laptop", True),
            (lost, "Safari on iPhone", False),
        ]

        ended = {"outcome": "revoked", "deviceSessionId": lost}
        assert laptop.ask("devices", do="revoke", **{"with": lost})["answer"] == ended
        assert b'"revoked"' in (product.record(lost) or b"")
        assert phone.ask("devices", do="list") == {"error": "session_revoked"}
        assert phone.ask("session") == {"device_session_id": None}

        log_in(product, phone, email)
        others = {"outcome": "revoked", "affectedSessionCount": 1}
        assert laptop.ask("devices", do="revokeOthers")["answer"] == others
        assert laptop.ask("log_out") == {"revoked": True}
        assert laptop.ask("session") == {"device_session_id": None}
    assert product.session(own)["status"] == "revoked"


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_wrong_clock_of_the_client_goes_unnoticed(product: Product, minutes: int) -> None:
    email = email_address()
    with client_of(product, clock_ahead_ms=minutes * 60_000) as client:
        own = log_in(product, client, email)
        assert [each["deviceSessionId"] for each in client.ask("devices", do="list")["answer"]] == [own]
        assert client.ask("log_out") == {"revoked": True}


def test_a_device_of_another_user_is_not_found(product: Product) -> None:
    with client_of(product) as one, client_of(product) as other:
        log_in(product, one, email_address())
        foreign = log_in(product, other, email_address())
        assert one.ask("devices", do="revoke", **{"with": foreign}) == {"error": "session_not_found"}
        assert other.ask("session") == {"device_session_id": foreign}
