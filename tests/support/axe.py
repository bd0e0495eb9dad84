"""axe-core in a page: the faults that keep people with disabilities out."""

import pytest
from playwright.sync_api import Page

from authsession.service import SOURCE

_AXE = SOURCE / "clients/js/node_modules/axe-core/axe.min.js"
_RUN = """async () => {
    const { violations, incomplete } = await axe.run()
    return [...violations, ...incomplete].flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id} at ${target.flat()}: ${failureSummary}`))
}"""


def load_axe(page: Page) -> None:
    """Puts axe-core into the page. A script of the test's needs no permission of the page's policy."""
    if not _AXE.exists():
        pytest.skip("needs the npm packages of clients/js: run `make setup`")
    page.evaluate(_AXE.read_text("utf-8") + ";0")


def faults_of(page: Page) -> list[str]:
    """The findings of axe, and the parts that it cannot judge."""
    return page.evaluate(_RUN)
