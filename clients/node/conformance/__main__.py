"""Examines a node program. Exit status 0 if every answer is right; else 1, with a line for each wrong answer."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio

from clients.node.conformance import life_scenarios, secret_scenarios, trust_scenarios
from clients.node.conformance.control_plane import ControlPlane
from clients.node.conformance.examined import Program, examined, no_answer
from clients.node.conformance.golden import golden_questions
from clients.node.conformance.stage import BECOMES_WITHIN, Broken, Stage
from clients.node.conformance.trust_scenarios import Scenario
from contracts.errors import Refusal

_ALL = (*trust_scenarios.SCENARIOS, *life_scenarios.SCENARIOS, *secret_scenarios.SCENARIOS)
SCENARIOS = {scenario.__name__: scenario for scenario in _ALL}
_NO_ANSWER = (
    TimeoutError, anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead, Refusal, KeyError, TypeError,
    ValueError,
)  # fmt: skip
"""The exceptions of a program that answers nothing, or not as README.md says."""


async def examine(command: Sequence[str], only: str | None, within: float) -> list[str]:
    """The wrong answers of the program, one line each. `only` is a part of the names of scenarios."""
    async with examined(command) as program:
        wrong = await golden(program) if only is None else []
        for name, scenario in SCENARIOS.items():
            if only is None or only in name:
                wrong += await play(name, scenario, program, within)
        return wrong


async def golden(program: Program) -> list[str]:
    """The wrong answers to the golden questions."""
    wrong: list[str] = []
    for name, question, right in golden_questions():
        try:
            answer = await program.ask(question)
        except _NO_ANSWER as fault:
            return [*wrong, f"{name}: {no_answer(fault)}"]
        if answer != right:
            wrong.append(f"{name}: answered {answer}, not {right}")
    return wrong


async def play(name: str, scenario: Scenario, program: Program, within: float = BECOMES_WITHIN) -> list[str]:
    """Plays the scenario with a control plane and a folder of its own. Returns at most one line."""
    control_plane = ControlPlane()
    control_plane.server.start()
    with tempfile.TemporaryDirectory(prefix="node-conformance-") as folder:
        try:
            await scenario(Stage(program, control_plane, Path(folder) / "node", within))
        except (Broken, *_NO_ANSWER) as broken:
            await program.restart()
            return [f"scenario: {name}: {str(broken) or type(broken).__name__}"]
        finally:
            control_plane.server.stop()
    return []


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m clients.node.conformance", description=__doc__)
    parser.add_argument(
        "command", nargs="+", metavar="program", help="the program under examination, and its arguments"
    )
    parser.add_argument("--only", help="play only the scenarios whose name contains this, and no golden data")
    parser.add_argument(
        "--within", type=float, default=BECOMES_WITHIN, help="seconds until a node must get it right (default 5)"
    )
    given = parser.parse_args()
    try:
        wrong = anyio.run(examine, given.command, given.only, given.within)
    except (FileNotFoundError, PermissionError) as fault:
        parser.error(f"{given.command[0]} cannot be started: {fault.strerror}")
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{len(wrong)} wrong\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
