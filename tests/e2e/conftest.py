"""One stack for all journeys: nobody kills its parts. Tests that do start a stack of their own."""

from collections.abc import Iterator

import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from tests.support.database import cloned_database
from tests.support.product import Product, open_product
from tests.support.stack import open_stack

PUBLIC_HOST = "auth.example.com"


@pytest.fixture(scope="package")
def product(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Product]:
    """With rate limits that nobody reaches, so that they run too."""
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
