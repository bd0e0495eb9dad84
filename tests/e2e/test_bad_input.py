"""Malformed requests are refused as SPEC §2.1 and §2.2 say, and change nothing anywhere."""

import httpx
import pytest

from tests.e2e.malformed_requests import Case, Known, refused_requests, vain_mutations
from tests.e2e.quiet_state import changed, quiet_state
from tests.support.builders import email_address
from tests.support.product import Product


@pytest.fixture(scope="module")
def known(product: Product) -> Known:
    email = email_address()
    device_session_id = product.log_in(email)
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    return Known(email, challenge_id, code, device_session_id, product.user(email)["user_id"])


def answer_of(product: Product, case: Case) -> httpx.Response:
    is_public = case.path.lower().lstrip("/").startswith("api/v1/public")
    client = product.public if is_public else product.internal
    given = case.headers if case.body is None else {"content-type": "application/json", **case.headers}
    headers = {name: value for name, value in given.items() if value is not None}
    url = httpx.URL(str(client.base_url).rstrip("/") + "/").copy_with(raw_path=case.path.encode())
    return client.request(case.method, url, content=case.body, headers=headers)


def check(case: Case, answer: httpx.Response) -> None:
    shown = (case, answer.status_code, answer.text)
    assert answer.status_code == case.status, shown
    assert answer.headers["cache-control"] == "no-store", shown
    assert answer.headers["x-request-id"], shown
    assert "server" not in answer.headers, shown
    if case.status == 405:
        assert answer.headers["allow"], shown
    if case.method == "HEAD":
        return
    envelope = answer.json()
    assert list(envelope) == ["error"], shown
    assert list(envelope["error"]) == ["code", "message"], shown
    assert envelope["error"]["code"] == case.code, shown
    assert case.names in envelope["error"]["message"], shown


def test_every_malformed_request_is_refused_and_changes_nothing(product: Product, known: Known) -> None:
    cases = refused_requests(known)
    assert len(cases) > 700
    before = quiet_state(product)
    wrong: list[str] = []
    for case in cases:
        try:
            check(case, answer_of(product, case))
        except AssertionError as failure:
            wrong.append(str(failure)[:600])
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:40])
    after = quiet_state(product)
    assert changed(before[0], after[0]) <= {"audit_sealer"}  # the sealer looks less far back as time passes
    assert after[1] == before[1]


def test_a_mutation_of_a_missing_thing_leaves_an_audit_row_and_changes_nothing_else(
    product: Product, known: Known
) -> None:
    (rows, redis), cases = quiet_state(product), vain_mutations(known)
    for case in cases:
        check(case, answer_of(product, case))
    rows_after, redis_after = quiet_state(product)
    assert rows_after["audit_events"][0] == rows["audit_events"][0] + len(cases)
    trail = {"audit_events", "audit_seal", "audit_sealer"}
    assert changed(rows, rows_after) <= trail | {"emails"}  # a lock raises the version of its row
    assert rows_after["emails"][0] == rows["emails"][0]
    assert redis_after == redis


def test_a_code_still_works_after_all_malformed_requests_about_it(product: Product, known: Known) -> None:
    assert product.confirm(known.challenge_id, known.code).status_code == 200
