"""The metrics of nodes' reports stay within what exporters can encode, whatever a node reports."""

from contracts.node.report import MAX_REFUSAL_CODES
from services.internal_admin.node_config.metrics import counted

LARGEST_COUNT = 2**53 - 1
STATUSES_A_MINUTE = 12
MINUTES_A_YEAR = 365 * 24 * 60


def test_a_node_that_reports_the_largest_counts_for_a_year_overflows_no_counter() -> None:
    in_a_year = STATUSES_A_MINUTE * MINUTES_A_YEAR * MAX_REFUSAL_CODES
    assert counted(LARGEST_COUNT) * in_a_year < 2**63


def test_an_honest_count_is_added_whole() -> None:
    assert counted(4_000_000_000) == 4_000_000_000
