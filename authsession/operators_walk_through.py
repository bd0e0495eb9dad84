"""The curl calls that `up` prints to make the first owner and a token, ready to copy, in their order."""

from authsession.spelling import typed
from authsession.walk_through import curl_of, step
from shared.kernel.address import Address

_AUTH = "/api/control-plane/auth"


def operators_walk_through(internal: Address) -> str:
    """The text for the terminal. Each step says which values replace its placeholders."""
    curl, root = curl_of(internal)
    post = f"{curl} -X POST {root}"
    by_session, by_token = _bearer("session-token-123"), _bearer("authsession_token_123")
    steps = [
        (
            f"Exchange a setup code: ABCD-EFGH-JKLM becomes what `{typed('operator setup-code')}` prints",
            f"{post}{_AUTH}/bootstrap/exchange",
            '{"setup_code":"ABCD-EFGH-JKLM"}',
        ),
        (
            "Become the owner: registration-token-123 becomes that of step 1, PASSWORD 12 characters of 3 kinds",
            f"{post}{_AUTH}/register-owner",
            '{"registration_token":"registration-token-123","user_name":"owner","password":"PASSWORD"}',
        ),
        (
            "Make a token that can only read sessions: session-token-123 becomes the session_token of step 2",
            f"{post}{_AUTH}/tokens{by_session}",
            '{"name":"reader","scopes":["sessions:read"]}',
        ),
        (
            "Try to revoke with it, which is forbidden: authsession_token_123 becomes the secret of step 3",
            f"{post}/api/v1/internal/sessions/device-session-123/revoke{by_token}",
            '{"reason_code":"admin_revoke","actor":{"type":"system"}}',
        ),
        (
            "Read in the audit trail that all of this happened: session-token-123 as in step 3",
            f"{curl} {root}/api/control-plane/audit{by_session}",
            None,
        ),
    ]
    numbered = (f"{number}. {step(*each)}" for number, each in enumerate(steps, start=1))
    return "Operators: from nothing to an owner and a token\n\n" + "\n\n".join(numbered)


def _bearer(token: str) -> str:
    return f" \\\n  -H 'Authorization: Bearer {token}'"
