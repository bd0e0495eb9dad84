"""One browser for the package. It closes before tests of other folders run on this worker.

Pytest knows a package by its `__init__.py`; without one the browser would stay open and refuse asyncio to later tests.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from authsession.embedded.child import free_port
from authsession.embedded.postgres import EmbeddedPostgres
from tests.support.browser import Profile, open_browser, open_profile
from tests.support.database import cloned_database
from tests.support.product import open_product
from tests.support.stack import open_stack
from tests.support.web_page import Site, running_gateway, running_page


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with open_browser() as running:
        yield running


@pytest.fixture
def profile(browser: Browser) -> Iterator[Profile]:
    """An empty profile. The test fails if a page in it throws or breaches its Content-Security-Policy."""
    with open_profile(browser) as opened:
        yield opened


@pytest.fixture
def page(profile: Profile) -> Page:
    """A tab of the profile."""
    return profile.context.new_page()


@pytest.fixture(scope="package")
def site(
    browser: Browser, postgres_server: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The example page and the example gateway as programs, beside a running stack that allows the page's origin."""
    folder, port = tmp_path_factory.mktemp("programs"), free_port()
    origin = f"http://127.0.0.1:{port}"
    with (
        cloned_database(postgres_server, template) as database,
        open_stack(database, AUTHSESSION_PUBLIC_HOST="localhost", AUTHSESSION_CORS_ORIGINS=origin) as stack,
        open_product(stack) as product,
        running_gateway(folder, stack, origin) as gateway,
    ):
        api = f"http://localhost:{stack.ports[0]}"
        with running_page(folder, "--public", api, "--gateway", gateway, port=port) as url:
            yield Site(url, api, gateway, product)
