"""One browser for the package. It closes before tests of other folders run on this worker."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import Profile, open_browser, open_profile


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
