"""A parser that knows one command alone reads and refuses as the parser of all commands does."""

import subprocess
import sys

import pytest

from authsession.command_line import COMMANDS, command_line
from authsession.service import SOURCE


@pytest.mark.parametrize("words", [["--help"], ["--no-such-option"], ["surprise", "surprise"], []])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_alone_answers_as_among_all(
    command: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[object] = []
    for parser in (command_line(), command_line(command)):
        try:
            parsed = vars(parser.parse_args([command, *words]))
            status: object = {name: getattr(value, "__name__", value) for name, value in parsed.items()}
        except SystemExit as end:
            status = end.code
        answers.append((status, tuple(capsys.readouterr())))
    assert answers[0] == answers[1]


def test_an_unknown_command_is_refused_with_the_names_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line("nodez").parse_args(["nodez"])
    told = capsys.readouterr().err
    assert [name for name in COMMANDS if name not in told] == []


def test_a_command_imports_no_module_of_another_one() -> None:
    program = "import sys; from authsession.__main__ import main; main(['keys', 'new']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=SOURCE, capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"authsession.nodes", "authsession.doctor", "trio", "quart"} & set(done.stdout.split())
