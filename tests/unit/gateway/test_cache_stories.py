"""Losses and races of the gateway's cache, step by step on the model: what random plays found, or find too seldom."""

from collections.abc import Iterator

import pytest

from clients.gateway.session_cache import Active, Answer, Revoked, Unavailable, Unknown
from tests.support.gateway_model import IDS, GatewayModel, Server

SESSION, OTHER = IDS


@pytest.fixture
def model() -> Iterator[GatewayModel]:
    """One session, published, known to the gateway as active."""
    model = GatewayModel()
    model.log_in(SESSION)
    model.settle()
    assert isinstance(model.answers[-1], Active)
    yield model
    model.close()


def found(model: GatewayModel, device_session_id: str = SESSION) -> Answer:
    model.find(device_session_id)
    return model.answers[-1]


def follow(model: GatewayModel, rounds: int = 12) -> None:
    """More than two looks at the projection key."""
    for _ in range(rounds):
        model.follow()


def test_a_beat_of_before_a_failover_proves_nothing_of_after_it(model: GatewayModel) -> None:
    model.keeper_beats()  # on the server that the gateway stays with; not looked at yet
    model.replicate()
    model.fail_over()
    model.revoke_now(SESSION)  # where the gateway cannot hear it
    published = model.revocation_published[SESSION]
    follow(model)
    assert model.following.proved_at * 100 <= published
    model.find(SESSION)


def test_one_beat_may_come_from_a_look_at_the_server_before(model: GatewayModel) -> None:
    model.keeper_looks()
    model.replicate()
    model.cut()
    model.revoke_now(SESSION)
    model.fail_over()  # to a server that has not heard of it
    model.connect()
    follow(model)
    model.keeper_acts()
    follow(model)
    assert found(model) == Unavailable("not_verified")
    model.settle()
    assert isinstance(found(model), Revoked)


def test_records_that_come_back_during_a_read_do_not_make_its_miss_true(model: GatewayModel) -> None:
    model.log_in(OTHER)
    model.publish()
    model.flush()
    model.keeper_beats()
    model.ask(OTHER)
    model.execute_read()  # rebuilding
    model.execute_read()  # missing
    model.keeper_rebuilds()
    model.keeper_rebuilds()
    model.execute_read()  # complete
    for _ in range(3):
        model.deliver_read()
    assert model.answers[-1] == Unavailable("rebuilding")


def test_records_that_go_during_a_read_do_not_make_its_miss_true(model: GatewayModel) -> None:
    model.log_in(OTHER)
    model.publish()
    model.ask(OTHER)
    model.execute_read()  # complete
    model.flush()
    model.execute_read()
    model.execute_read()
    for _ in range(3):
        model.deliver_read()
    assert model.answers[-1] == Unavailable("rebuilding")


def test_without_a_projection_nothing_is_said_of_anybody_active(model: GatewayModel) -> None:
    model.flush()
    follow(model)
    assert found(model) == Unavailable("not_verified")
    assert found(model, OTHER) == Unavailable("not_verified")
    model.settle()
    assert isinstance(found(model), Active)
    assert found(model, OTHER) == Unknown()


def test_an_older_beat_on_the_same_server_is_a_loss(model: GatewayModel) -> None:
    model.replicate()
    model.keeper_beats()
    follow(model)
    model.revoke(SESSION)
    older: Server = model.replica
    model.server.records, model.server.projection = older.records, older.projection  # DEBUG RELOAD, REPLICAOF
    follow(model)
    assert found(model) == Unavailable("not_verified")


def test_another_epoch_makes_every_active_session_be_read_again(model: GatewayModel) -> None:
    model.sessions[SESSION] = "revoked"
    model.server.records[SESSION] = "revoked"  # written while nobody could hear of it
    assert isinstance(found(model), Active)
    model.server.projection = ("epoch-x", "complete", model.beat + 1)
    follow(model)
    assert isinstance(found(model), Revoked)


def test_an_entry_that_was_trimmed_unread_is_not_missed(model: GatewayModel) -> None:
    model.log_in(OTHER)
    model.cut()
    model.revoke_now(SESSION)
    model.trim(0)
    model.connect()
    follow(model)
    assert isinstance(found(model), Revoked)


def test_an_entry_that_was_trimmed_between_two_commands_of_one_breath_is_not_missed(model: GatewayModel) -> None:
    assert model.link is not None
    while [answer.command[0] for answer in model.stream.waiting] != ["XINFO", "XREAD"]:
        model.execute_follow()
        model.deliver_follow()
    model.execute_follow()  # the ends, as they were
    model.revoke_now(SESSION)
    model.log_in(OTHER)
    model.publish()
    model.trim(1)
    follow(model)
    assert isinstance(found(model), Revoked)


def test_entries_that_came_while_there_was_no_connection_are_heard_before_anybody_is_answered(
    model: GatewayModel,
) -> None:
    model.cut()
    model.revoke_now(SESSION)
    model.connect()
    model.ask(SESSION)
    assert model.answers[-1] == Unavailable("not_connected")
    follow(model)
    assert isinstance(found(model), Revoked)


def ask_and_execute(model: GatewayModel) -> None:
    """Redis has answered, and the answer has not come."""
    model.log_in(OTHER)
    model.publish()
    model.ask(OTHER)
    for _ in range(3):
        model.execute_read()


def deliver(model: GatewayModel) -> None:
    for _ in range(12):
        model.deliver_read()
        model.execute_read()


def test_a_revocation_heard_during_a_read_outlives_what_was_read(model: GatewayModel) -> None:
    ask_and_execute(model)
    model.revoke_now(OTHER)
    follow(model)
    deliver(model)
    assert isinstance(model.answers[-1], Revoked)


def test_a_read_from_before_all_was_forgotten_is_repeated(model: GatewayModel) -> None:
    ask_and_execute(model)
    model.sessions[OTHER] = model.server.records[OTHER] = "revoked"  # written while nobody could hear of it
    model.server.projection = ("epoch-x", "complete", model.beat + 1)
    follow(model)
    deliver(model)
    assert isinstance(model.answers[-1], Revoked)


def test_a_miss_of_before_all_was_forgotten_is_read_again(model: GatewayModel) -> None:
    model.ask(OTHER)
    for _ in range(3):
        model.execute_read()
    model.log_in(OTHER)
    model.publish()
    model.server.projection = ("epoch-x", "complete", model.beat + 1)
    follow(model)
    deliver(model)
    assert isinstance(model.answers[-1], Active)


def test_a_stream_that_begins_anew_hides_nothing(model: GatewayModel) -> None:
    model.cut()
    model.revoke_now(SESSION)
    model.server.entries, model.server.last = [], 0
    model.connect()
    follow(model)
    assert isinstance(found(model), Revoked)


def test_a_server_whose_clock_is_behind_hides_no_entry(model: GatewayModel) -> None:
    model.replicate()
    model.log_in(OTHER)
    model.publish()
    follow(model)  # up to an entry that the next server never had
    model.cut()
    model.fail_over()
    model.server.lag = 10_000
    model.revoke_now(SESSION)  # its entry is before that position
    model.keeper_beats()
    model.keeper_rebuilds()
    model.keeper_rebuilds()  # and those of the rebuild are
    model.server.lag = 0
    model.log_in("device-session-3")
    model.publish()  # its entry is behind it
    model.connect()
    for _ in range(3):
        follow(model)
        model.keeper_beats()
    follow(model)
    assert isinstance(found(model), Revoked)


def test_a_session_read_as_revoked_is_remembered(model: GatewayModel) -> None:
    model.log_in(OTHER)
    model.revoke_now(OTHER)
    model.revoke_now(OTHER)
    assert isinstance(found(model, OTHER), Revoked)
    model.server.records[OTHER] = "active"
    assert isinstance(found(model, OTHER), Revoked)


def test_the_model_judges_a_false_proof(model: GatewayModel) -> None:
    model.revocation_published[SESSION] = 0
    with pytest.raises(AssertionError, match="missed"):
        model.find(SESSION)
