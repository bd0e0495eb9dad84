"""The page of a notice's link in a real browser: it asks nothing until its button is pressed (SPEC §20.3)."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Request, expect

from tests.support.browser import open_profile
from tests.support.builders import email_address
from tests.support.product import INTERNAL, Product
from tests.support.stack import wait_for
from tests.support.web_page import Site

TITLES = {
    "en-GB": "Was that you?",
    "de-AT": "Waren Sie das?",
    "es-MX": "¿Has sido tú?",
    "fr": "Était-ce vous ?",
    "pt-BR": "Foi você?",
    "ja-JP": "ご本人によるログインですか？",
    "zh-CN": "是您本人操作吗？",
    "nl": "Was that you?",
}


def notice(product: Product) -> tuple[str, str]:
    """The token of a notice, and the id of its session."""
    email = email_address()
    product.log_in(email)
    product.stack.database.execute("update settings set new_device_notice = 'every_login'")
    try:
        session_id = product.log_in(email)
    finally:
        product.stack.database.execute("update settings set new_device_notice = 'unknown_network'")

    def kept() -> list[Any]:
        return product.internal.get(f"{INTERNAL}/dev/letters", params={"email": email}).json()["letters"]

    return wait_for(kept)[0]["token"], session_id


def test_the_page_changes_nothing_until_its_button_is_pressed(browser: Browser, site: Site) -> None:
    token, session_id = notice(site.product)
    requests: list[Request] = []
    with open_profile(browser, locale="en-GB") as profile:
        profile.context.on("request", lambda request: requests.append(request))  # noqa: PLW0108 - Playwright marks it
        page = profile.open(f"{site.api}/not-me#{token}")
        expect(page.get_by_role("button")).to_have_text("End that login")
        assert [(each.method, each.url) for each in requests] == [("GET", f"{site.api}/not-me")]
        assert page.url == f"{site.api}/not-me"  # nothing in the history holds the token
        assert site.product.session(session_id)["status"] == "active"

        page.get_by_role("button").click()

        expect(page.get_by_role("status")).to_have_text("That login has ended.")
        assert site.product.session(session_id)["status"] == "revoked"
        assert [each.url for each in requests if token in each.url] == []
        assert [each.url for each in requests if each.headers.get("referer")] == []

        again = profile.open(f"{site.api}/not-me#{token}")
        again.get_by_role("button").click()
        expect(again.get_by_role("status")).to_have_text("That login had already ended.")


def test_a_second_link_in_the_same_tab_is_about_its_own_login(browser: Browser, site: Site) -> None:
    (first, first_session), (second, second_session) = notice(site.product), notice(site.product)
    with open_profile(browser, locale="en") as profile:
        page = profile.open(f"{site.api}/not-me#{first}")
        with page.expect_event("framenavigated", lambda _: page.url.endswith("/not-me")):
            page.evaluate("link => location.assign(link)", f"{site.api}/not-me#{second}")
        page.get_by_role("button").click()
        expect(page.get_by_role("status")).to_have_text("That login has ended.")
    states = [site.product.session(session)["status"] for session in (first_session, second_session)]
    assert states == ["active", "revoked"]


@pytest.mark.parametrize("locale", TITLES)
def test_the_page_speaks_the_language_of_its_reader(browser: Browser, site: Site, locale: str) -> None:
    with open_profile(browser, locale=locale) as profile:
        page = profile.open(f"{site.api}/not-me#{'A' * 43}")
        expect(page.get_by_role("heading")).to_have_text(TITLES[locale])


def test_a_link_that_is_over_or_cut_off_says_so(browser: Browser, site: Site) -> None:
    with open_profile(browser, locale="en") as profile:
        page = profile.open(f"{site.api}/not-me#{'A' * 43}")
        page.get_by_role("button").click()
        expect(page.get_by_role("status")).to_contain_text("no longer valid")
        cut = profile.open(f"{site.api}/not-me#AAAA")
        expect(cut.get_by_role("status")).to_contain_text("not complete")
        expect(cut.get_by_role("button")).to_be_hidden()
