"""Laws of the audit list's cursor and of the link to its next page."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from contracts.control_plane.audit import (
    AuditCursor,
    decode_list_audit,
    encode_audit_cursor,
    encode_next_link,
)

CURSORS = st.builds(
    AuditCursor,
    st.datetimes(datetime(2000, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 2**63 - 1),
)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(CURSORS)
def test_a_cursor_is_read_as_it_was_written(cursor: AuditCursor) -> None:
    assert decode_list_audit(f"cursor={encode_audit_cursor(cursor)}").cursor == cursor


@given(st.fixed_dictionaries({}, optional={"event": TEXT, "subject": TEXT, "limit": st.just("7")}), CURSORS)
def test_the_link_asks_for_the_same_with_the_next_cursor(asked: dict[str, str], cursor: AuditCursor) -> None:
    query = urlencode(asked).replace("+", "%20")
    first = decode_list_audit(query)
    link = encode_next_link(query, cursor)
    assert link.isascii()
    followed = decode_list_audit(link.removeprefix("<?").partition(">")[0])
    assert followed.cursor == cursor
    assert (followed.filter, followed.limit) == (first.filter, first.limit)
