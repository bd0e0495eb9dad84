"""A page with `<authsession-login>` under a strict policy, and a public API that gives the answers of the test."""

import json
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playwright.sync_api import Locator, Page, Route

ROOT: Final = Path(__file__).parents[2]
DIST: Final = ROOT / "clients/js/dist"
URL: Final = "http://localhost:9/"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
EMAIL: Final = "anna@example.com"
LOGIN: Final = "<authsession-login></authsession-login>"
PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in</title>
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
<main><h1>The shop</h1>%s</main>
"""
FILES: Final = {
    "page.css": """
        :root { color-scheme: light dark }
        body { background: Canvas; color: CanvasText; font-family: sans-serif }
    """,
    "page.js": """
        window.heard = []
        const hear = ({ type, detail: { error, session, client } }) =>
            heard.push([type, error?.code ?? [session.deviceSessionId, client.session.deviceSessionId]])
        document.addEventListener('authsession-login', hear)
        document.addEventListener('authsession-error', hear)
        import('/element.js')
    """,
}
TYPES: Final = {".css": "text/css", ".js": "text/javascript"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of the API that refuses."""

    status: int
    code: str
    retry_after: int | None = None


OFFLINE: Final = Refusal(0, "")
"""No answer at all."""


@dataclass
class PublicApi:
    """The far side. Without an answer in store it agrees. Challenges and sessions are numbered."""

    answers: deque[Refusal] = field(default_factory=deque[Refusal])
    sent: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """The bodies of the sends, with the language that was asked for."""
    confirmed: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def refuse(self, *answers: Refusal) -> None:
        self.answers.extend(answers)

    def serve(self, route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        if route.request.url.endswith("/send-email-code"):
            self.sent.append({**body, "language": route.request.headers["accept-language"]})
            agreed = {"challenge_id": f"challenge-{len(self.sent)}"}
        else:
            self.confirmed.append(body)
            agreed = {"device_session_id": f"session-{len(self.confirmed)}"}
        answer = self.answers.popleft() if self.answers else None
        if answer is OFFLINE:
            route.abort()
        elif answer is None:
            route.fulfill(json=agreed)
        else:
            wait = {"retry-after": str(answer.retry_after)} if answer.retry_after is not None else {}
            error = {"error": {"code": answer.code, "message": "refused"}}
            route.fulfill(status=answer.status, json=error, headers=wait)


@dataclass(frozen=True, slots=True)
class LoginPage:
    """The page, and what a person does on it."""

    page: Page
    api: PublicApi

    @property
    def address(self) -> Locator:
        return self.page.locator("input[type=email]")

    @property
    def code(self) -> Locator:
        return self.page.locator("input[name=code]")

    @property
    def note(self) -> Locator:
        """The line under the field."""
        return self.page.locator("#note")

    @property
    def title(self) -> Locator:
        return self.page.locator("h2")

    @property
    def submit(self) -> Locator:
        return self.page.locator("button[part=button]")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def ask(self, email: str = EMAIL) -> None:
        """Types an address, and waits for the field of the code."""
        self.address.fill(email)
        self.page.keyboard.press("Enter")
        self.code.wait_for()

    def type_code(self, code: str) -> None:
        self.page.keyboard.type(code)

    def stop_clock(self) -> None:
        """From now on the page's time moves only by `page.clock.fast_forward`."""
        self.page.clock.install()
        self.page.clock.pause_at(self.page.evaluate("Date.now()") + 60_000)

    def heard(self) -> list[list[str]]:
        """The events that reached the document."""
        return self.page.evaluate("heard")


def open_login(page: Page, body: str = LOGIN, *, lang: str = "en") -> LoginPage:
    """The page at `URL` with that body. Requests to the API are answered by `PublicApi`, all others from `dist/`."""
    api = PublicApi()
    html = (PAGE % body).replace('lang="en"', f'lang="{lang}"')

    def serve(route: Route) -> None:
        name = route.request.url.removeprefix(URL)
        if name.startswith("api/"):
            api.serve(route)
        elif not name:
            route.fulfill(body=html, content_type="text/html", headers={"content-security-policy": POLICY})
        else:
            text = FILES.get(name) or (DIST / name).read_text("utf-8")
            route.fulfill(body=text, content_type=TYPES[Path(name).suffix])

    page.route("**/*", serve)
    page.goto(URL)
    page.locator("authsession-login h2").first.wait_for()
    return LoginPage(page, api)
