"""The example page as a program, and as its visitors use it."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, expect

from authsession.embedded.child import free_port
from tests.support.product import Product
from tests.support.programs import program
from tests.support.stack import REDIS_PASSWORD, RunningStack


@dataclass(frozen=True, slots=True)
class Site:
    """The page, the gateway that it calls, and the product behind both. `api` is the public API for browsers."""

    url: str
    api: str
    gateway: str
    product: Product


@contextmanager
def running_page(folder: Path, *arguments: str, port: int | None = None) -> Generator[str]:
    """`python -m examples.web` in the folder. Its URL has no slash at its end."""
    address = f"127.0.0.1:{port or free_port()}"
    with program(folder, "examples.web", *arguments, WEB_ADDR=address) as running:
        running.find(f"^The page is at http://{re.escape(address)}/$")
        yield f"http://{address}"


@contextmanager
def running_gateway(folder: Path, stack: RunningStack, origin: str) -> Generator[str]:
    """`python -m examples.gateway` at the Redis of the stack, for pages of that origin."""
    address = f"127.0.0.1:{free_port()}"
    environment = {
        "GATEWAY_ADDR": address,
        "GATEWAY_CORS_ORIGINS": origin,
        "GATEWAY_REDIS_ADDR": stack.redis_server.address,
        "GATEWAY_REDIS_USERNAME": "gateway",
        "GATEWAY_REDIS_PASSWORD": REDIS_PASSWORD,
    }
    with program(folder, "examples.gateway", **environment) as running:
        running.find(r"^The gateway listens on \S+ \(ready\)$")
        yield f"http://{address}"


class Visitor:
    """A person with the page in a tab."""

    def __init__(self, site: Site, context: BrowserContext) -> None:
        self.site = site
        self.page = context.new_page()
        self.page.goto(site.url)

    @property
    def greeting(self) -> Locator:
        return self.page.get_by_role("heading", name="You are logged in")

    @property
    def notice(self) -> Locator:
        return self.page.locator("#notice")

    @property
    def told(self) -> Locator:
        """The outcome of the last change of a device."""
        return self.page.locator("#told")

    @property
    def result(self) -> Locator:
        """The answer of the last signed call."""
        return self.page.locator("#result")

    @property
    def devices(self) -> Locator:
        """The rows of the list of devices."""
        return self.page.locator("#devices li")

    def ask(self, email: str) -> str:
        """Asks for a code, and returns it."""
        with self.page.expect_response(re.compile("/send-email-code$")) as sent:
            self.page.get_by_label("E-mail address").fill(email)
            self.page.keyboard.press("Enter")
        return self.site.product.code(email, sent.value.json()["challenge_id"])

    def type_code(self, code: str) -> None:
        self.page.get_by_label("Six-digit code").fill(code)

    def log_in(self, email: str) -> str:
        """Logs in, and returns the id of the session."""
        self.type_code(self.ask(email))
        expect(self.greeting).to_be_visible()
        return self.session

    @property
    def session(self) -> str:
        """The id of the session, as the page shows it."""
        return self.page.locator("#session").inner_text()

    def call(self) -> None:
        """Makes a signed call at the gateway."""
        self.page.get_by_role("button", name="Call the gateway").click()

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()
