"""The JavaScript client in Chromium: the golden data, and a worker."""

from typing import Any

import pytest
from playwright.sync_api import Page, Route

from authsession.service import SOURCE

ORIGIN = "https://app.test"
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".json": "application/json"}
CHECK = """async () => {
  const { check, FILES } = await import('/clients/js/test/vectors.mjs')
  const read = async (name) => [name, await (await fetch(`/contracts/vectors/${name}.json`)).json()]
  return check(Object.fromEntries(await Promise.all(FILES.map(read))))
}"""
WORKER = """
import { createAuthClient } from '/clients/js/dist/index.js'
import { createTestServer } from '/clients/js/dist/testing.js'
const server = createTestServer()
server.serve('https://api.test', () => Response.json({}))
const auth = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch })
const challenge = await auth.sendCode('anna@example.com')
const { keyProtection } = await auth.confirmCode(challenge, server.codeFor('anna@example.com'))
const { status } = await auth.fetch('https://api.test/orders')
const { revoked } = await auth.logOut()
postMessage({ keyProtection, status, revoked })
"""
ABORT_ONCE = """async () => {
  const { indexedDbStorage } = await import('/clients/js/dist/index.js')
  const storage = indexedDbStorage()
  const { transaction } = IDBDatabase.prototype
  let made = 0
  IDBDatabase.prototype.transaction = function (...given) {
    const one = transaction.apply(this, given)
    if (made++ === 0) queueMicrotask(() => one.abort())
    return one
  }
  await storage.set('device', { kind: 'ended', deviceSessionId: 'device-session-1', reason: 'logged_out' })
  return [(await storage.get('device')).reason, made]
}"""
START_WORKER = """() => new Promise((resolve, reject) => {
  const worker = new Worker('/worker.js', { type: 'module' })
  worker.onmessage = ({ data }) => resolve(data)
  worker.onerror = ({ message }) => reject(new Error(message))
})"""


@pytest.fixture
def app(page: Page) -> Page:
    """A page whose origin is this repository."""
    page.route(f"{ORIGIN}/**", _serve)
    page.goto(f"{ORIGIN}/")
    return page


def test_all_golden_data_that_concern_a_client_hold(app: Page) -> None:
    """The same cases as in Node.js: signed requests, proofs, codes, manifests and statements."""
    checked: dict[str, Any] = app.evaluate(CHECK)
    assert checked["wrong"] == []
    assert checked["count"] > 150


def test_a_worker_logs_in_signs_and_logs_out(app: Page) -> None:
    assert app.evaluate(START_WORKER) == {"keyProtection": "non-extractable", "status": 200, "revoked": True}


def test_a_broken_connection_to_the_storage_is_opened_anew(app: Page) -> None:
    """A transaction that the browser aborts is tried once more."""
    assert app.evaluate(ABORT_ONCE) == ["logged_out", 3]


def _serve(route: Route) -> None:
    path = route.request.url.removeprefix(ORIGIN + "/")
    if path == "worker.js":
        route.fulfill(body=WORKER, content_type="text/javascript")
    elif path == "":
        route.fulfill(body="<!doctype html><title>App</title>", content_type="text/html")
    else:
        file = SOURCE / path
        route.fulfill(body=file.read_bytes(), content_type=TYPES.get(file.suffix, "text/plain"))
