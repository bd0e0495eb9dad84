"""Sign-up by invitation on a running installation, from the command line to the mailbox."""

import pytest

from authsession.__main__ import main
from tests.support.builders import client_public_key, unique
from tests.support.product import Product


def test_while_sign_up_is_limited_users_log_in_and_a_new_address_gets_the_same_answer_and_no_mail(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", product.stack.database.owner_dsn)
    existing, invited, new = (unique(f"{kind}-") + "@example.com" for kind in ("existing", "invited", "new"))
    product.log_in(existing)
    assert main(["invitations", "add", invited]) == 0
    assert main(["settings", "set", "sign_up", "invited"]) == 0
    try:
        refused = product.send(new)
        product.log_in(existing)
        product.log_in(invited)
        assert main(["settings", "set", "sign_up", "closed"]) == 0
        assert product.send(new).startswith("challenge-")
        product.log_in(existing)
        product.log_in(invited)
        answer = product.confirm(refused, "000000", client_public_key().base64)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_code")
    finally:
        assert main(["settings", "set", "sign_up", "open"]) == 0
    states = product.stack.database.execute("select state, reason from mail_deliveries where email = $1", new)
    assert {tuple(row) for row in states} == {("decoy", "sign_up")}
