"""Examines a client program. Exit status 0 if every answer is right; else 1, with a line for each wrong answer."""

import argparse
import sys
from collections.abc import Sequence

import anyio

from clients.gateway.conformance.examined import examined, no_answer
from clients.js.conformance.golden import golden_cases
from clients.js.conformance.scenarios import SCENARIOS, Broken, Program, Scenario, Stage
from clients.js.conformance.server import AuthServer, listening
from contracts.errors import Refusal

_NO_ANSWER = (
    TimeoutError, anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead, Refusal,
)  # fmt: skip
"""The exceptions of a program that ended, or that gives no line of JSON."""


async def examine(command: Sequence[str]) -> list[str]:
    """The wrong answers of the program, one line each."""
    async with examined(command) as program:
        try:
            return await _golden(program) + [line for each in SCENARIOS for line in await _play(each, program)]
        except _NO_ANSWER as fault:
            return [no_answer(fault)]


async def _golden(program: Program) -> list[str]:
    answered = [(case, await program.ask(case.question)) for case in golden_cases()]
    return [complaint for case, answer in answered if (complaint := case.complaint(answer)) is not None]


async def _play(scenario: Scenario, program: Program) -> list[str]:
    """Plays the scenario with a server of its own. Returns a line for each fault."""
    server = AuthServer()
    loopback = listening(server)
    loopback.start()
    try:
        await scenario(Stage(program, server, loopback))
    except Broken as broken:
        server.faults.append(str(broken))
    finally:
        loopback.stop()
    return [f"scenario: {scenario.__name__}: {fault}" for fault in server.faults]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m clients.js.conformance", description=__doc__)
    parser.add_argument(
        "command", nargs="+", metavar="program", help="the program under examination, and its arguments"
    )
    given = parser.parse_args()
    try:
        wrong = anyio.run(examine, given.command)
    except (FileNotFoundError, PermissionError) as fault:
        parser.error(f"{given.command[0]} cannot be started: {fault.strerror}")
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{len(wrong)} wrong\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
