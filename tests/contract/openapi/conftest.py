"""The running processes behind a trusted proxy, which says of each call what network it is from: no test is limited."""

from collections.abc import Iterator

import pytest

from tests.contract.openapi.operators import Owner, claim_owner
from tests.support.database import Database
from tests.support.stack import RunningStack, open_stack


@pytest.fixture(scope="module")
def running_stack(database: Database) -> Iterator[RunningStack]:
    """Both services as processes on the module's database, with a Redis of their own."""
    with open_stack(database, AUTHSESSION_TRUSTED_PROXIES="127.0.0.1/32") as stack:
        yield stack


@pytest.fixture(scope="module")
def owner(running_stack: RunningStack) -> Owner:
    """The first owner, claimed as a person does it, with a session that nothing ends."""
    return claim_owner(running_stack)
