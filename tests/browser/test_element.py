"""`<authsession-login>` in a real browser, under a strict policy."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Page, Route, expect

from shared.kernel.language import LANGUAGES
from tests.browser.login_page import EMAIL, LOGIN, OFFLINE, LoginPage, Refusal, open_login
from tests.support.axe import faults_of, load_axe
from tests.support.browser import Profile
from tests.support.javascript import needs_npm_packages

WRONG = Refusal(400, "invalid_code")
LEFT = ("", "4 attempts left", "3 attempts left", "2 attempts left", "One attempt left", "no attempts are left")
"""The words after so many wrong codes."""
FOCUSED = """() => {
    const { name, textContent } = document.activeElement.shadowRoot.activeElement
    return name || textContent
}"""


@pytest.fixture
def login(page: Page) -> LoginPage:
    return open_login(page)


def focused(page: Page) -> str:
    return page.evaluate(FOCUSED)


# The way in.


def test_the_keyboard_alone_logs_in(login: LoginPage) -> None:
    """Six digits are sent without a further key. The page hears one event, and the cursor goes where news are."""
    page = login.page
    page.keyboard.press("Tab")
    page.keyboard.type(EMAIL)
    page.keyboard.press("Enter")
    expect(login.title).to_have_text("Check your e-mail")
    assert focused(page) == "code"
    page.keyboard.type("482913")
    expect(login.title).to_have_text("You are logged in")
    assert focused(page) == "You are logged in"
    assert login.heard() == [["authsession-login", ["session-1", "session-1"]]]
    assert [body["email"] for body in login.api.sent] == [EMAIL]
    assert [(body["challenge_id"], body["code"]) for body in login.api.confirmed] == [("challenge-1", "482913")]


def test_the_tab_key_goes_from_top_to_bottom(login: LoginPage) -> None:
    login.ask()
    order = [focused(login.page)]
    for _ in range(3):
        login.page.keyboard.press("Tab")
        order.append(focused(login.page))
    assert [name.split(" in ")[0] for name in order] == ["code", "Log in", "New code", "Use another address"]


def test_fields_tell_browsers_and_screen_readers_what_they_are(login: LoginPage) -> None:
    expect(login.address).to_have_attribute("autocomplete", "email")
    expect(login.address).to_have_accessible_name("E-mail address")
    expect(login.address).to_have_accessible_description("We send you a six-digit code. No password needed.")
    login.ask()
    expect(login.code).to_have_attribute("autocomplete", "one-time-code")
    expect(login.code).to_have_attribute("inputmode", "numeric")
    expect(login.code).to_have_accessible_name("Six-digit code")
    expect(login.code).to_have_accessible_description(
        f"Enter the code that we sent to {EMAIL}. No e-mail? Look in your spam folder too."
    )


def test_a_code_is_pasted_in_the_forms_that_people_copy(page: Page, profile: Profile) -> None:
    """Each form replaces what stands in the field, and is sent at once."""
    profile.context.grant_permissions(["clipboard-read", "clipboard-write"])
    login = open_login(page)
    login.ask()
    forms = (" 100 001\n", "100\u2013002", "１００００３", "100004100004", "@a.example #100005")
    for count, form in enumerate(forms, start=1):
        login.api.refuse(WRONG)
        page.evaluate("text => navigator.clipboard.writeText(text)", form)
        page.keyboard.press("Home")
        page.keyboard.press("Control+V")
        expect(login.note).to_contain_text(LEFT[count])
    assert [body["code"] for body in login.api.confirmed] == ["100001", "100002", "100003", "100004", "100005"]


def test_only_digits_stay_in_the_field(login: LoginPage) -> None:
    login.ask()
    login.page.keyboard.insert_text("a4-８ x2")
    expect(login.code).to_have_value("482")
    login.page.keyboard.press("Home")
    login.type_code("b1")
    expect(login.code).to_have_value("1482")
    assert login.code.evaluate("input => input.selectionStart") == 1
    login.page.keyboard.press("Enter")
    expect(login.note).to_have_text("Enter all six digits of the code.")
    assert login.api.confirmed == []


def test_a_key_that_changes_no_digit_costs_no_attempt(login: LoginPage) -> None:
    login.ask()
    login.api.refuse(WRONG)
    login.type_code("100000")
    expect(login.note).to_contain_text(LEFT[1])
    login.page.keyboard.press("End")
    login.type_code("7x")
    expect(login.code).to_have_value("100000")
    login.page.keyboard.press("Backspace")
    login.type_code("1")
    expect(login.title).to_have_text("You are logged in")
    assert [body["code"] for body in login.api.confirmed] == ["100000", "100001"]


def test_the_label_names_the_device(login: LoginPage) -> None:
    """The attribute, else the browser's name. An empty attribute sends none."""
    element = login.page.locator("authsession-login")
    login.ask()
    login.api.refuse(WRONG, WRONG)
    login.type_code("000000")
    expect(login.note).to_contain_text(LEFT[1])
    element.evaluate("element => element.setAttribute('label', 'Till 4')")
    login.type_code("000000")
    expect(login.note).to_contain_text(LEFT[2])
    element.evaluate("element => element.setAttribute('label', '')")
    login.type_code("482913")
    expect(login.title).to_have_text("You are logged in")
    by_itself, named, unnamed = (body.get("device_label", "") for body in login.api.confirmed)
    assert by_itself.endswith(" on Linux")
    assert (named, unnamed) == ("Till 4", "")


# Refusals.


def test_a_malformed_address_is_told_and_not_sent(login: LoginPage) -> None:
    login.address.fill("anna")
    login.submit.click()
    expect(login.note).to_have_text("Enter a full e-mail address, such as name@example.com.")
    expect(login.address).to_have_attribute("aria-invalid", "true")
    expect(login.address).to_be_focused()
    expect(login.page.get_by_role("alert")).to_have_text("Enter a full e-mail address, such as name@example.com.")
    login.page.keyboard.type("anna@example.com")
    expect(login.address).not_to_have_attribute("aria-invalid", "true")
    assert login.api.sent == []


def test_five_wrong_codes_end_the_challenge(login: LoginPage) -> None:
    """Each wrong code stays selected, so that typing replaces it. After the last one only a new code helps."""
    login.stop_clock()
    login.ask()
    for count in range(1, 6):
        login.api.refuse(WRONG)
        login.type_code("000000")
        expect(login.note).to_contain_text(LEFT[count])
    expect(login.code).to_be_hidden()
    expect(login.submit).to_have_text("Send a new code · 1:00")
    login.page.clock.fast_forward(61_000)
    expect(login.submit).to_be_focused()
    login.page.keyboard.press("Enter")
    expect(login.code).to_be_focused()
    login.type_code("482913")
    expect(login.title).to_have_text("You are logged in")
    assert login.api.confirmed[-1]["challenge_id"] == "challenge-2"
    assert [event[1] for event in login.heard()[:-1]] == ["invalid_code"] * 5


def test_a_code_of_an_ended_challenge_asks_for_a_new_one(login: LoginPage) -> None:
    login.ask()
    login.api.refuse(Refusal(410, "challenge_expired"))
    login.type_code("482913")
    expect(login.note).to_have_text("This code is no longer valid. Send a new code.")
    expect(login.submit).to_contain_text("Send a new code")


def test_a_rate_limit_tells_its_time_and_sends_nothing_meanwhile(login: LoginPage) -> None:
    page = login.page
    login.stop_clock()
    login.api.refuse(Refusal(429, "rate_limited", retry_after=42))
    login.address.fill(EMAIL)
    page.keyboard.press("Enter")
    expect(login.note).to_have_text("Too many attempts. Try again in 42 seconds.")
    expect(page.get_by_role("alert")).to_have_text("Too many attempts. Try again in 42 seconds.")
    page.clock.fast_forward(12_000)
    expect(login.submit).to_have_text("Send me a code · 0:30")
    expect(login.submit).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Enter")
    page.clock.fast_forward(31_000)
    expect(login.note).not_to_contain_text("Too many")
    assert len(login.api.sent) == 1
    page.keyboard.press("Enter")
    expect(login.code).to_be_focused()


def test_a_lost_network_is_told_and_a_repeat_works(login: LoginPage) -> None:
    login.api.refuse(OFFLINE)
    login.address.fill(EMAIL)
    login.submit.click()
    expect(login.note).to_have_text("No connection. Check your network and try again.")
    login.submit.click()
    expect(login.code).to_be_focused()
    assert login.heard() == [["authsession-error", "network_error"]]


def test_the_same_code_can_be_sent_again_after_a_fault(login: LoginPage) -> None:
    login.ask()
    for status, code, note in (
        (503, "service_unavailable", "not available"),
        (409, "session_limit_exceeded", "too many devices"),
        (500, "internal_error", "Something went wrong"),
    ):
        login.api.refuse(Refusal(status, code, retry_after=30))
        if login.api.confirmed:
            login.page.keyboard.press("Enter")
        else:
            login.type_code("482913")
        expect(login.note).to_contain_text(note)
    login.page.keyboard.press("Enter")
    expect(login.title).to_have_text("You are logged in")
    assert {body["code"] for body in login.api.confirmed} == {"482913"}


def test_a_blocked_person_can_only_take_another_address(login: LoginPage) -> None:
    login.ask()
    login.api.refuse(Refusal(403, "blocked_by_policy"))
    login.type_code("482913")
    expect(login.title).to_have_text("You cannot log in")
    expect(login.code).to_have_count(0)
    login.page.keyboard.press("Tab")
    login.page.keyboard.press("Enter")
    expect(login.address).to_be_focused()


# A new code, another address, a reload.


def test_a_new_code_can_be_asked_for_after_a_minute(login: LoginPage) -> None:
    page = login.page
    login.stop_clock()
    login.ask()
    page.clock.fast_forward(18_000)
    wait = login.button("New code in 0:42")
    expect(wait).to_have_attribute("aria-disabled", "true")
    wait.click(force=True)
    page.clock.fast_forward(42_000)
    assert len(login.api.sent) == 1
    login.api.refuse(Refusal(500, "internal_error"))
    login.code.focus()
    login.type_code("482913")
    expect(login.note).to_contain_text("Something went wrong")
    login.button("Send a new code").click()
    expect(login.note).to_have_text("A new code is on its way. Only the newest one works.")
    expect(page.get_by_role("status")).to_have_text("A new code is on its way. Only the newest one works.")
    expect(login.code).to_be_focused()
    expect(login.code).to_have_value("")
    page.keyboard.insert_text("482913")  # at once, as a paste; the same letter serves both challenges
    expect(login.title).to_have_text("You are logged in")
    assert login.api.confirmed[-1]["challenge_id"] == "challenge-2"


def test_a_wrong_address_can_be_corrected_at_once(login: LoginPage) -> None:
    login.ask("ana@example.com")
    login.button("Use another address").click()
    expect(login.address).to_have_value("ana@example.com")
    expect(login.address).to_be_focused()
    login.page.keyboard.type(EMAIL)
    login.page.keyboard.press("Enter")
    login.code.wait_for()
    assert [body["email"] for body in login.api.sent] == ["ana@example.com", EMAIL]


def test_a_reload_goes_on_with_the_same_challenge(login: LoginPage) -> None:
    """Phones unload pages while their person reads the letter. After the log-in nothing is kept of it."""
    login.ask()
    login.api.refuse(WRONG)
    login.type_code("000000")
    expect(login.note).to_contain_text(LEFT[1])
    login.page.reload()
    expect(login.page.get_by_text(EMAIL)).to_be_visible()
    login.api.refuse(WRONG)
    login.code.focus()
    login.type_code("000000")
    expect(login.note).to_contain_text(LEFT[2])
    login.type_code("482913")
    expect(login.title).to_have_text("You are logged in")
    assert len(login.api.sent) == 1
    assert login.page.evaluate("sessionStorage.length") == 0
    login.page.reload()
    expect(login.title).to_have_text("You are logged in")
    assert login.heard() == []


def test_an_old_draft_is_removed_when_the_page_is_opened_again(login: LoginPage) -> None:
    login.ask()
    login.page.evaluate("""() => {
        const [name, text] = Object.entries(sessionStorage)[0]
        sessionStorage.setItem(name, JSON.stringify({ ...JSON.parse(text), sentAt: Date.now() - 601_000 }))
    }""")
    login.page.reload()
    expect(login.title).to_have_text("Log in")
    assert login.page.evaluate("sessionStorage.length") == 0


# The element on its page.


def test_two_elements_on_a_page_share_the_session_and_nothing_else(page: Page) -> None:
    login = open_login(page, LOGIN * 2)
    first, second = (page.locator("authsession-login").nth(index) for index in (0, 1))
    first.locator("input").fill(EMAIL)
    page.keyboard.press("Enter")
    expect(first.locator("h2")).to_have_text("Check your e-mail")
    expect(second.locator("h2")).to_have_text("Log in")
    login.type_code("482913")
    for element in (first, second):
        expect(element.locator("h2")).to_have_text("You are logged in")
    assert len(login.heard()) == 1


def test_a_moved_element_keeps_its_step_and_hears_once(login: LoginPage) -> None:
    login.stop_clock()
    login.ask()
    element = login.page.locator("authsession-login")
    element.evaluate("element => { window.kept = element; element.remove() }")
    login.page.clock.fast_forward(10_000)
    login.page.evaluate("document.querySelector('main').append(kept); kept.focus()")
    expect(login.button("New code in 0:50")).to_be_visible()
    login.type_code("482913")
    expect(login.title).to_have_text("You are logged in")
    assert len(login.heard()) == 1


def test_an_app_shares_its_client_and_its_log_out_shows(page: Page) -> None:
    """The property may be set before the element is defined."""
    login = open_login(page)
    page.evaluate("""async () => {
        const { createAuthClient } = await import('/index.js')
        window.auth = createAuthClient({ baseUrl: location.origin, name: 'app' })
        const element = document.createElement('authsession-login')
        element.client = auth
        document.querySelector('authsession-login').replaceWith(element)
    }""")
    login.ask()
    login.type_code("482913")
    expect(login.title).to_have_text("You are logged in")
    assert page.evaluate("auth.session.deviceSessionId") == "session-1"
    login.api.refuse(Refusal(401, "session_revoked"))
    page.evaluate("auth.logOut()")
    expect(login.title).to_have_text("Log in")
    expect(login.address).to_have_value("")


def test_an_answer_does_not_take_the_cursor_from_the_page(page: Page) -> None:
    login = open_login(page, LOGIN + '<input id="search" aria-label="Search">')
    login.address.fill(EMAIL)
    page.locator("form").evaluate("form => { form.requestSubmit(); search.focus() }")
    login.code.wait_for()
    expect(page.locator("#search")).to_be_focused()


def test_parts_and_properties_change_the_looks(page: Page) -> None:
    login = open_login(page)
    page.evaluate("""() => {
        const sheet = new CSSStyleSheet()
        sheet.replaceSync(`authsession-login { --authsession-accent: rgb(1, 2, 3) }
                           authsession-login::part(title) { color: rgb(4, 5, 6) }`)
        document.adoptedStyleSheets = [sheet]
    }""")
    expect(login.submit).to_have_css("background-color", "rgb(1, 2, 3)")
    expect(login.title).to_have_css("color", "rgb(4, 5, 6)")


# Languages.

TITLES = {
    "en": "Log in",
    "de": "Anmelden",
    "es": "Iniciar sesión",
    "fr": "Connexion",
    "ja": "ログイン",
    "pt": "Iniciar sessão",
    "zh-Hans": "登录",
}


def test_each_language_fits_on_the_smallest_screen(page: Page) -> None:
    assert set(TITLES) == set(LANGUAGES)
    page.set_viewport_size({"width": 320, "height": 640})
    login = open_login(page)
    element = page.locator("authsession-login")
    login.address.fill(f"a.very.long.address.of.somebody@{'long-' * 8}name.example")
    for locale, title in TITLES.items():
        element.evaluate("(element, locale) => element.setAttribute('locale', locale)", locale)
        expect(login.title).to_have_text(title)
        expect(page.locator("div[lang]")).to_have_attribute("lang", locale)
        assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.keyboard.press("Enter")
    login.code.wait_for()
    assert login.api.sent[0]["language"] == "zh-Hans"
    for locale in TITLES:
        element.evaluate("(element, locale) => element.setAttribute('locale', locale)", locale)
        assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_nearest_known_language_is_used(page: Page) -> None:
    """The attribute, else the language around the element, else that of the document, else the browser's."""
    french = '<authsession-login locale="fr-CA"></authsession-login>'
    around = [("pt-BR", LOGIN), ("zh-CN", LOGIN), ("zh-TW", LOGIN), ("de", french), ("it", LOGIN), ("ja", LOGIN)]
    open_login(page, "".join(f'<div lang="{lang}">{login}</div>' for lang, login in around), lang="es")
    expect(page.locator("h2")).to_have_text(
        ["Iniciar sessão", "登录", "Iniciar sesión", "Connexion", "Iniciar sesión", "ログイン"]
    )


# Accessibility.


def states(login: LoginPage) -> Iterator[str]:
    """Leads the page through each state that it can be in."""
    page, api = login.page, login.api
    yield "address"
    login.address.fill("anna")
    page.keyboard.press("Enter")
    expect(login.note).to_contain_text("full")
    yield "malformed address"
    api.refuse(Refusal(429, "rate_limited", retry_after=42))
    login.address.fill(EMAIL)
    page.keyboard.press("Enter")
    expect(login.note).to_contain_text("Too many")
    yield "rate limit"
    page.clock.fast_forward(43_000)
    login.ask()
    yield "code"
    api.refuse(WRONG)
    login.type_code("000000")
    expect(login.note).to_contain_text(LEFT[1])
    yield "wrong code"
    page.clock.fast_forward(61_000)
    login.button("Send a new code").click()
    expect(login.note).to_contain_text("on its way")
    yield "sent again"
    api.refuse(Refusal(410, "challenge_expired"))
    login.type_code("482913")
    expect(login.note).to_contain_text("no longer valid")
    yield "expired"
    page.clock.fast_forward(61_000)
    login.submit.click()
    expect(login.code).to_be_focused()
    api.refuse(Refusal(403, "blocked_by_policy"))
    login.type_code("482913")
    expect(login.title).to_have_text("You cannot log in")
    yield "blocked"
    login.submit.click()
    login.ask()
    login.type_code("482913")
    expect(login.title).to_have_text("You are logged in")
    yield "done"


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
CODE_CONTRAST = "color-contrast at authsession-login,#code: "


def test_axe_finds_nothing_in_any_state_and_colour_scheme(page: Page) -> None:
    needs_npm_packages()
    page.emulate_media(reduced_motion="reduce")
    login = open_login(page)
    page.clock.install()
    load_axe(page)
    found: dict[str, list[str]] = {}
    for state in states(login):
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            # axe cannot judge a contrast where boxes lie under a field: its digits have the colours of all other text.
            found[f"{state}, {scheme}"] = [fault for fault in faults_of(page) if CODE_CONTRAST not in fault]
    assert len(found) == 18
    assert {state: faults for state, faults in found.items() if faults} == {}


MOVING = "document.querySelector('authsession-login').shadowRoot.getAnimations().length"


def unanswered(_: Route) -> None:
    """The API stays silent."""


def test_nothing_moves_for_a_person_who_asked_for_that(login: LoginPage) -> None:
    page = login.page
    page.route("**/send-email-code", unanswered)
    page.emulate_media(reduced_motion="reduce")
    login.address.fill(EMAIL)
    page.keyboard.press("Enter")
    expect(login.submit).to_have_attribute("data-busy", "")
    expect(page.get_by_role("status")).to_have_text("One moment…")
    assert page.evaluate(MOVING) == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(MOVING) > 0
