"""The product's gateway passes the conformance kit on both event loops, and the kit finds a gateway that does not
conform.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from authsession.service import SOURCE
from clients.gateway.conformance.golden import configuration_questions, golden_questions, vectors
from tests.support.gateway_redis import GatewayRedis

SUBJECT = [sys.executable, "-m", "clients.gateway.conformance.subject"]
TRUSTING = """
import json, sys
for line in sys.stdin:
    question = json.loads(line)
    answers = {"find": {"answer": "active"}, "check": {"verdict": "accepted"}, "open": {"opened": True}}
    print(json.dumps(answers.get(question["ask"], {})), flush=True)
"""


def examine(command: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    runner = [sys.executable, "-m", "clients.gateway.conformance", *options, "--", *command]
    return subprocess.run(runner, cwd=SOURCE, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("with_scenarios", [False, True])
def test_our_gateway_passes(gateway_redis: GatewayRedis, with_scenarios: bool) -> None:
    backend = "trio" if with_scenarios else "asyncio"
    options = ["--redis", f"127.0.0.1:{gateway_redis.port}"] if with_scenarios else []
    done = examine([*SUBJECT, backend], *options)
    assert (done.returncode, done.stdout) == (0, "0 wrong\n"), done.stdout + done.stderr


def test_a_gateway_that_trusts_everybody_fails(gateway_redis: GatewayRedis, tmp_path: Path) -> None:
    program = tmp_path / "trusting.py"
    program.write_text(TRUSTING)
    done = examine([sys.executable, str(program)], "--redis", f"127.0.0.1:{gateway_redis.port}", "--within", "0.05")
    wrong = done.stdout.splitlines()
    refusals = sum(case["verdict"] != "accepted" for case in vectors("request_checks")["checks"])
    assert done.returncode == 1
    assert sum(line.startswith("check: ") for line in wrong) == refusals
    assert sum(line.startswith("scenario: ") for line in wrong) == len(vectors("gateway_cache")["scenarios"])


def test_our_gateway_takes_configurations_as_the_kit_wants() -> None:
    done = examine([*SUBJECT], "--configured")
    assert (done.returncode, done.stdout) == (0, "0 wrong\n"), done.stdout + done.stderr


def test_a_gateway_without_configurations_is_only_asked_for_them_if_it_wants(tmp_path: Path) -> None:
    program = tmp_path / "silent.py"
    program.write_text("import sys\nfor line in sys.stdin:\n    print({}, flush=True)\n")
    asked = [
        len(examine([sys.executable, str(program)], *each).stdout.splitlines()) for each in ((), ("--configured",))
    ]
    assert asked[1] - asked[0] == len(list(configuration_questions()))


def test_every_refusal_has_a_vector() -> None:
    verdicts = {right["verdict"] for _, _, right in golden_questions() if "verdict" in right}
    assert verdicts == {
        "accepted", "unsupported_protocol_version", "invalid_envelope", "session_unknown", "session_revoked",
        "sessions_unavailable", "payload_hash_mismatch", "invalid_signature", "timestamp_out_of_window",
        "request_replayed",
    }  # fmt: skip


def test_a_gateway_program_that_ends_is_told_in_one_line() -> None:
    done = examine([sys.executable, "-c", "pass"])
    assert done.returncode == 1
    assert "the program ended, or gave no line of JSON" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_gateway_program_that_does_not_exist_is_wrong_use() -> None:
    done = examine(["no-such-program"])
    assert (done.returncode, "no-such-program cannot be started" in done.stderr) == (2, True)
