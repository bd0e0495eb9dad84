"""Laws of the sealed audit trail over all rows and all orders of appearing. Pure."""

from dataclasses import fields
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from contracts.control_plane.audit import AuditRow
from services.internal_admin.audit.domain.chain import GENESIS, Checkpoint, seal_rows
from services.internal_admin.audit.domain.check import ChainCheck, Link
from services.internal_admin.audit.domain.row import canonical_form
from services.internal_admin.audit.domain.unseen_ids import UnseenIds
from shared.kernel.keyring import KeyRing

KEYS = KeyRing.parse("test", "k1:" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2001, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ROWS = st.builds(AuditRow, st.integers(1, 2**63 - 1), INSTANTS, TEXT, TEXT, TEXT, *[st.none() | TEXT for _ in range(7)])


@given(ROWS, ROWS)
def test_two_rows_have_the_same_form_only_if_they_are_the_same(one: AuditRow, other: AuditRow) -> None:
    assert (canonical_form(one) == canonical_form(other)) == (one == other)


@given(ROWS, st.data())
def test_text_that_moves_from_one_column_to_the_next_changes_the_form(row: AuditRow, data: st.DataObject) -> None:
    names = [field.name for field in fields(AuditRow)[2:]]
    values = [getattr(row, name) or "" for name in names]
    place, cut = data.draw(st.integers(0, len(names) - 2)), data.draw(st.integers(0, 4))
    moved = values[place] + values[place + 1]
    pair = (moved[:cut], moved[cut:])
    other = AuditRow(row.audit_id, row.occurred_at, *(*values[:place], *pair, *values[place + 2 :]))
    same = AuditRow(row.audit_id, row.occurred_at, *values)
    assert (canonical_form(other) == canonical_form(same)) == (other == same)


@given(st.lists(ROWS, max_size=5))
def test_sealed_rows_are_found_as_they_were_sealed(rows: list[AuditRow]) -> None:
    rows.sort(key=lambda row: row.occurred_at)
    check = ChainCheck(KEYS, anchors=[])
    links = map(Link, seal_rows(GENESIS, rows, KEYS.newest), rows)
    assert [*check.begin(Checkpoint()), *(said for link in links for said in check.check(link)), *check.end()] == []
    assert check.checked == len(rows)


@given(st.lists(st.integers(1, 40), unique=True, max_size=40), st.integers(1, 5))
def test_each_id_is_either_seen_or_waited_for(order: list[int], batch: int) -> None:
    unseen, seen = UnseenIds(0), set[int]()
    for start in range(0, len(order), batch):
        ids = sorted(order[start : start + batch])
        seen.update(ids)
        unseen = unseen.after(ids, now=start)
        waited_for = {each for gap in unseen.gaps for each in range(gap.low, gap.high + 1)}
        assert waited_for == set(range(1, unseen.last + 1)) - seen
        assert unseen.floor == min(waited_for, default=unseen.last + 1) - 1
