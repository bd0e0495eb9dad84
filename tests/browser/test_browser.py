"""The browser that the other tests of this folder drive."""

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import Profile, open_browser, open_profile

KEY = """async () => {
    const { publicKey, privateKey } = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])
    return [(await crypto.subtle.exportKey('raw', publicKey)).byteLength, privateKey.extractable]
}"""
LOCAL = "http://127.0.0.1:9/"


def serve(page: Page, html: str, csp: str = "default-src 'self'") -> None:
    """Answers every request of the tab with that page."""
    headers = {"content-type": "text/html", "content-security-policy": csp}
    page.route("**/*", lambda route: route.fulfill(body=html, headers=headers))
    page.goto(LOCAL)


def test_the_browser_makes_ed25519_keys_that_no_script_can_export(page: Page) -> None:
    serve(page, "<!doctype html><title>a page</title>")
    assert page.title() == "a page"
    assert page.evaluate(KEY) == [32, False]


def test_profiles_share_no_storage(page: Page, browser: Browser) -> None:
    serve(page, "<!doctype html>")
    page.evaluate("localStorage.setItem('name', 'first')")
    with open_profile(browser) as other:
        another = other.context.new_page()
        serve(another, "<!doctype html>")
        assert another.evaluate("localStorage.getItem('name')") is None


def test_a_breach_of_the_content_security_policy_is_a_fault(page: Page, profile: Profile) -> None:
    serve(page, "<!doctype html><script>1</script>")
    page.wait_for_load_state()
    assert "Content Security Policy" in profile.faults.pop()


def test_an_uncaught_exception_is_a_fault(page: Page, profile: Profile) -> None:
    serve(page, "<!doctype html><script>throw new Error('seen')</script>", "script-src 'unsafe-inline'")
    page.wait_for_load_state()
    assert "seen" in profile.faults.pop()


def break_its_policy(browser: Browser) -> None:
    with open_profile(browser) as other:
        page = other.context.new_page()
        serve(page, "<!doctype html><script>1</script>")
        page.wait_for_load_state()


def test_a_leftover_fault_fails_the_test(browser: Browser) -> None:
    with pytest.raises(AssertionError, match="Content Security Policy"):
        break_its_policy(browser)


def test_without_a_browser_a_test_is_skipped_and_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match=r"^needs a browser: install one of chromium, .*$"):
        open_browser().__enter__()
