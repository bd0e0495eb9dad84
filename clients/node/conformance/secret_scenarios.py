"""Scenarios of secrets: opening them, being lied to about them, and forgetting them."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from clients.node.conformance.control_plane import RingKey
from clients.node.conformance.loopback import Answered, Asked
from clients.node.conformance.stage import Broken, Stage
from clients.node.conformance.trust_scenarios import OLD, Scenario
from contracts.node.manifest import SecretReference
from contracts.node.names import SECRETS_PATH
from contracts.node.secrets import (
    GATEWAY,
    OpenedSecret,
    SecretVersion,
    decode_open_secrets,
    decode_opened,
    encode_opened,
)

ONE = SecretVersion("secret-01hzyqk3m8v5d2w7n4c6b9x1ta", 2)
TWO = SecretVersion("secret-01hzyqk3m8v5d2w7n4c6b9x1tb", 1)
VALUES: Final[Mapping[SecretVersion, bytes]] = {ONE: b"sk-live-one", TWO: bytes(range(256))}
ANOTHER_NODE: Final = "node-00000000000000000000000099"
ANOTHER_REQUEST: Final = "an-answer-of-yesterday"

Delivery = Callable[[str, str, SecretVersion], OpenedSecret]
"""A delivery to the node with this id, for this request."""


async def secrets_are_opened(stage: Stage) -> None:
    """A value stays in memory, so a further question asks nobody."""
    await _started(stage)
    for _ in range(2):
        await _opens(stage, ONE, TWO)
    if stage.control_plane.asked.count(f"POST {SECRETS_PATH}") != 1:
        raise Broken("asked again for a value that it has")
    refused = await _ask(stage, ONE._replace(version=9))
    if refused != {"refused": "secret_not_granted"}:
        raise Broken(f"answered {refused} for a secret that is not granted")


async def a_delivery_for_another_request_is_served(stage: Stage) -> None:
    control_plane = stage.control_plane
    await _refuses(stage, lambda node_id, _, version: control_plane.delivery(node_id, ANOTHER_REQUEST, version))


async def a_delivery_for_another_node_is_served(stage: Stage) -> None:
    control_plane = stage.control_plane
    await _refuses(stage, lambda _, request_id, version: control_plane.delivery(ANOTHER_NODE, request_id, version))


async def a_delivery_signed_by_a_stranger_is_served(stage: Stage) -> None:
    control_plane, stranger = stage.control_plane, [RingKey.new(stage.control_plane.ring[0].key_id)]
    await _refuses(
        stage, lambda node_id, request_id, version: control_plane.delivery(node_id, request_id, version, ring=stranger)
    )


async def the_values_of_two_secrets_are_swapped(stage: Stage) -> None:
    other = {ONE: TWO, TWO: ONE}

    def swapped(node_id: str, request_id: str, version: SecretVersion) -> OpenedSecret:
        return replace(stage.control_plane.delivery(node_id, request_id, other[version]), version=version)

    await _refuses(stage, swapped)


async def a_configuration_drops_a_secret(stage: Stage) -> None:
    await _started(stage)
    await _opens(stage, ONE, TWO)
    await stage.serves(stage.control_plane.activate(OLD, secrets=_references(TWO)))
    await stage.becomes(lambda state: state["secrets_kept"] == 1, "wipe what the configuration no longer names")


async def a_node_with_secrets_is_revoked(stage: Stage) -> None:
    """It wipes them, and opens none any more."""
    await _started(stage)
    await _opens(stage, ONE, TWO)
    stage.control_plane.set_status("revoked")
    await stage.becomes(lambda state: state["secrets_kept"] == 0, "wipe its secrets at its revocation")
    if "values" in await _ask(stage, ONE):
        raise Broken("handed out a secret after its revocation")


async def _started(stage: Stage) -> None:
    """The program uses a configuration that names both secrets."""
    stage.control_plane.secrets.update(VALUES)
    await stage.open()
    await stage.serves(stage.control_plane.activate(OLD, secrets=_references(ONE, TWO)))


async def _refuses(stage: Stage, delivery: Delivery) -> None:
    """The program hands out no value while it is lied to, and the right ones after that."""
    await _started(stage)
    stage.lie(SECRETS_PATH, lambda asked, honest: _lie(asked, honest, delivery))
    answer = await _ask(stage, ONE, TWO)
    if answer != {"refused": "untrusted_secret"}:
        raise Broken(f"did not refuse the delivery as untrusted_secret: answered {sorted(answer)}")
    await stage.distrusts("untrusted_secret")
    if (await stage.state())["secrets_kept"]:
        raise Broken("kept a value that it must not trust")
    stage.be_honest()
    await _opens(stage, ONE, TWO)


def _lie(asked: Asked, honest: Answered, delivery: Delivery) -> Answered:
    node_id, request_id = asked.headers["galaxy-device-session-id"], asked.headers["galaxy-request-id"]
    versions = decode_open_secrets(asked.body).versions
    assert tuple(each.version for each in decode_opened(honest.body)) == versions
    return replace(honest, body=encode_opened([delivery(node_id, request_id, each) for each in versions]))


async def _opens(stage: Stage, *versions: SecretVersion) -> None:
    answer = await _ask(stage, *versions)
    if answer != {"values": [base64.b64encode(VALUES[each]).decode() for each in versions]}:
        raise Broken(f"did not open the secrets: {answer.get('refused', 'wrong values')}")


async def _ask(stage: Stage, *versions: SecretVersion) -> Mapping[str, Any]:
    return await stage.program.ask({"ask": "secrets", "secrets": [each._asdict() for each in versions], "for": GATEWAY})


def _references(*versions: SecretVersion) -> Sequence[SecretReference]:
    return [SecretReference(*each, GATEWAY) for each in versions]


SCENARIOS: Final[tuple[Scenario, ...]] = (
    secrets_are_opened,
    a_delivery_for_another_request_is_served,
    a_delivery_for_another_node_is_served,
    a_delivery_signed_by_a_stranger_is_served,
    the_values_of_two_secrets_are_swapped,
    a_configuration_drops_a_secret,
    a_node_with_secrets_is_revoked,
)
