"""An operator blocks an e-mail domain while people with such addresses are logged in."""

import pytest

from authsession.__main__ import main
from tests.support.builders import client_public_key, unique
from tests.support.product import Product


def test_a_blocked_domain_ends_its_sessions_at_the_gateways_and_lets_nobody_in(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", product.stack.database.owner_dsn)
    domain = unique("domain-") + ".example"
    session_id, other_id = product.log_in(f"a@{domain}"), product.log_in(f"a@other-{domain}")
    waiting = product.send(f"b@{domain}")
    code = product.code(f"b@{domain}", waiting)

    assert main(["settings", "set", "blocked_email_domains", domain, "--yes"]) == 0
    try:
        refused = product.confirm(waiting, code, client_public_key().base64)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "blocked_by_policy")
        product.wait_for_status(session_id, "revoked")
        assert product.session(session_id)["revoke_reason_code"] == "email_domain_blocked"
        assert product.session(other_id)["status"] == "active"
    finally:
        assert main(["settings", "set", "blocked_email_domains", "-"]) == 0
    assert product.confirm(waiting, code, client_public_key().base64).status_code == 200
