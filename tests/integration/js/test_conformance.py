"""The JavaScript client passes the conformance kit with both kinds of keys, and the kit finds clients that do not
conform.
"""

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from authsession.service import SOURCE
from clients.js.conformance.golden import golden_cases
from clients.js.conformance.server import AUTH, CODE, HOST, AuthServer
from clients.node.conformance.loopback import Asked
from contracts.uvarint import length_prefixed
from tests.support.javascript import FOLDER, NODE

CLOCK = "scenario: a_clock_that_changes_costs_one_repeat: "


def examine(*command: str | Path) -> list[str]:
    """The kit's lines."""
    kit = [sys.executable, "-m", "clients.js.conformance", "--", *map(str, command)]
    done = subprocess.run(kit, cwd=SOURCE, capture_output=True, text=True, timeout=120, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == (0 if lines == ["0 wrong"] else 1), done.stderr
    return lines


@pytest.mark.parametrize("keys", ["non-extractable", "software"])
def test_our_client_passes(keys: str) -> None:
    assert examine(NODE, FOLDER / "conformance" / "subject.mjs", keys) == ["0 wrong"]


@pytest.mark.parametrize(
    ("code", "instead", "found"),
    [
        ('"timestamp_out_of_window"', '"never"', CLOCK + "a signed call got 401, not 200"),
        ('"session_unknown"', '"never"', "scenario: an_unknown_session_is_forgotten: session answered"),
        ("client_key_proof:", "client_key:", "a confirm without a right client_key_proof"),
    ],
    ids=["no second try", "a session that is kept", "no proof"],
)
def test_a_client_that_breaks_a_rule_is_found(tmp_path: Path, code: str, instead: str, found: str) -> None:
    shutil.copytree(FOLDER / "dist", tmp_path / "dist")
    (tmp_path / "conformance").mkdir()
    (tmp_path / "package.json").write_text('{"type":"module"}')
    program = Path(shutil.copy(FOLDER / "conformance" / "subject.mjs", tmp_path / "conformance"))
    client = tmp_path / "dist" / "index.js"
    text = client.read_text("utf-8")
    assert code in text
    client.write_text(text.replace(code, instead), "utf-8")
    assert any(found in line for line in examine(NODE, program))


def test_a_client_that_answers_nothing_fails_every_question(tmp_path: Path) -> None:
    program = tmp_path / "silent.py"
    program.write_text("import sys\nfor line in sys.stdin:\n    print({}, flush=True)\n")
    lines = examine(sys.executable, program)
    assert sum(not line.startswith("scenario: ") for line in lines[:-1]) == len(list(golden_cases()))


def test_a_client_program_that_ends_is_told_in_one_line() -> None:
    assert examine(sys.executable, "-c", "pass")[0].startswith("the program ended, or gave no line of JSON")


@pytest.mark.parametrize("typed", [CODE, f"{CODE[:3]} {CODE[3:]}"])
def test_the_kit_takes_a_code_as_the_person_typed_it(typed: str) -> None:
    """The proof is over the six digits in both cases, as at the service."""
    server, key = AuthServer(), Ed25519PrivateKey.generate()
    sent = server.answer(Asked("POST", f"{AUTH}/send-email-code", {}, b"{}"))
    challenge_id = json.loads(sent.body)["challenge_id"]
    fields = (b"authsession-confirm-v1", HOST.encode(), challenge_id.encode(), CODE.encode())
    body = {
        "challenge_id": challenge_id,
        "code": typed,
        "client_public_key": base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        "client_key_proof": base64.b64encode(key.sign(length_prefixed(*fields))).decode(),
    }
    answered = server.answer(Asked("POST", f"{AUTH}/confirm-email-code", {}, json.dumps(body).encode()))
    assert (answered.status, server.faults) == (200, [])
