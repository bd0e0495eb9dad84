"""Logs in, sends a signed call to the example gateway, revokes the session, and shows that the next call is refused.

An app differs in two points. A person types the code, which this program reads from the development mailbox. An
operator or a back end revokes sessions.
"""

import argparse
import os
import sys
import time
import uuid

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from authsession.embedded.child import StartFailure
from clients.gateway.signature import Signer
from contracts.signed_request import encode_envelope
from examples.gateway.running_stack import find_apis

PUBLIC, INTERNAL = "/api/v1/public/auth", "/api/v1/internal"
CAUSE = {"reason_code": "admin_revoke", "actor": {"type": "system"}}


def log_in(http: httpx.Client, public: str, internal: str, email: str) -> Signer:
    """Opens a device session. Its private key is made here and never leaves."""
    key = Ed25519PrivateKey.generate()
    sent = _post(http, f"{public}{PUBLIC}/send-email-code", {"email": email})
    body = {
        "challenge_id": sent["challenge_id"],
        "code": _mailed_code(http, internal, email, sent["challenge_id"]),
        "client_public_key": Signer("", key).client_public_key,
    }
    return Signer(_post(http, f"{public}{PUBLIC}/confirm-email-code", body)["device_session_id"], key)


def call(http: httpx.Client, gateway: str, signer: Signer) -> httpx.Response:
    """Sends a signed `GET /whoami`; `message_type` is method and path."""
    envelope = signer.sign("GET /whoami", b"", timestamp_ms=time.time_ns() // 1_000_000, request_id=uuid.uuid4().hex)
    return http.get(f"{gateway}/whoami", headers=encode_envelope(envelope))


def _mailed_code(http: httpx.Client, internal: str, email: str, challenge_id: str) -> str:
    """The code of this challenge, or after a second the newest code.

    A send mails nothing while an earlier code is still shared; then that code is the right one.
    """
    for look in range(100):
        answer = http.get(f"{internal}{INTERNAL}/dev/mailbox", params={"email": email})
        if answer.status_code != 200:
            sys.exit("there is no development mailbox: set AUTHSESSION_MAIL_SERVICE_MODE=stub")
        messages = answer.json()["messages"]
        codes = [message["code"] for message in messages if message["challenge_id"] == challenge_id]
        if codes:
            return codes[0]
        if look >= 20 and messages:
            return messages[0]["code"]
        time.sleep(0.05)
    sys.exit(f"no code was mailed to {email}: the lines `mail |` of `make run` say why")


def _post(http: httpx.Client, url: str, body: object) -> dict[str, str]:
    answer = http.post(url, json=body)
    if answer.status_code != 200:
        sys.exit(f"{url}: {answer.status_code} {answer.text}")
    return answer.json()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.gateway.client", description=__doc__)
    parser.add_argument("email", nargs="?", default="pilot@example.com")
    try:
        public, internal = find_apis()
    except StartFailure as failure:
        sys.exit(str(failure))
    parser.add_argument("--public", default=public)
    parser.add_argument("--internal", default=internal)
    parser.add_argument("--gateway", default=f"http://{os.environ.get('GATEWAY_ADDR', '127.0.0.1:8082')}")
    given = parser.parse_args()
    try:
        try_out(given)
    except httpx.TransportError as fault:
        sys.exit(_cure(fault, given.gateway))
    except KeyboardInterrupt:
        sys.exit(130)


def _cure(fault: httpx.RequestError, gateway: str) -> str:
    """One line that says which program to start."""
    where = fault.request.url
    program = "the gateway, `.venv/bin/python -m examples.gateway`," if str(where).startswith(gateway) else "`make run`"
    return f"nothing answers at {where.scheme}://{where.netloc.decode()}: start {program} in this folder first"


def try_out(given: argparse.Namespace) -> None:
    """Logs in, calls, revokes, calls again, and prints each result."""
    with httpx.Client(timeout=30) as http:
        signer = log_in(http, given.public, given.internal, given.email)
        print(f"logged in   {signer.device_session_id}")
        answer = call(http, given.gateway, signer)
        print(f"signed call {answer.status_code} {answer.text}")
        began = time.perf_counter()
        _post(http, f"{given.internal}{INTERNAL}/sessions/{signer.device_session_id}/revoke", CAUSE)
        revoked = time.perf_counter()
        answer = call(http, given.gateway, signer)
        ended = time.perf_counter()
        print(f"revoked     in {(revoked - began) * 1000:.1f} ms")
        print(
            f"signed call {answer.status_code} {answer.text} ({(ended - began) * 1000:.1f} ms after the revoke began)"
        )


if __name__ == "__main__":
    main()
