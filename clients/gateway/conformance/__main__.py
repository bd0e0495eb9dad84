"""Examines a gateway program. Exit status 0 if every answer is right; else 1, with a line for each wrong answer."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from functools import partial

import anyio

from clients.gateway.conformance.examined import Examined, examined, no_answer
from clients.gateway.conformance.golden import Question, configuration_questions, golden_questions, vectors
from clients.gateway.conformance.scenario import BECOMES_WITHIN, Broken, Scenario
from clients.gateway.redis_connection import RedisConnection, handshake, open_stream
from clients.gateway.redis_server import RedisServer
from contracts.errors import Refusal

_NO_ANSWER = (TimeoutError, anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead, Refusal)
"""The exceptions of a program that ended, or that gives no line of JSON."""


async def examine(
    command: Sequence[str], redis: str | None, within: float, *, takes_configuration: bool = False
) -> list[str]:
    """The wrong answers of the program, one line each.

    `redis` is the `host:port` of a Redis that may be emptied; None leaves the scenarios out. `within` is in seconds.
    """
    async with examined(command) as program:
        wrong = await _golden(program, golden_questions())
        if takes_configuration:
            wrong += await _golden(program, configuration_questions())
        return wrong if redis is None else wrong + await _scenarios(program, redis, within)


async def _golden(program: Examined, questions: Iterable[tuple[str, Question, Question]]) -> list[str]:
    wrong: list[str] = []
    for name, question, right in questions:
        try:
            answer = await program.ask(question)
        except _NO_ANSWER as fault:
            return [*wrong, f"{name}: {no_answer(fault)}"]
        if answer != right:
            wrong.append(f"{name}: answered {answer}, not {right}")
    return wrong


async def _scenarios(program: Examined, redis: str, within: float) -> list[str]:
    server = RedisServer.at(redis)
    wrong: list[str] = []
    async with open_stream(server) as stream, anyio.create_task_group() as tasks:
        connection = RedisConnection(stream, server.timeout)
        tasks.start_soon(connection.serve)
        await connection.call_all([*handshake(server), ("PING",)])
        for scenario in vectors("gateway_cache")["scenarios"]:
            try:
                await Scenario(connection, program, redis, within).play(scenario)
            except Broken as broken:
                wrong.append(f"scenario: {scenario['name']}: {broken}")
            except _NO_ANSWER as fault:
                wrong.append(f"scenario: {scenario['name']}: {no_answer(fault)}")
                break
        connection.close()
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m clients.gateway.conformance", description=__doc__)
    parser.add_argument(
        "--redis", help="host:port of a Redis 6.2 or later, WHICH IS EMPTIED; without it no scenario is played"
    )
    parser.add_argument(
        "command", nargs="+", metavar="program", help="the program under examination, and its arguments"
    )
    parser.add_argument(
        "--within", type=float, default=BECOMES_WITHIN, help="seconds until an answer must be right (default 5)"
    )
    parser.add_argument("--configured", action="store_true", help="the program takes gateway configurations too")
    given = parser.parse_args()
    examination = partial(examine, takes_configuration=given.configured)
    try:
        wrong = anyio.run(examination, given.command, given.redis, given.within)
    except (FileNotFoundError, PermissionError) as fault:
        parser.error(f"{given.command[0]} cannot be started: {fault.strerror}")
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{len(wrong)} wrong\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
