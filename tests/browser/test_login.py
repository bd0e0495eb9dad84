"""Logins from a web page in a real browser, at real processes on other origins."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from tests.support.axe import faults_of, load_axe
from tests.support.browser import Profile, open_profile
from tests.support.builders import email_address
from tests.support.stack import wait_for
from tests.support.web_page import Site, Visitor

CLIENT = """
    const { createAuthClient, indexedDbStorage, memoryStorage } = await import('/authsession/index.js')
    const connect = (more = {}) => createAuthClient({ baseUrl: api, publicHost: 'localhost', ...more })
"""
WITHOUT_ED25519 = """
    // A page without a secure context, such as the first empty one, has no WebCrypto.
    for (const name of globalThis.SubtleCrypto ? ['generateKey', 'importKey'] : []) {
        const original = SubtleCrypto.prototype[name]
        SubtleCrypto.prototype[name] = function (...given) {
            if (JSON.stringify(given).includes('Ed25519')) {
                return Promise.reject(new DOMException('no Ed25519', 'NotSupportedError'))
            }
            return original.apply(this, given)
        }
    }
"""
CLOCK_OFF_BY = """
    const offset = %d
    const Real = Date
    globalThis.Date = class extends Real {
        constructor(...given) { given.length > 0 ? super(...given) : super(Real.now() + offset) }
        static now() { return Real.now() + offset }
    }
"""


@pytest.fixture
def visitor(site: Site, profile: Profile) -> Visitor:
    return Visitor(site, profile.context)


@pytest.fixture
def other_profile(browser: Browser) -> Iterator[BrowserContext]:
    with open_profile(browser) as opened:
        yield opened.context


def run(visitor: Visitor, script: str, argument: object = None) -> Any:
    """Runs the body of a function in the page, beside the package and the page's addresses."""
    text = f"async ([api, gateway, argument]) => {{ {CLIENT} {script} }}"
    return visitor.page.evaluate(text, [visitor.site.api, visitor.site.gateway, argument])


def calls(page: Page, path: str) -> list[Request]:
    """The requests to that path from now on. Preflights are left out."""
    seen: list[Request] = []
    wanted = re.compile(f"{path}$")
    page.on("request", lambda one: seen.append(one) if wanted.search(one.url) and one.method != "OPTIONS" else None)
    return seen


def statuses(requests: list[Request]) -> list[int]:
    answers = [request.response() for request in requests]
    return [answer.status for answer in answers if answer is not None]


# The journey.


def test_a_person_logs_in_calls_sees_the_device_and_logs_out(visitor: Visitor) -> None:
    """The page has an origin of its own. A copy of the key is refused once the person has logged out."""
    session = visitor.log_in(email_address())
    expect(visitor.page.get_by_text("No script can read the key")).to_be_visible()
    expect(visitor.devices).to_have_count(1)
    expect(visitor.devices).to_contain_text("This device")
    visitor.call()
    expect(visitor.result).to_contain_text("200")
    expect(visitor.result).to_contain_text(session)

    run(visitor, "window.copy = await indexedDbStorage().get(new URL(api).href)")
    with visitor.page.expect_response(re.compile(f"{session}$")):
        visitor.press("Log out")
    expect(visitor.notice).to_have_text(re.compile("^You are logged out"))
    expect(visitor.page.get_by_label("E-mail address")).to_be_visible()
    assert visitor.site.product.session(session)["status"] == "revoked"
    refused = """
        const storage = memoryStorage()
        await storage.set('copy', window.copy)
        const answer = await connect({ storage, name: 'copy' }).fetch(`${gateway}/whoami`)
        return [answer.status, (await answer.json()).error.code]
    """
    assert run(visitor, refused) == [401, "session_revoked"]


def test_a_page_that_is_left_at_once_is_logged_out_here_and_at_the_server(visitor: Visitor) -> None:
    session = visitor.log_in(email_address())
    with visitor.page.expect_request(re.compile(f"{session}$")):
        visitor.press("Log out")
    visitor.page.goto(f"{visitor.site.url}/icon.svg")
    visitor.page.goto(visitor.site.url)
    expect(visitor.page.get_by_label("E-mail address")).to_be_visible()
    wait_for(lambda: visitor.site.product.session(session)["status"] == "revoked")


def test_one_device_ends_another_and_its_next_call_is_refused(
    site: Site, profile: Profile, other_profile: BrowserContext
) -> None:
    email = email_address()
    first, second = Visitor(site, profile.context), Visitor(site, other_profile)
    first.log_in(email)
    ended = second.log_in(email)
    first.press("Refresh")
    expect(first.devices).to_have_count(2)
    first.page.locator(f"[data-device={ended}]").get_by_role("button").click()
    expect(first.told).to_contain_text("is logged out. Its next call is refused.")
    expect(first.devices).to_have_count(1)

    second.call()
    expect(second.notice).to_have_text(re.compile("^The gateway answered 401 session_revoked"))
    expect(second.page.get_by_label("E-mail address")).to_be_visible()
    first.call()
    expect(first.result).to_contain_text("200")


def test_a_device_gets_a_name_and_ends_all_others(site: Site, profile: Profile, other_profile: BrowserContext) -> None:
    email = email_address()
    first, second = Visitor(site, profile.context), Visitor(site, other_profile)
    first.log_in(email)
    second.log_in(email)
    second.press("Rename")
    second.page.get_by_label("Name of this device").fill("Kitchen tablet")
    second.press("Save")
    expect(second.devices.filter(has_text="Kitchen tablet")).to_contain_text("This device")
    second.press("Log out all others")
    expect(second.told).to_have_text("The other device is logged out.")
    expect(second.devices).to_have_count(1)
    first.press("Refresh")
    expect(first.notice).to_have_text(re.compile("^This session was ended"))


def test_the_page_keeps_nobody_out(visitor: Visitor) -> None:
    """axe finds no fault before and after the login, in light and dark, and the page fits a narrow telephone."""
    page = visitor.page
    page.emulate_media(reduced_motion="reduce")
    load_axe(page)
    found: list[str] = []

    def look() -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found.extend(faults_of(page))
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        page.set_viewport_size({"width": 1280, "height": 800})

    look()
    visitor.log_in(email_address())
    visitor.call()
    expect(visitor.result).to_contain_text("200")
    look()
    visitor.press("Rename")
    look()
    assert found == []


# The key.

REACHABLE = """
    const seen = new Set()
    const found = []
    const walk = async (value, depth) => {
        if (value === null || value === undefined || depth > 12 || seen.has(value)) return
        if (typeof value === 'string') return void found.push(value)
        if (typeof value !== 'object') return
        seen.add(value)
        if (value instanceof ArrayBuffer) return void found.push([...new Uint8Array(value)])
        if (ArrayBuffer.isView(value)) {
            return void found.push([...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)])
        }
        if (value instanceof CryptoKey) {
            for (const format of ['raw', 'pkcs8', 'jwk', 'spki']) {
                try {
                    await walk(await crypto.subtle.exportKey(format, value), depth + 1)
                } catch {
                    continue
                }
            }
            return
        }
        for (const key of Object.keys(value)) await walk(value[key], depth + 1)
    }
    for (const { name, version } of await indexedDB.databases()) {
        const database = await new Promise((done) => {
            indexedDB.open(name, version).onsuccess = (event) => done(event.target.result)
        })
        for (const store of database.objectStoreNames) {
            const rows = await new Promise((done) => {
                database.transaction(store).objectStore(store).getAll().onsuccess = (event) => done(event.target.result)
            })
            for (const row of rows) await walk(row, 0)
        }
        database.close()
    }
    await walk({ ...localStorage }, 0)
    await walk({ ...sessionStorage }, 0)
    await walk([document.cookie, history.state, await caches.keys()], 0)
    return found
"""


def reached_bytes(visitor: Visitor) -> list[bytes]:
    """Everything that a script of the page finds in its storages, and gets out of keys that it finds there."""
    found: list[str | list[int]] = run(visitor, REACHABLE)
    reached: list[bytes] = []
    for each in found:
        reached.append(each.encode() if isinstance(each, str) else bytes(each))
        if isinstance(each, str) and len(each) % 4 != 1 and re.fullmatch(r"[\w+/-]{42,}={0,2}", each):
            reached.append(
                base64.b64decode(each.rstrip("=") + "==", altchars=b"-_" if "-" in each or "_" in each else None)
            )
    return reached


def has_the_private_key(visitor: Visitor, session: str) -> bool:
    """Whether any 32 bytes in reach are the seed of the session's key."""
    key = base64.b64decode(visitor.site.product.session(session)["client_public_key"])
    windows = {each[at : at + 32] for each in reached_bytes(visitor) for at in range(len(each) - 31)}
    return any(
        Ed25519PrivateKey.from_private_bytes(window).public_key().public_bytes_raw() == key for window in windows
    )


def test_no_script_reads_the_private_key(visitor: Visitor) -> None:
    """Neither the storages nor an export give it away, and the fallback is never loaded."""
    loaded = calls(visitor.page, "/noble.js")
    session = visitor.log_in(email_address())
    assert reached_bytes(visitor)
    assert not has_the_private_key(visitor, session)
    assert not loaded


def test_a_browser_without_ed25519_logs_in_with_a_software_key(site: Site, profile: Profile) -> None:
    """Such a key is in reach of scripts, and the page says so."""
    profile.context.add_init_script(WITHOUT_ED25519)
    visitor = Visitor(site, profile.context)
    session = visitor.log_in(email_address())
    expect(visitor.page.get_by_text("Software key: scripts can read it")).to_be_visible()
    visitor.call()
    expect(visitor.result).to_contain_text("200")
    assert has_the_private_key(visitor, session)


# Bad weather.


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_wrong_clock_costs_one_repeated_call_that_nobody_sees(site: Site, profile: Profile, minutes: int) -> None:
    """A fresh page knows nothing of the server's clock, and learns it from the first refusal."""
    profile.context.add_init_script(CLOCK_OFF_BY % (minutes * 60_000))
    visitor = Visitor(site, profile.context)
    visitor.log_in(email_address())
    lists, gateway_calls = calls(visitor.page, "/device-sessions"), calls(visitor.page, "/whoami")
    visitor.page.reload()
    expect(visitor.devices).to_have_count(1)
    expect(visitor.notice).to_be_hidden()
    visitor.call()
    expect(visitor.result).to_contain_text("200")
    assert statuses(lists) == [401, 200]
    assert statuses(gateway_calls) == [200]


def test_a_silent_gateway_ends_no_session(visitor: Visitor) -> None:
    """The page says which program to start."""
    visitor.page.route("**/whoami", lambda route: route.abort())
    visitor.log_in(email_address())
    visitor.call()
    expect(visitor.result).to_contain_text(".venv/bin/python -m examples.gateway")
    expect(visitor.greeting).to_be_visible()


def test_a_lost_answer_of_the_confirm_is_asked_for_again(visitor: Visitor) -> None:
    """The repeat has the same body, and there is one session."""
    bodies: list[str | None] = []

    def lose_the_first_answer(route: Route) -> None:
        bodies.append(route.request.post_data)
        answer = route.fetch()
        if len(bodies) == 1:
            route.abort()
        else:
            route.fulfill(response=answer)

    visitor.page.route("**/confirm-email-code", lose_the_first_answer)
    session = visitor.log_in(email_address())
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    user_id = visitor.site.product.session(session)["user_id"]
    assert [each["device_session_id"] for each in visitor.site.product.sessions(user_id)["sessions"]] == [session]


# Tabs.

TWENTY_CALLS = """
    const auth = connect()
    const answers = Array.from({ length: 20 }, () => auth.fetch(`${gateway}/whoami`))
    window.answered = Promise.all(answers).then((all) => all.map(({ status }) => status))
"""
TIME_OF_LOG_OUT = """
    window.heard = new Promise((done) => connect().onChange((session) => session ?? done(Date.now())))
"""


def test_a_log_out_is_heard_by_the_other_tab_within_a_second(visitor: Visitor, profile: Profile) -> None:
    visitor.log_in(email_address())
    other = Visitor(visitor.site, profile.context)
    expect(other.greeting).to_be_visible()
    run(other, TIME_OF_LOG_OUT)
    run(
        visitor,
        "window.loggedOut = new Promise((done) => connect().onChange((session) => session ?? done(Date.now())))",
    )
    visitor.press("Log out")
    expect(other.page.get_by_label("E-mail address")).to_be_visible()
    lag = other.page.evaluate("window.heard") - visitor.page.evaluate("window.loggedOut")
    assert lag < 1000


def test_a_hundred_parallel_calls_of_five_tabs_all_pass(visitor: Visitor, profile: Profile) -> None:
    visitor.log_in(email_address())
    tabs = [visitor, *(Visitor(visitor.site, profile.context) for _ in range(4))]
    for tab in tabs:
        run(tab, TWENTY_CALLS)
    answered = [status for tab in tabs for status in tab.page.evaluate("window.answered")]
    assert answered == [200] * 100


def test_a_cleared_storage_is_a_lost_key_and_a_new_login_works(visitor: Visitor, profile: Profile) -> None:
    email = email_address()
    lost = visitor.log_in(email)
    browser = profile.context.new_cdp_session(visitor.page)
    browser.send("Storage.clearDataForOrigin", {"origin": visitor.site.url, "storageTypes": "all"})
    visitor.call()
    expect(visitor.notice).to_have_text(re.compile("^This browser has lost its key"))
    assert visitor.log_in(email) != lost
    visitor.call()
    expect(visitor.result).to_contain_text("200")
