"""The guide of five minutes, played: its commands with two people's browsers, and its own page."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from authsession.embedded.child import free_port
from authsession.service import SOURCE
from tests.support.browser import Profile, open_profile
from tests.support.programs import program
from tests.support.stack import wait_for
from tests.support.up import running_up

GUIDE = (SOURCE / "docs/guides/web-login-in-five-minutes.md").read_text("utf-8")


def block(language: str) -> str:
    """The one block of that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return found


@dataclass(frozen=True, slots=True)
class Addresses:
    page: str
    api: str
    gateway: str


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """The commands of the guide, on ports of their own."""
    folder = tmp_path_factory.mktemp("guide")
    first, *modules = [line.split("#")[0].split() for line in block("sh").splitlines()]
    assert first == ["make", "run"]
    assert modules == [[".venv/bin/python", "-m", name] for name in ("examples.gateway", "examples.web")]
    page, gateway = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with (
        running_up(folder, AUTHSESSION_CORS_ORIGINS=f"http://{page}") as up,
        program(folder, "examples.gateway", GATEWAY_ADDR=gateway, GATEWAY_CORS_ORIGINS=f"http://{page}") as second,
        program(folder, "examples.web", GATEWAY_ADDR=gateway, WEB_ADDR=page) as third,
    ):
        second.find(r"^The gateway listens on \S+ \(ready\)$")
        third.find(rf"^The page is at http://{re.escape(page)}/$")
        yield Addresses(f"http://{page}", f"http://localhost:{up.ports['public']}", f"http://{gateway}")


def press(page: Page, button: str) -> None:
    assert f"**{button}**" in GUIDE
    page.get_by_role("button", name=button, exact=True).click()


def log_in(context: BrowserContext, url: str) -> Page:
    """Logs in with the code that the page shows in development."""
    page = context.new_page()
    page.goto(url)
    page.get_by_label("E-mail address").fill("pilot@example.com")
    press(page, "Send me a code")
    code = page.locator("#mailed-code")
    deadline = time.monotonic() + 20
    while not re.fullmatch(r"\d{6}", code.inner_text()):
        assert time.monotonic() < deadline, "the page shows no code"
        press(page, "Show the code here")
        page.wait_for_timeout(100)
    page.get_by_label("Six-digit code").fill(code.inner_text())
    expect(page.get_by_role("heading", name="You are logged in")).to_be_visible()
    return page


def test_the_commands_lead_to_two_devices_of_which_one_ends_the_other(
    profile: Profile, browser: Browser, started: Addresses
) -> None:
    with open_profile(browser) as other_profile:
        first = log_in(profile.context, started.page)
        press(first, "Call the gateway")
        expect(first.locator("#result")).to_contain_text("200")
        second = log_in(other_profile.context, started.page)
        expect(second.locator("#devices li")).to_have_count(2)
        first.reload()
        first.locator("#devices li").get_by_role("button", name=re.compile("^Log out")).click()
        expect(first.locator("#told")).to_contain_text("Its next call is refused.")
        press(second, "Call the gateway")
        expect(second.locator("#notice")).to_have_text(re.compile("^The gateway answered 401 session_revoked"))


def test_the_page_of_the_guide_logs_in_and_calls(page: Page, started: Addresses) -> None:
    """Only the addresses differ from those of `make run`."""
    script = block("js").replace("http://localhost:8080", started.api).replace("http://127.0.0.1:8082", started.gateway)
    files = {"/guide": ("text/html", block("html")), "/shop.js": ("text/javascript", script)}

    def serve(route: Route) -> None:
        kind, body = files[urlsplit(route.request.url).path]
        route.fulfill(content_type=kind, body=body)

    # Chromium takes a page that no server sent for one of the public network, and asks before it calls this machine.
    page.context.grant_permissions(["local-network-access"])
    page.route(re.compile("/(guide|shop.js)$"), serve)
    page.goto(f"{started.page}/guide")
    page.get_by_label("E-mail address").fill("guest@example.com")
    page.keyboard.press("Enter")
    code = wait_for(lambda: httpx.get(f"{started.page}/mailbox", params={"email": "guest@example.com"}).json()["code"])
    page.get_by_label("Six-digit code").fill(code)
    page.get_by_role("button", name="Who am I?").click()
    expect(page.locator("pre")).to_contain_text("device_session_id")
