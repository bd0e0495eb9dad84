"""The guide of agents, played: a provider is wired, an agent runs with its secret, and is paused."""

import json
import re
import shlex
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from authsession.embedded.child import free_port
from authsession.service import SOURCE
from tests.support.programs import Program, program
from tests.support.stack import wait_for
from tests.support.up import Up, running_up

PAGE = "docs/guides/agents-in-five-minutes.md"
SECRETS = ("right-key", "wrong-key", "a token that nobody else may read")


class Guide:
    """The commands of the page in their order. `…` stands for the end of an id that an earlier command printed."""

    def __init__(self, up: Up, provider: str) -> None:
        text = (SOURCE / PAGE).read_text("utf-8")
        blocks = "\n\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
        commands = re.findall(r"^(?:curl|echo|\.venv)(?:\\\n|[^\n])*", blocks, re.MULTILINE)
        self._left = [each for each in commands if "examples." not in each]
        self._up = up
        self.names = {"127.0.0.1:8081": f"127.0.0.1:{up.ports['internal']}", "127.0.0.1:8083": provider}

    @property
    def is_played(self) -> bool:
        return not self._left

    def _next(self) -> str:
        command = self._left.pop(0).replace("\\\n", " ")
        for word, value in self.names.items():
            command = command.replace(word, value)
        return command

    def types(self, begins: str) -> str:
        """Plays the next command, which is one of the command line. Returns its output."""
        line = self._next()
        echoed, _, command = line.rpartition(".venv/bin/authsession ")
        assert command.startswith(begins), line
        given = re.sub(r"^echo '(.*)' \| $", r"\1", echoed)
        played = self._up.command(*shlex.split(command), given=given)
        assert played.returncode == 0, (line, played.stdout, played.stderr)
        return played.stdout

    def calls(self, method: str = "GET") -> dict[str, Any]:
        """Plays the next command, which is a call. Returns its answer."""
        words = shlex.split(self._next())
        assert words[0] == "curl", words
        assert (words[words.index("-X") + 1] if "-X" in words else "GET") == method
        url = next(word for word in words if word.startswith("http://"))
        body = words[words.index("-d") + 1] if "-d" in words else None
        answer = httpx.request(
            method, url, content=body, headers={"content-type": "application/json"} if body else {}, timeout=30
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def stage(folder: Path) -> Generator[tuple[Up, Program, str, str]]:
    """`up`, the provider with its address, and the gateway with its URL."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    with program(folder, "examples.provider", PROVIDER_ADDR=addresses[0]) as provider:
        provider.find("^The provider listens")
        settings = {"CONTROL_PLANE_AUTH_MODE": "development", "AUTHSESSION_EGRESS_ALLOW": "127.0.0.0/8"}
        with (
            running_up(folder, **settings) as up,
            program(folder, "examples.gateway", GATEWAY_ADDR=addresses[1]) as gateway,
        ):
            gateway.find(r"^The gateway listens on \S+ \(ready\)$")
            yield up, provider, addresses[0], f"http://{addresses[1]}"


def test_the_guide_of_agents_from_the_provider_to_the_pause(tmp_path: Path) -> None:
    """No program prints a secret."""
    with stage(tmp_path) as (up, provider, address, gateway):
        guide = Guide(up, address)
        accepted = guide.calls("PUT")
        assert (accepted["outcome"], accepted["verification"]["result"]) == ("accepted", "verified")
        refused = guide.calls("PUT")
        assert (refused["outcome"], refused["verification"]["result"]) == ("refused", "invalid_credentials")
        assert guide.calls()["connection"]["accepted"]["revision"] == 1

        joining = re.search(r"authsession_join_\S+", guide.types("join-token create"))
        created = re.search(r"agent-[0-9a-z]{26}", guide.types("agents create greeter"))
        assert joining is not None
        assert created is not None
        guide.names["agent-01m80…"] = agent_id = created[0]
        assert guide.calls("PUT")["outcome"] == "created"
        guide.types("agents publish greeter")
        guide.types("agents activate greeter")

        with program(tmp_path, "examples.agent", "--join", joining[0], "--gateway", gateway) as runtime:
            runtime.find(r"^joined +node-\S+ in the pool agents$")
            runtime.find("^prompt +greeter version 1: You are Ada, and you greet people.$")
            runtime.find("^secret +TICKETS_TOKEN opened$")
            runtime.find("^model +model-1: You said: Hello$")
            session = runtime.find(rf"^registered +(device-session-\S+) of {agent_id}$")[1]
            runtime.find(f'^call +200 "{agent_id}"$')

            assert guide.calls("POST")["outcome"] == "paused"
            runtime.find("^call +401 session_revoked$")
            runtime.find("^no agent +none is active in this pool$")
            guide.types("agents activate greeter")
            again = wait_for(lambda: len([line for line in runtime.lines if line.startswith("registered")]) == 2)
            assert again
            wait_for(lambda: len([line for line in runtime.lines if re.match("call +200", line)]) == 2)
            assert len([line for line in runtime.lines if session in line]) == 1
        printed = "\n".join([*up.lines, *provider.lines, *runtime.lines])
        assert not any(secret in printed for secret in SECRETS)
        assert not any(json.dumps(secret)[1:-1] in printed for secret in SECRETS)
        assert guide.is_played
