"""The product's node passes the conformance kit, and the kit finds a node that does not conform."""

import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from authsession.service import SOURCE
from clients.node import fetching, following, joining, link, node, redis_user, secrets, trust
from clients.node.applying import Applier
from clients.node.configuration import Configuration
from clients.node.conformance.__main__ import SCENARIOS, golden, play
from clients.node.conformance.secret_scenarios import ANOTHER_NODE, ANOTHER_REQUEST, ONE, TWO
from clients.node.conformance.subject import Subject
from clients.node.following import Follower
from clients.node.joining import Joining
from clients.node.kept import Kept
from clients.node.link import Link
from clients.node.machine import random_id
from clients.node.pausing import Pause
from clients.node.secrets import Vault
from clients.node.server_clock import ServerClock
from clients.node.standing import InUse, Standing
from contracts.node.manifest import decode_statement
from contracts.node.secrets import SecretVersion

SUBJECT = [sys.executable, "-m", "clients.node.conformance.subject"]
FOOLISH = """
import json, sys
for line in sys.stdin:
    question = json.loads(line)
    answers = {"open": {"opened": True}, "manifest": {"verdict": "accepted"}, "statement": {"verdict": "accepted"}}
    print(json.dumps(answers.get(question["ask"], {})), flush=True)
"""


def examine(command: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    runner = [sys.executable, "-m", "clients.node.conformance", *options, "--", *command]
    return subprocess.run(runner, cwd=SOURCE, capture_output=True, text=True, timeout=170, check=False)


def test_our_node_passes() -> None:
    done = examine([*SUBJECT, "trio"])
    assert (done.returncode, done.stdout) == (0, "0 wrong\n"), done.stdout + done.stderr


def test_our_node_passes_on_asyncio() -> None:
    done = examine([*SUBJECT, "asyncio"], "--only", "is_rejected")
    assert (done.returncode, done.stdout) == (0, "0 wrong\n"), done.stdout + done.stderr


class InProcess:
    """A subject in this process. A restart closes it, because a kill would end the test."""

    def __init__(self) -> None:
        self._resources = AsyncExitStack()
        self._subject = Subject(self._resources)

    async def ask(self, question: Mapping[str, object]) -> Mapping[str, Any]:
        return await self._subject.answer(question)

    async def restart(self) -> None:
        await self._resources.aclose()
        self._subject = Subject(self._resources)


@asynccontextmanager
async def in_process() -> AsyncGenerator[InProcess]:
    program = InProcess()
    try:
        yield program
    finally:
        await program.restart()


async def test_a_program_that_believes_everything_answers_the_golden_questions_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trust, "is_signed", returning(value=True))
    async with in_process() as program:
        wrong = await golden(program)
    assert [line for line in wrong if line.startswith("manifest: one changed byte")]
    assert [line for line in wrong if line.startswith("statement: signed by a stranger")]


Mutate = Callable[[pytest.MonkeyPatch], None]


def replaced(owner: object, name: str, value: object) -> Mutate:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, value)


def nothing(*_: Any, **__: Any) -> None:
    pass


def returning(value: object) -> Callable[..., object]:
    return lambda *_, **__: value  # pyright: ignore[reportUnknownLambdaType, reportUnknownVariableType]


def anew(_: Configuration) -> object:
    return object()


async def async_nothing(*_: Any) -> None:
    pass


def claims(*names: str) -> Mutate:
    """The node believes what a statement says about these fields."""

    def believing(signed: Any, keys: Any, **expected: Any) -> Any:
        stated = decode_statement(signed.payload)
        return trust.read_statement(signed, keys, **expected | {name: getattr(stated, name) for name in names})

    return replaced(following, "read_statement", believing)


def forgets_keys(self: Standing, in_use: InUse) -> None:
    keys = self.config_keys
    USE(self, in_use)
    self.config_keys = keys or self.config_keys


def gives_up(self: Follower, denial: Any) -> None:
    self._parts.standing.revoke()


async def records_first(self: Applier, configuration: Configuration) -> None:
    keys = self._keys_after(configuration)
    await self._on_disk(self._kept.record, configuration, configuration.manifest.position, keys)
    await TRY(self, configuration)


async def reads_all(response: httpx.Response, most_bytes: int) -> bytes:
    return b"".join([piece async for piece in response.aiter_raw()])


def other_request(*given: Any) -> bytes:
    token, name, keys, _, proof = given
    return ENCODE_JOIN(token, name, keys, random_id(), proof)


async def asks_each_time(self: Vault, *asked: Any) -> Any:
    self._drop(lambda _: True)
    return await OPEN(self, *asked)


def believes_delivery(**claimed: str) -> Mutate:
    """The node opens a delivery as if it were for this node or request."""

    def frame(node_id: str, request_id: str, generation: int, version: SecretVersion) -> bytes:
        return FRAME(claimed.get("node_id", node_id), claimed.get("request_id", request_id), generation, version)

    return replaced(secrets, "secret_frame", frame)


def swaps(node_id: str, request_id: str, generation: int, version: SecretVersion) -> bytes:
    return FRAME(node_id, request_id, generation, TWO if version == ONE else ONE)


YES, NO = returning(value=True), returning(value=False)
USE, TRY, ENCODE_JOIN = Standing.use, Applier._try, joining.encode_join
OPEN, FRAME = Vault.open, secrets.secret_frame
MUTANTS: list[tuple[str, str, list[Mutate]]] = [
    (
        "believes any signature",
        "a_byte_of_the_manifest_is_changed",
        [replaced(trust, "is_signed", YES)],
    ),
    (
        "believes any statement",
        "a_byte_of_the_statement_is_changed",
        [replaced(trust, "is_signed", YES)],
    ),
    ("takes old answers", "yesterdays_answer_is_served_again", [claims("request_id")]),
    ("takes answers of others", "another_nodes_answer_is_served", [claims("node_id")]),
    (
        "takes any manifest",
        "an_older_signed_manifest_is_served_for_the_new_one",
        [
            replaced(following, "check_named", nothing),
            replaced(trust, "check_position", nothing),
        ],
    ),
    ("goes back", "the_position_goes_back", [replaced(following, "check_position", nothing)]),
    ("takes any document", "a_byte_of_a_document_is_changed", [replaced(fetching, "check_document", nothing)]),
    ("takes expired manifests", "the_manifest_is_too_new_or_too_old", [replaced(following, "is_expired", nothing)]),
    (
        "takes newer formats",
        "the_manifest_is_too_new_or_too_old",
        [replaced(following, "is_compatible", YES)],
    ),
    ("reads without an end", "an_answer_does_not_end", [replaced(link, "_read", reads_all)]),
    ("trusts strangers", "a_stranger_answers_the_join", [replaced(joining, "key_with", nothing)]),
    ("keeps its first keys", "the_configuration_keys_rotate", [replaced(Standing, "use", forgets_keys)]),
    ("gives up", "a_refusal_of_any_other_kind", [replaced(Follower, "_denied", gives_up)]),
    (
        "joins anew",
        "the_answer_to_a_join_is_lost",
        [
            replaced(Joining, "_kept_request", nothing),
            replaced(joining, "encode_join", other_request),
        ],
    ),
    ("tries again", "a_configuration_is_rejected", [replaced(Configuration, "content", property(anew))]),
    ("records first", "a_configuration_is_rejected", [replaced(Applier, "_try", records_first)]),
    ("applies renewals", "a_manifest_is_renewed", [replaced(Configuration, "content", property(anew))]),
    (
        "needs an answer",
        "the_control_plane_is_down_at_the_start",
        [replaced(node.Node, "_use_kept", async_nothing)],
    ),
    ("waits long", "the_control_plane_is_down_at_the_first_start", [replaced(Pause, "after_failure", returning(3))]),
    ("survives its revocation", "the_node_is_revoked", [replaced(Standing, "revoke", nothing)]),
    ("keeps what it must forget", "the_node_is_revoked", [replaced(Kept, "forget", nothing)]),
    ("asks one address", "the_first_control_plane_is_broken", [replaced(Link, "turn", nothing)]),
    (
        "believes its clock",
        "the_clocks_differ_by_an_hour",
        [
            replaced(ServerClock, "learn", nothing),
            replaced(ServerClock, "hint", NO),
        ],
    ),
    ("keeps no secret", "secrets_are_opened", [replaced(Vault, "open", asks_each_time)]),
    (
        "takes old deliveries",
        "a_delivery_for_another_request_is_served",
        [believes_delivery(request_id=ANOTHER_REQUEST)],
    ),
    ("takes deliveries of others", "a_delivery_for_another_node_is_served", [believes_delivery(node_id=ANOTHER_NODE)]),
    ("takes any delivery", "a_delivery_signed_by_a_stranger_is_served", [replaced(redis_user, "is_signed", YES)]),
    ("mixes secrets up", "the_values_of_two_secrets_are_swapped", [replaced(secrets, "secret_frame", swaps)]),
    ("keeps every secret", "a_configuration_drops_a_secret", [replaced(Vault, "_drop", nothing)]),
    ("keeps secrets after its revocation", "a_node_with_secrets_is_revoked", [replaced(Vault, "close", nothing)]),
    ("has one boot id", "each_start_has_a_boot_id", [replaced(node, "random_id", returning("a" * 22))]),
]


@pytest.mark.parametrize(("mutant", "scenario", "mutations"), MUTANTS, ids=[mutant for mutant, _, _ in MUTANTS])
async def test_a_broken_node_fails(
    monkeypatch: pytest.MonkeyPatch, mutant: str, scenario: str, mutations: list[Mutate]
) -> None:
    for mutate in mutations:
        mutate(monkeypatch)
    async with in_process() as program:
        wrong = await play(scenario, SCENARIOS[scenario], program, within=0.6)
    assert len(wrong) == 1, f"the kit does not find a node that {mutant}"
    assert wrong[0].startswith(f"scenario: {scenario}: ")


def test_a_program_without_a_node_fails_every_scenario(tmp_path: Any) -> None:
    program = tmp_path / "foolish.py"
    program.write_text(FOOLISH)
    done = examine([sys.executable, str(program)], "--within", "0.05", "--only", "another_nodes_answer")
    assert done.returncode == 1
    assert "scenario: another_nodes_answer_is_served" in done.stdout


def test_the_scenarios_have_mutants() -> None:
    without = {
        "a_node_joins_applies_and_reports", "the_node_is_killed_before_the_answer_to_its_join",
        "an_operator_approves_late", "the_node_is_killed_while_it_applies",
    }  # fmt: skip
    assert {scenario for _, scenario, _ in MUTANTS} == set(SCENARIOS) - without


def test_a_node_program_that_ends_is_told_in_one_line() -> None:
    done = examine([sys.executable, "-c", "pass"])
    assert done.returncode == 1
    assert "the program ended, or gave no line of JSON" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_node_program_that_does_not_exist_is_wrong_use() -> None:
    done = examine(["no-such-program"])
    assert (done.returncode, "no-such-program cannot be started" in done.stderr) == (2, True)
