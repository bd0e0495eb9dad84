"""A notice from the login to the end of its session, over HTTP, and the page of its link (SPEC §20.3)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.builders import email_address
from tests.support.product import INTERNAL, Product
from tests.support.stack import wait_for

REVOKE = "/api/v1/public/notices/revoke"


@pytest.fixture
def every_login(product: Product) -> Iterator[None]:
    """All logins of these tests come from one network."""
    product.stack.database.execute("update settings set new_device_notice = 'every_login'")
    yield
    product.stack.database.execute("update settings set new_device_notice = 'unknown_network'")


def letters(product: Product, email: str) -> list[Any]:
    return product.internal.get(f"{INTERNAL}/dev/letters", params={"email": email}).json()["letters"]


def noticed(product: Product, email: str, count: int = 1) -> Any:
    """The newest of `count` notices, when they have left."""
    return wait_for(lambda: [letters(product, email)] if len(letters(product, email)) == count else [])[0][0]


@pytest.mark.usefixtures("every_login")
def test_the_button_of_a_notice_ends_exactly_its_session(product: Product) -> None:
    email = email_address()
    first, second = product.log_in(email), product.log_in(email, device_label="Firefox on Linux")
    notice = noticed(product, email)
    assert (notice["kind"], notice["device_session_id"], notice["device_label"]) == (
        "notice",
        second,
        "Firefox on Linux",
    )

    for method in ("GET", "HEAD", "GET"):
        assert product.public.request(method, "/not-me").status_code == 200
    assert product.session(second)["status"] == "active"

    body = {"token": notice["token"]}
    ended = product.public.post(REVOKE, json=body)
    assert (ended.status_code, ended.json()) == (200, {"outcome": "revoked", "affected_session_count": 1})
    assert [product.session(each)["status"] for each in (first, second)] == ["active", "revoked"]
    assert product.session(second)["revoke_reason_code"] == "user_denied_login"
    assert b'"status":"revoked"' in (product.record(second) or b"")
    assert product.public.post(REVOKE, json=body).json()["outcome"] == "already_revoked"
    assert notice["token"] not in "".join(line for lines in product.stack.lines.values() for line in lines)


@pytest.mark.usefixtures("every_login")
def test_a_notice_can_end_every_session_of_its_user(product: Product) -> None:
    email, other = email_address(), email_address()
    sessions = [product.log_in(email), product.log_in(email)]
    bystander = product.log_in(other)
    token = noticed(product, email)["token"]
    answer = product.public.post(REVOKE, json={"token": token, "everything": True})
    assert answer.json() == {"outcome": "revoked", "affected_session_count": 2}
    assert {product.session(each)["status"] for each in sessions} == {"revoked"}
    assert product.session(bystander)["status"] == "active"


@pytest.mark.parametrize("token", ["A" * 43, "A" * 42, "", "ä" * 43])
def test_an_unknown_token_is_over_and_files_no_order(product: Product, token: str) -> None:
    """Anybody can send such texts without end."""
    orders = "select coalesce(max(order_id), 0) as last from session_orders"
    before = product.stack.database.execute(orders)
    answer = product.public.post(REVOKE, json={"token": token})
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "notice_expired")
    assert product.stack.database.execute(orders) == before


def test_the_page_is_one_static_answer_that_runs_nothing_of_others(product: Product) -> None:
    page = product.public.get("/not-me", headers={"accept-language": "de"})
    again = product.public.get("/not-me?anything", headers={"cookie": "a=b", "referer": "https://evil.example"})
    head = product.public.head("/not-me")
    assert page.content == again.content
    assert head.content == b""
    for answer in (page, head):
        headers = answer.headers
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
    assert not re.search(rb"https?://", page.content)
    assert product.public.post("/not-me").status_code == 405
