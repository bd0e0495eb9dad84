"""A node opens secrets once, keeps them in memory for a while, and wipes them when it must."""

import copy
import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anyio
import pytest
import trio
import trio.testing

from clients.node import Denial, Distrusted, NodeSettings, Secret, SecretWiped, Unavailable, environment
from clients.node.conformance.control_plane import ControlPlane, refused
from clients.node.conformance.loopback import Answered, Asked
from clients.node.machine import steady_clock
from clients.node.node import open_node
from clients.node.secrets import Vault
from contracts.node.manifest import SecretReference
from contracts.node.names import SECRETS_PATH
from contracts.node.secrets import SecretVersion, decode_open_secrets
from tests.integration.node.conftest import QUICK, OpenNode, Watched, until

ONE = SecretVersion("secret-01hzyqk3m8v5d2w7n4c6b9x1ta", 2)
TWO = SecretVersion("secret-01hzyqk3m8v5d2w7n4c6b9x1tb", 1)
AGENT = "agent-01hzyqk3m8v5d2w7n4c6b9x1ta"
VALUE = b"sk-zebra-quagga"


def references(*versions: SecretVersion, reader: str = "gateway") -> Sequence[SecretReference]:
    return [SecretReference(*each, reader) for each in versions]


@pytest.fixture(autouse=True)
def secrets(control_plane: ControlPlane) -> None:
    """A control plane with two secrets, and a manifest that names both for the gateway."""
    control_plane.secrets.update({ONE: VALUE, TWO: b"two"})
    control_plane.activate({"a": b"one"}, secrets=references(ONE, TWO))


def requests(control_plane: ControlPlane) -> int:
    return control_plane.asked.count(f"POST {SECRETS_PATH}")


async def ready(watched: Watched) -> None:
    await until(lambda: watched.node.problem() is None)


async def test_a_secret_is_opened_once_and_shows_nothing(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with opened(settings) as watched:
        await ready(watched)
        first = await watched.node.open_secrets([ONE, ONE], "gateway", task_id="task-1")
        again = await watched.node.open_secrets([("secret-01hzyqk3m8v5d2w7n4c6b9x1ta", 2)], "gateway")
        assert first == again
        assert requests(control_plane) == 1
        secret = first[ONE]
        assert (secret.bytes(), secret.text()) == (VALUE, VALUE.decode())
        shown = [repr(secret), str(secret), repr(first), repr(watched.node), caplog.text, *map(repr, watched.notices)]
        assert not any("zebra" in text for text in shown)
        for copied in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError):
                copied(secret)
        files = [path.read_bytes() for path in settings.folder.rglob("*") if path.is_file()]
        assert files
        assert not any(VALUE in content for content in files)


async def test_calls_at_the_same_time_make_one_request_for_each_secret(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    asked: list[tuple[SecretVersion, ...]] = []

    def note(request: Asked, honest: Answered) -> Answered:
        if request.path == SECRETS_PATH:
            asked.append(decode_open_secrets(request.body).versions)
        return honest

    async with opened(settings) as watched:
        await ready(watched)
        control_plane.answer_instead = note
        values: list[bytes] = []

        async def open_one(*versions: SecretVersion) -> None:
            found = await watched.node.open_secrets(versions, "gateway")
            values.extend(secret.bytes() for secret in found.values())

        async with trio.open_nursery() as nursery:
            for versions in [(ONE,)] * 5 + [(TWO, ONE)] * 5:
                nursery.start_soon(open_one, *versions)
        assert sorted(values) == sorted([VALUE] * 10 + [b"two"] * 5)
    assert sorted(each for versions in asked for each in versions) == [ONE, TWO]


async def test_the_end_of_a_task_that_asks_is_no_end_for_those_that_wait(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    async with opened(settings) as watched, trio.open_nursery() as nursery:
        await ready(watched)
        scope = trio.CancelScope()

        async def first() -> None:
            with scope:
                await watched.node.open_secrets([ONE], "gateway")

        nursery.start_soon(first)
        await trio.testing.wait_all_tasks_blocked()

        async def cancel() -> None:
            scope.cancel()

        nursery.start_soon(cancel)  # runs when the second call waits
        assert (await watched.node.open_secrets([ONE], "gateway"))[ONE].bytes() == VALUE


async def test_a_refusal_of_one_secret_is_none_of_another(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    """Tasks share a request. The refusal of a secret that one of them wants does not reach the other."""
    unknown = ONE._replace(version=9)
    async with opened(settings) as watched:
        await ready(watched)
        denied: list[str] = []

        async def open_both() -> None:
            try:
                await watched.node.open_secrets([ONE, unknown], "gateway")
            except Denial as refusal:
                denied.append(refusal.code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(open_both)
            await trio.testing.wait_all_tasks_blocked()
            found = await watched.node.open_secrets([ONE], "gateway")
        assert (found[ONE].bytes(), denied) == (VALUE, ["secret_not_granted"])


async def test_without_a_control_plane_every_waiting_call_fails_at_once(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    async with opened(settings) as watched:
        await ready(watched)
        kept = (await watched.node.open_secrets([TWO], "gateway"))[TWO]
        control_plane.answer_instead = lambda asked, honest: (
            Answered(503, b"{}") if asked.path == SECRETS_PATH else honest
        )
        failed: list[str] = []

        async def fail() -> None:
            try:
                await watched.node.open_secrets([ONE], "gateway")
            except Unavailable as problem:
                failed.append(problem.why)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(fail)
        assert failed == ["status_503"] * 5
        assert requests(control_plane) == 2
        assert (await watched.node.open_secrets([TWO], "gateway"))[TWO] is kept


async def test_a_value_of_one_reader_is_never_handed_to_another(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    async with opened(settings) as watched:
        await ready(watched)
        await watched.node.open_secrets([ONE], "gateway")
        control_plane.answer_instead = lambda asked, honest: (
            refused(403, "secret_not_granted") if asked.path == SECRETS_PATH else honest
        )
        with pytest.raises(Denial, match="secret_not_granted"):
            await watched.node.open_secrets([ONE], AGENT)


async def test_more_than_fifty_secrets_come_in_several_requests(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    many = [SecretVersion(f"secret-{number:026d}", 1) for number in range(120)]
    control_plane.secrets.update({each: each.secret_id.encode() for each in many})
    async with opened(settings) as watched:
        await ready(watched)
        found = await watched.node.open_secrets(many, "gateway")
        assert {version: secret.text() for version, secret in found.items()} == {each: each.secret_id for each in many}
        assert requests(control_plane) == 3
        assert await watched.node.open_secrets([], "gateway") == {}


@pytest.mark.parametrize(
    ("versions", "reader", "task_id", "message"),
    [
        ([("secret-1", 1)], "gateway", None, "secret_id"),
        ([(ONE.secret_id, 0)], "gateway", None, "version"),
        ([ONE], "edge", None, "for"),
        ([ONE], "gateway", "a task", "task_id"),
    ],
)
async def test_a_call_that_no_request_can_make_is_a_fault_of_the_program(
    settings: NodeSettings, opened: OpenNode, versions: Any, reader: str, task_id: str | None, message: str
) -> None:
    async with opened(settings) as watched:
        with pytest.raises(ValueError, match=message):
            await watched.node.open_secrets(versions, reader, task_id)


async def test_a_new_configuration_wipes_the_versions_that_it_does_not_name(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    async with opened(settings) as watched:
        await ready(watched)
        found = await watched.node.open_secrets([ONE, TWO], "gateway")
        control_plane.activate({"a": b"two"}, secrets=[*references(TWO), *references(ONE, reader=AGENT)])
        await until(lambda: watched.node.secrets_kept == 1)
        with pytest.raises(SecretWiped):
            found[ONE].bytes()
        assert found[TWO].text() == "two"


async def test_a_secret_that_apply_opens_stays(control_plane: ControlPlane, settings: NodeSettings) -> None:
    """The configuration that names it is not in use yet while `apply` runs."""
    found: list[Secret] = []
    nodes: list[Any] = []

    async def apply(configuration: Any) -> None:
        for each in configuration.manifest.secrets if nodes else ():
            found.extend((await nodes[0].open_secrets([(each.secret_id, each.version)], each.reader)).values())

    async with open_node(settings, apply) as node:
        nodes.append(node)
        await until(lambda: node.problem() is None)
        found.clear()
        newer = ONE._replace(version=3)
        control_plane.secrets[newer] = b"newer"
        head = control_plane.activate({"a": b"two"}, secrets=references(newer))
        await until(lambda: node.configuration and node.configuration.manifest.position == head.position)
        assert [secret.text() for secret in found] == ["newer"]


async def test_a_revocation_wipes_before_the_application_is_told(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    states: list[int] = []
    kept: list[Secret] = []

    async def on_revoked() -> None:
        states.append(watched.node.secrets_kept)
        with pytest.raises(SecretWiped):
            kept[0].bytes()

    async with opened(replace(settings, on_revoked=on_revoked)) as watched:
        await ready(watched)
        kept += (await watched.node.open_secrets([ONE], "gateway")).values()
        value = kept[0]._value
        assert value == VALUE
        control_plane.set_status("revoked")
        await until(lambda: states)
        assert states == [0]
        assert value == bytes(len(VALUE))
        with pytest.raises(Unavailable, match="revoked"):
            await watched.node.open_secrets([TWO], "gateway")


async def test_a_revocation_in_the_answer_ends_the_node(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    async with opened(settings) as watched:
        await ready(watched)
        control_plane.answer_instead = lambda asked, honest: (
            refused(401, "node_revoked") if asked.path == SECRETS_PATH else honest
        )
        with pytest.raises(Denial, match="node_revoked"):
            await watched.node.open_secrets([ONE], "gateway")
        await until(lambda: watched.node.problem() == "revoked")


async def test_the_end_of_the_node_wipes(settings: NodeSettings, opened: OpenNode) -> None:
    async with opened(settings) as watched:
        await ready(watched)
        (secret,) = (await watched.node.open_secrets([ONE], "gateway")).values()
    with pytest.raises(SecretWiped):
        secret.text()
    with pytest.raises(Unavailable, match="closed"):
        await watched.node.open_secrets([ONE], "gateway")


async def test_a_value_goes_after_its_time(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = 0.0
    made = Vault.__init__

    def with_our_clock(*given: Any, **named: Any) -> None:
        made(*given, **named, steady=lambda: steady_clock() + ahead)

    monkeypatch.setattr(Vault, "__init__", with_our_clock)
    async with opened(replace(settings, timing=replace(QUICK, secret_life=1800))) as watched:
        await ready(watched)
        (secret,) = (await watched.node.open_secrets([ONE], "gateway")).values()
        ahead = 1799.0
        assert (await watched.node.open_secrets([ONE], "gateway"))[ONE] is secret
        ahead = 1801.0
        await until(lambda: watched.node.secrets_kept == 0)
        with pytest.raises(SecretWiped):
            secret.text()
        assert (await watched.node.open_secrets([ONE], "gateway"))[ONE].bytes() == VALUE
        assert requests(control_plane) == 2


@pytest.mark.parametrize("life", [0, 3601])
def test_a_value_stays_for_an_hour_at_most(settings: NodeSettings, life: float) -> None:
    with pytest.raises(ValueError, match="secret_life"):
        replace(settings, timing=replace(QUICK, secret_life=life))


async def test_a_lie_is_told_and_opens_nothing(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    async with opened(settings) as watched:
        await ready(watched)
        control_plane.answer_instead = lambda asked, honest: (
            replace(honest, body=b'{"secrets":[]}') if asked.path == SECRETS_PATH else honest
        )
        with pytest.raises(Unavailable, match="malformed_answer"):
            await watched.node.open_secrets([ONE], "gateway")
        assert watched.told(Distrusted) == [Distrusted("malformed_answer")]
        assert watched.node.secrets_kept == 0


async def test_a_child_gets_a_secret_only_when_asked(settings: NodeSettings, opened: OpenNode) -> None:
    async with opened(settings) as watched:
        await ready(watched)
        (secret,) = (await watched.node.open_secrets([ONE], "gateway")).values()
        variables = environment({"API_KEY": secret}, os.environ)
        assert "zebra" not in repr(variables)
        assert "API_KEY" not in os.environ
        program = [sys.executable, "-c", "import os; print(os.environ['API_KEY'])"]
        done = await anyio.run_process(program, env=variables)
        assert done.stdout.strip() == VALUE
    for name, value in (("API_KEY", b"a\0b"), ("A=B", b"x"), ("", b"x"), ("API_KEY", b"\xff")):
        with pytest.raises(ValueError) as fault:  # noqa: PT011 - the text must not name the value
            environment({name: Secret(value)})
        assert "xff" not in str(fault.value)


def test_secrets_are_opened_on_asyncio(control_plane: ControlPlane, settings: NodeSettings) -> None:
    async def main() -> None:
        async def apply(_: object) -> None:
            pass

        async with open_node(settings, apply) as node:
            with anyio.fail_after(5):
                await node.ready()
            found = await node.open_secrets([ONE], "gateway")
            assert found[ONE].bytes() == VALUE

    anyio.run(main, backend="asyncio")
