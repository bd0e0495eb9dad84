"""The ends of the stream tell of entries that nobody can read any more."""

import pytest

from clients.gateway.stream import NOTHING, START, Ends, Position, decode_batch, decode_ends

FIVE, SIX, SEVEN = Position(5, 0), Position(6, 0), Position(7, 0)


@pytest.mark.parametrize(
    ("ends", "position", "hides"),
    [
        (Ends(FIVE, SEVEN), FIVE, False),
        (Ends(FIVE, SEVEN), SEVEN, False),
        (Ends(SIX, SEVEN), FIVE, True),
        (Ends(None, SEVEN), SEVEN, False),
        (Ends(None, SEVEN), SIX, True),
        (Ends(FIVE, SEVEN), START, True),
        (Ends(FIVE, SEVEN, is_whole=True), START, False),
        (Ends(SIX, SEVEN, is_whole=True), FIVE, True),  # another stream of the same name
        (NOTHING, START, False),
        (Ends(Position(5, 9), Position(5, 11)), Position(5, 10), False),
        (Ends(Position(5, 11), Position(5, 11)), Position(5, 10), True),
    ],
)
def test_a_position_that_is_gone_may_hide_what_came_after_it(ends: Ends, position: Position, hides: bool) -> None:
    assert ends.hides_something_after(position) == hides


@pytest.mark.parametrize(("added", "is_whole"), [(2, True), (3, False), (None, False)])
def test_the_ends_are_read_from_redis_6_and_7(added: int | None, is_whole: bool) -> None:
    answer = [b"length", 2, b"last-generated-id", b"7-0", b"first-entry", [b"5-0", [b"a", b"b"]]]
    answer += [] if added is None else [b"entries-added", added]
    assert decode_ends(answer) == Ends(FIVE, SEVEN, is_whole)


def test_an_entry_of_no_known_form_is_counted() -> None:
    batch = decode_batch([[b"stream", [[b"5-0", [b"status", b"revoked"]], [b"6-0", None], [b"7-0", [b"odd", b"x"]]]]])
    assert batch is not None
    assert (batch.position, batch.unreadable, batch.size, list(batch.records)) == (SEVEN, 3, 3, [])
