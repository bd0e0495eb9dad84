"""Scenarios of a control plane, or a proxy before it, that lies."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from clients.node.conformance.control_plane import Head, RingKey, refused
from clients.node.conformance.loopback import Answered, Asked
from clients.node.conformance.stage import Broken, Stage
from contracts.encoding import encode
from contracts.node.manifest import Position
from contracts.node.names import CONFIG_PATH, DOCUMENTS_PATH, JOIN_PATH
from contracts.node.poll import decode_poll_answer, encode_poll_answer
from contracts.node.signed import Signed, config_key_fields
from contracts.node.status import Status
from contracts.strict_json import decode_object

Scenario: TypeAlias = Callable[[Stage], Awaitable[None]]

OLD: Final[Mapping[str, bytes]] = {"a": b'{"is":"old"}', "b": b'{"is":"old too"}'}
NEW: Final[Mapping[str, bytes]] = {"a": b'{"is":"new"}', "b": b'{"is":"new too"}'}


async def started(stage: Stage) -> Head:
    """The program uses the old configuration."""
    old = stage.control_plane.activate(OLD)
    await stage.open()
    await stage.serves(old)
    return old


async def a_stranger_answers_the_join(stage: Stage) -> None:
    def lie(_: Asked, honest: Answered) -> Answered:
        stranger = config_key_fields(RingKey.new("config-1").public)
        return replace(honest, body=encode({**decode_object(honest.body), "config_keys": [stranger]}))

    stage.control_plane.activate(OLD)
    stage.lie(JOIN_PATH, lie)
    await stage.open()
    await stage.distrusts("untrusted_control_plane")
    await stage.is_never_ready()
    if any(JOIN_PATH not in each for each in stage.control_plane.asked):
        raise Broken("sent a signed request to a stranger")


async def yesterdays_answer_is_served_again(stage: Stage) -> None:
    kept: list[Answered] = []

    def lie(_: Asked, honest: Answered) -> Answered:
        kept.append(honest)
        return kept[0]

    stage.control_plane.activate(OLD)
    stage.lie(CONFIG_PATH, lambda _, honest: kept.append(honest) or honest, times=1)
    await stage.open()
    await stage.serves(stage.control_plane.head)
    old = stage.control_plane.head
    stage.lie(CONFIG_PATH, lie)
    stage.control_plane.activate(NEW)
    await stage.distrusts("not_fresh")
    await stage.keeps(old)
    stage.be_honest()
    await stage.serves(stage.control_plane.head)


async def another_nodes_answer_is_served(stage: Stage) -> None:
    def lie(asked: Asked, honest: Answered) -> Answered:
        signed = stage.control_plane.statement(
            "node-00000000000000000000000099", asked.headers["galaxy-request-id"], stage.control_plane.head
        )
        return replace(honest, body=encode_poll_answer(signed, decode_poll_answer(honest.body).manifest))

    await _refuses(stage, CONFIG_PATH, lie, "another_node")


async def a_byte_of_the_manifest_is_changed(stage: Stage) -> None:
    def lie(_: Asked, honest: Answered) -> Answered:
        answer = decode_poll_answer(honest.body)
        if answer.manifest is None:
            return honest
        payload = bytearray(answer.manifest.payload)
        payload[payload.index(b'"bytes":') + 8] ^= 1
        changed = Signed(bytes(payload), answer.manifest.signatures)
        return replace(honest, body=encode_poll_answer(answer.statement, changed))

    await _refuses(stage, CONFIG_PATH, lie, "untrusted_manifest")


async def a_byte_of_the_statement_is_changed(stage: Stage) -> None:
    def lie(_: Asked, honest: Answered) -> Answered:
        answer = decode_poll_answer(honest.body)
        payload = answer.statement.payload.replace(b'"sequence":', b'"sequence":1')
        return replace(honest, body=encode_poll_answer(Signed(payload, answer.statement.signatures), answer.manifest))

    await _refuses(stage, CONFIG_PATH, lie, "untrusted_statement")


async def an_older_signed_manifest_is_served_for_the_new_one(stage: Stage) -> None:
    old = await started(stage)
    middle = stage.control_plane.activate({"a": b'{"is":"between"}'})
    await stage.serves(middle)

    def lie(_: Asked, honest: Answered) -> Answered:
        answer = decode_poll_answer(honest.body)
        return replace(honest, body=encode_poll_answer(answer.statement, old.signed if answer.manifest else None))

    stage.lie(CONFIG_PATH, lie)
    stage.control_plane.activate(NEW)
    await stage.distrusts("another_manifest")
    await stage.keeps(middle)
    stage.be_honest()
    await stage.serves(stage.control_plane.head)


async def a_byte_of_a_document_is_changed(stage: Stage) -> None:
    await _refuses(
        stage, DOCUMENTS_PATH, lambda _, honest: replace(honest, body=honest.body[:-1] + b"!"), "wrong_document"
    )


async def an_answer_does_not_end(stage: Stage) -> None:
    old = await started(stage)
    stage.lie(CONFIG_PATH, lambda _, honest: replace(honest, is_endless=True))
    stage.control_plane.activate(NEW)
    server = stage.control_plane.server
    await stage.happens(lambda: server.cut_after, "hang up on an answer without an end")
    await stage.keeps(old)
    stage.be_honest()
    await stage.serves(stage.control_plane.head)


async def the_position_goes_back(stage: Stage) -> None:
    old = await started(stage)
    new = stage.control_plane.activate(NEW)
    await stage.serves(new)
    stage.control_plane.put(old)
    await stage.distrusts("older_position")
    await stage.keeps(new)
    await stage.restart()
    await stage.distrusts("older_position")
    await stage.keeps(new)
    newer = stage.control_plane.activate(OLD, position=new.position._replace(sequence=new.position.sequence + 1))
    await stage.serves(newer)
    await stage.serves(stage.control_plane.activate(NEW, position=Position(newer.position.epoch + 1, 1)))


async def the_manifest_is_too_new_or_too_old(stage: Stage) -> None:
    old = await started(stage)
    stage.control_plane.activate(NEW, compatibility=99)
    await stage.distrusts("incompatible")
    await stage.reports(_is_rejected_as("incompatible"), "that it rejects what it is too old for")
    stage.control_plane.activate(NEW, life=-1)
    await stage.distrusts("expired")
    await stage.reports(_is_rejected_as("expired"), "that it rejects what is expired")
    await stage.keeps(old)
    await stage.serves(stage.control_plane.activate(NEW))


async def the_configuration_keys_rotate(stage: Stage) -> None:
    await started(stage)
    control_plane, first, second = stage.control_plane, stage.control_plane.ring[0], RingKey.new("config-2")
    for number, ring in enumerate(([first, second], [second, first], [second])):
        control_plane.ring = ring
        await stage.serves(control_plane.activate({"a": b"%d" % number}))
    stage.control_plane.activate(NEW, ring=[first])
    last = stage.control_plane.head
    await stage.distrusts("untrusted_manifest")
    await stage.serves(stage.control_plane.activate(NEW))
    assert last.position < stage.control_plane.head.position


async def a_refusal_of_any_other_kind(stage: Stage) -> None:
    """Everything is kept, and taken up again."""
    old = await started(stage)
    for answered in (refused(401, "node_unknown"), refused(403, "node_not_approved"), Answered(502, b"<html>")):
        stage.lie("/", lambda _, __, answered=answered: answered)
        stage.control_plane.wake()
        await stage.keeps(old, 0.15)
    stage.be_honest()
    await stage.serves(stage.control_plane.activate(NEW))


async def _refuses(stage: Stage, path: str, lie: Callable[[Asked, Answered], Answered], why: str) -> None:
    """The old configuration stays while the lie is told, and the new one is used after it."""
    old = await started(stage)
    stage.lie(path, lie)
    stage.control_plane.activate(NEW)
    await stage.distrusts(why)
    await stage.keeps(old)
    stage.be_honest()
    await stage.serves(stage.control_plane.head)


def _is_rejected_as(code: str) -> Callable[[Status], bool]:
    return lambda status: bool(status.config and status.config.error and status.config.error.code == code)


SCENARIOS: Final[tuple[Scenario, ...]] = (
    a_stranger_answers_the_join,
    yesterdays_answer_is_served_again,
    another_nodes_answer_is_served,
    a_byte_of_the_manifest_is_changed,
    a_byte_of_the_statement_is_changed,
    an_older_signed_manifest_is_served_for_the_new_one,
    a_byte_of_a_document_is_changed,
    an_answer_does_not_end,
    the_position_goes_back,
    the_manifest_is_too_new_or_too_old,
    the_configuration_keys_rotate,
    a_refusal_of_any_other_kind,
)
