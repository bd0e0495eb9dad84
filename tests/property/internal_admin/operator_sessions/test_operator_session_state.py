"""Laws of how long an operator's session may be used (SPEC §10.4). Pure."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.internal_admin.operator_sessions.domain import (
    RENEWAL_REST,
    OperatorSession,
    SessionLives,
    renew_before,
    rests,
    session_state,
)
from tests.support.builders import SOME_INSTANT

_US = timedelta(microseconds=1)
_spans = st.timedeltas(timedelta(seconds=1), timedelta(days=30))
_ages = st.timedeltas(timedelta(), timedelta(days=60))


@st.composite
def _lives(draw: st.DrawFn) -> SessionLives:
    renewal, more = draw(_spans), draw(_spans)
    return SessionLives(absolute=draw(_spans), idle=renewal + more, renewal=renewal)


@st.composite
def _sessions(draw: st.DrawFn) -> tuple[OperatorSession, SessionLives]:
    """A session renewed some time after it was opened, but before its absolute end."""
    lives = draw(_lives())
    renewed = draw(st.timedeltas(timedelta(), lives.absolute - _US))
    return _session(renewed, lives), lives


def _session(renewed: timedelta, lives: SessionLives) -> OperatorSession:
    """A session opened at `SOME_INSTANT` and renewed so long after."""
    opened_at = SOME_INSTANT
    return OperatorSession(
        "operator-session-1", "operator-1", opened_at, opened_at + renewed, opened_at + lives.absolute, None, None
    )


@given(_sessions(), _ages)
def test_a_session_is_usable_until_it_idled_or_its_absolute_end_came_and_never_again(
    made: tuple[OperatorSession, SessionLives], age: timedelta
) -> None:
    session, lives = made
    now = session.renewed_at + age
    is_over = age >= lives.idle or now >= session.expires_at
    assert (session_state(session, now, lives) == "ended") is is_over


@given(_sessions(), _ages)
def test_a_renewal_is_due_from_renew_before_on(made: tuple[OperatorSession, SessionLives], age: timedelta) -> None:
    session, lives = made
    now = session.renewed_at + age
    assert (session_state(session, now, lives) == "live") is (now < renew_before(session, lives))


@given(_sessions(), _ages, _ages)
def test_the_rights_of_a_session_only_shrink_with_time(
    made: tuple[OperatorSession, SessionLives], age: timedelta, later: timedelta
) -> None:
    session, lives = made
    order = ("live", "renewal_due", "ended")
    first, second = (session_state(session, session.renewed_at + at, lives) for at in (age, age + later))
    assert order.index(first) <= order.index(second)


@given(_lives(), st.lists(_ages, max_size=20))
def test_no_row_of_renewals_outlives_the_absolute_end(lives: SessionLives, pauses: list[timedelta]) -> None:
    session = _session(timedelta(), lives)
    for pause in pauses:
        now = session.renewed_at + pause
        if session_state(session, now, lives) == "ended":
            break
        session = _session(now - session.created_at, lives)
    assert session_state(session, session.created_at + lives.absolute, lives) == "ended"
    assert renew_before(session, lives) <= session.created_at + lives.absolute


@given(_sessions(), _ages)
def test_a_session_rests_for_a_minute_after_a_renewal(
    made: tuple[OperatorSession, SessionLives], age: timedelta
) -> None:
    session, _ = made
    assert rests(session, session.renewed_at + age) is (age < RENEWAL_REST)


def test_the_edges_of_the_contract_belong_to_the_later_state() -> None:
    lives = SessionLives(absolute=timedelta(days=7))
    session = _session(timedelta(), lives)
    at = {
        timedelta(hours=8) - _US: "live",
        timedelta(hours=8): "renewal_due",
        timedelta(days=1) - _US: "renewal_due",
        timedelta(days=1): "ended",
    }
    assert {age: session_state(session, session.created_at + age, lives) for age in at} == at
    renewed = _session(timedelta(days=6, hours=23), lives)
    assert session_state(renewed, renewed.expires_at - _US, lives) == "live"
    assert session_state(renewed, renewed.expires_at, lives) == "ended"
