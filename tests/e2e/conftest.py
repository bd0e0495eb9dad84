"""One stack for all journeys. No test kills its parts: a test that needs to starts its own stack."""

from collections.abc import Iterator

import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from tests.support.database import cloned_database
from tests.support.product import Product, open_product
from tests.support.stack import open_stack

PUBLIC_HOST = "auth.example.com"


@pytest.fixture(scope="package")
def product(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Product]:
    """Clients of the stack. Its rate limits run too, but are so high that no test reaches them."""
    with (
        cloned_database(postgres_server, template) as database,
        open_stack(
            database,
            AUTHSESSION_PUBLIC_HOST=PUBLIC_HOST,
            AUTHSESSION_SEND_RATE_LIMIT="100000/1m",
            AUTHSESSION_CONFIRM_RATE_LIMIT="100000/1m",
        ) as stack,
        open_product(stack) as clients,
    ):
        yield clients
