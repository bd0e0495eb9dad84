"""The system's Chromium, driven by Playwright. Where there is none, its tests are skipped and say so."""

import asyncio
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 15_000
"""Milliseconds that an expected element may take on a busy machine."""


def find_chromium() -> str | None:
    """The path of an installed Chromium or Chrome."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser() -> Generator[Browser]:
    """A browser without a window. Skips the test where there is no Chromium.

    Until the context ends, Playwright's loop counts as running in this thread: `asyncio.run` is refused there.
    """
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(f"needs a browser: install one of {', '.join(NAMES)}")
    # Chromium's sandbox refuses root, and containers have a small /dev/shm.
    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
    with _playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*sandbox, "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _playwright() -> Generator[Playwright]:
    """Playwright on asyncio's own loop. After an import of trio-asyncio, a new loop is another one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", asyncio.SelectorEventLoop)
        playwright = sync_playwright().start()
    try:
        yield playwright
    finally:
        playwright.stop()


class Profile:
    """A browser profile: its own storage and its tabs. `faults` are uncaught exceptions and breaches of a CSP."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.faults: list[str] = []
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("console", self._hear)

    def open(self, url: str) -> Page:
        """A new tab at that address."""
        page = self.context.new_page()
        page.goto(url)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)


@contextmanager
def open_profile(browser: Browser, **options: object) -> Generator[Profile]:
    """An empty profile. `options` are those of Playwright's `new_context`. Fails if a page in it had a fault."""
    context = browser.new_context(**options)  # pyright: ignore[reportArgumentType]
    profile = Profile(context)
    try:
        yield profile
    finally:
        context.close()
    assert not profile.faults, profile.faults
