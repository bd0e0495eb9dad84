"""What the sessions of each login role run with: set by each process, and given to the role by `migrate`.

The second serves through a pooler that gives each transaction another session, where a process can set nothing.
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
"""One plan for all requests, and by keys, even when it is made while the tables are empty: docs/decisions/0033."""
INTERNAL_SETTINGS: Mapping[str, str] = {"enable_bitmapscan": "off"}
"""Lists take their order from an index: a plan made for users with few sessions would read and sort all 5,000 of a user
for a page of 100 (test_flat_pages.py)."""

ROLE_SETTINGS: Mapping[str, Mapping[str, str]] = {
    PUBLIC_ROLE: {**session_settings_of(UNIT_TIMEOUT), **PUBLIC_SETTINGS},
    INTERNAL_ROLE: {**session_settings_of(UNIT_TIMEOUT), **INTERNAL_SETTINGS},
}
