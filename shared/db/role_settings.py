"""Session settings of each login role. Each process sets them, and `migrate` gives them to the role.

The role needs them behind a pooler that gives each transaction another session, where a process cannot set anything.
"""

from collections.abc import Mapping
from datetime import timedelta

from shared.io.postgres_dsn import session_settings_of

PUBLIC_ROLE = "authsession_public"
INTERNAL_ROLE = "authsession_internal"
UNIT_TIMEOUT = timedelta(seconds=5)

PUBLIC_SETTINGS: Mapping[str, str] = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""Every statement keeps one plan that uses indexes, also if it was made while tables were empty
(docs/decisions/0033-gathered-units.md)."""
INTERNAL_SETTINGS: Mapping[str, str] = {"enable_bitmapscan": "off"}
"""Lists take their order from an index. A plan for users with few sessions would otherwise read and sort all 5,000
sessions of another user for a page of 100 (test_flat_pages.py)."""

ROLE_SETTINGS: Mapping[str, Mapping[str, str]] = {
    PUBLIC_ROLE: {**session_settings_of(UNIT_TIMEOUT), **PUBLIC_SETTINGS},
    INTERNAL_ROLE: {**session_settings_of(UNIT_TIMEOUT), **INTERNAL_SETTINGS},
}
