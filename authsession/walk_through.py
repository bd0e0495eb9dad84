"""The curl calls that `up` prints to try the two APIs, ready to copy, in a sensible order."""

from authsession.service import reachable_here
from authsession.spelling import typed
from shared.kernel.address import Address, TcpAddress

CONFIRMATION = """{
        "challenge_id": "challenge-123",
        "code": "123456",
        "client_public_key": "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
      }"""


def walk_through(public: Address, internal: Address, *, requires_token: bool = False) -> str:
    """The text for the terminal. Each step says which values replace its placeholders."""
    public_curl, internal_curl = curl_of(public), curl_of(internal)
    if requires_token:
        internal_curl = f"{internal_curl[0]} -H 'Authorization: Bearer authsession_token_123'", internal_curl[1]
    steps = [
        (
            "Send a login code",
            f"{public_curl[0]} -X POST {public_curl[1]}/api/v1/public/auth/send-email-code",
            '{"email":"pilot@example.com"}',
        ),
        (
            "Confirm it: challenge-123 becomes the challenge_id of step 1, 123456 the code of the line `mail |`",
            f"{public_curl[0]} -X POST {public_curl[1]}/api/v1/public/auth/confirm-email-code",
            CONFIRMATION,
        ),
        (
            "Read the session: device-session-123 becomes the device_session_id of step 2, here and in step 4",
            f"{internal_curl[0]} {internal_curl[1]}/api/v1/internal/sessions/device-session-123",
            None,
        ),
        (
            "Revoke it",
            f"{internal_curl[0]} -X POST {internal_curl[1]}/api/v1/internal/sessions/device-session-123/revoke",
            '{"reason_code":"admin_revoke","actor":{"type":"system"}}',
        ),
        (
            "Block the e-mail: from now on a right code answers blocked_by_policy",
            f"{internal_curl[0]} -X POST {internal_curl[1]}/api/v1/internal/user-blocks",
            '{"email":"pilot@example.com","reason_code":"policy_blocked","actor":{"type":"admin","id":"admin-1"}}',
        ),
        (
            "Remove the block again",
            f"{internal_curl[0]} -X POST {internal_curl[1]}/api/v1/internal/user-blocks/remove",
            '{"email":"pilot@example.com","reason_code":"policy_blocked","actor":{"type":"admin","id":"admin-1"}}',
        ),
    ]
    calls = "\n\n".join(f"{number}. {step(*each)}" for number, each in enumerate(steps, start=1))
    return f"{_making_a_token()}\n\n{calls}" if requires_token else calls


def _making_a_token() -> str:
    what = "The internal API asks for a token: replace authsession_token_123 by the token that this command prints"
    command = "token create --name walk-through --scope sessions:read --scope sessions:revoke --scope blocks:write"
    return f"{what}\n\n{typed(command)}"


def confirm_call(public: Address, challenge_id: str, code: str) -> str:
    """Step 2 with a mailed code, ready to copy. It holds a secret, for the person at the terminal only."""
    command, url = curl_of(public)
    body = CONFIRMATION.replace("challenge-123", challenge_id).replace("123456", code)
    return step(
        "Step 2 with the code just mailed", f"{command} -X POST {url}/api/v1/public/auth/confirm-email-code", body
    )


def step(title: str, call: str, body: str | None) -> str:
    """A call ready to copy, below its title."""
    if body is None:
        return f"{title}\n\n{call}"
    return f"{title}\n\n{call} \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"


def url_of(address: Address) -> str:
    """The URL that reaches the address from this machine."""
    return f"http://{reachable_here(address)}" if isinstance(address, TcpAddress) else str(address)


def curl_of(address: Address) -> tuple[str, str]:
    """The curl command up to the URL, and the beginning of the URL."""
    if not isinstance(address, TcpAddress):
        return f"curl --unix-socket {address.path}", "http://localhost"
    return "curl", f"http://{reachable_here(address)}"
