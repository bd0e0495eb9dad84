// The rules of the client, against the server in memory. It checks every signature and proof.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { AuthError, createAuthClient, memoryStorage } from '../dist/index.js'
import { createTestServer } from '../dist/testing.js'

const API = 'https://api.test'

function open(options = {}, serverOptions = {}) {
  const server = createTestServer(serverOptions)
  server.serve(API, (request, signer) => Response.json({ path: new URL(request.url).pathname, ...signer }))
  const storage = memoryStorage()
  const auth = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage, ...options })
  const changes = []
  auth.onChange((session, reason) => changes.push([session?.deviceSessionId ?? null, reason]))
  return { auth, changes, server, storage }
}

async function logIn({ auth, server }, email = 'anna@example.com', options = {}) {
  const challenge = await auth.sendCode(email)
  return auth.confirmCode(challenge, server.codeFor(email), options)
}

async function until(holds) {
  for (let look = 0; look < 200; look++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.fail('it never came to hold')
}

function confirms(server) {
  return server.requests.filter((request) => request.endsWith('confirm-email-code')).length
}

test('a person logs in, makes a signed call and logs out', async () => {
  const opened = open()
  const { auth, changes, server } = opened
  assert.equal(await auth.ready(), null)
  const challenge = await auth.sendCode('anna@example.com')
  assert.equal(challenge.resendAfter, 60)
  const session = await auth.confirmCode(challenge, server.codeFor('anna@example.com'))
  assert.deepEqual(auth.session, session)
  assert.equal(session.keyProtection, 'non-extractable')
  const answer = await auth.fetch(`${API}/orders?dry=1`, { method: 'POST', body: '{"item":"tea"}' })
  assert.deepEqual(await answer.json(), {
    path: '/orders',
    userId: 'user-anna@example.com',
    deviceSessionId: session.deviceSessionId,
  })
  assert.deepEqual(await auth.logOut(), { revoked: true })
  assert.equal(auth.session, null)
  assert.deepEqual(server.active(), [])
  assert.deepEqual(changes, [
    [session.deviceSessionId, 'logged_in'],
    [null, 'logged_out'],
  ])
})

test('the body of any kind is signed as it is sent', async () => {
  const opened = open()
  await logIn(opened)
  const form = new FormData()
  form.set('file', new Blob(['\u0000ÿ']), 'naïve.txt')
  const bodies = [undefined, '', 'text', new Uint8Array([0, 255]), new URLSearchParams({ a: 'b c' }), form]
  for (const body of bodies) {
    const init = { method: 'PUT', ...(body === undefined ? {} : { body }) }
    const answer = await opened.auth.fetch(`${API}/a%20b/ü?q=ü&x=%2F`, init)
    assert.equal(answer.status, 200)
  }
  assert.equal((await opened.auth.fetch(new Request(`${API}/`, { method: 'POST', body: 'text' }))).status, 200)
  assert.equal((await opened.auth.fetch(new URL(`${API}/#part`))).status, 200)
})

test('a method in lower case is signed and sent in capital letters, as servers read it', async () => {
  const opened = open()
  await logIn(opened)
  assert.equal((await opened.auth.fetch(`${API}/`, { method: 'patch' })).status, 200)
  assert.equal(opened.server.requests.at(-1), 'PATCH /')
})

test('the headers of an earlier signature are replaced, and others are kept', async () => {
  const opened = open()
  await logIn(opened)
  let heard
  opened.server.serve(API, (request) => {
    heard = request.headers
    return Response.json({})
  })
  const headers = { accept: 'text/csv', 'galaxy-request-id': 'old', 'Galaxy-Signature': 'old' }
  assert.equal((await opened.auth.fetch(`${API}/`, { headers })).status, 200)
  assert.equal(heard.get('accept'), 'text/csv')
})

test('the key is stored before the confirm is sent', async () => {
  const opened = open()
  let atConfirm
  const watching = async (input, init) => {
    if (input.endsWith('confirm-email-code')) {
      const kept = await opened.storage.get('https://auth.test/ pending')
      atConfirm = [kept?.kind, kept?.key.publicKey === JSON.parse(init.body).client_public_key]
    }
    return opened.server.fetch(input, init)
  }
  const auth = createAuthClient({ baseUrl: opened.server.baseUrl, fetch: watching, storage: opened.storage })
  await logIn({ auth, server: opened.server })
  assert.deepEqual(atConfirm, ['pending', true])
})

test('a lost answer of the confirm is repeated with the same body, and there is one session', async () => {
  const bodies = []
  const { server, storage } = open()
  const seeing = (input, init) => {
    if (input.endsWith('confirm-email-code')) bodies.push(init.body)
    return server.fetch(input, init)
  }
  const auth = createAuthClient({ baseUrl: server.baseUrl, fetch: seeing, storage })
  server.disturb('confirm-email-code', 'answer_lost')
  const session = await logIn({ auth, server })
  assert.deepEqual(server.active(), [session.deviceSessionId])
  assert.equal(bodies.length, 2)
  assert.equal(bodies[0], bodies[1])
})

test('a page that was closed before the answer gets the same session by the same code', async () => {
  const { auth, server, storage } = open()
  const challenge = await auth.sendCode('anna@example.com')
  const code = server.codeFor('anna@example.com')
  server.disturb('confirm-email-code', 'answer_lost', 3)
  await assert.rejects(auth.confirmCode(challenge, code), { code: 'network_error', status: 0 })
  const reopened = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage })
  const session = await reopened.confirmCode({ challengeId: challenge.challengeId }, code)
  assert.deepEqual(server.active(), [session.deviceSessionId])
})

test('a double click confirms once', async () => {
  const { auth, server } = open()
  const challenge = await auth.sendCode('anna@example.com')
  const code = server.codeFor('anna@example.com')
  const sessions = await Promise.all([auth.confirmCode(challenge, code), auth.confirmCode(challenge, code)])
  assert.equal(sessions[0].deviceSessionId, sessions[1].deviceSessionId)
  assert.equal(server.active().length, 1)
})

test('a busy server is asked again after its pause', async () => {
  const opened = open()
  opened.server.disturb('confirm-email-code', 'busy', 2)
  await logIn(opened)
  assert.equal(confirms(opened.server), 3)
})

test('without Ed25519 in WebCrypto the key is a software key', async (context) => {
  const { generateKey } = crypto.subtle
  context.mock.method(crypto.subtle, 'generateKey', (algorithm, ...more) => {
    if (algorithm === 'Ed25519') throw new DOMException('Unrecognized name.', 'NotSupportedError')
    return generateKey.call(crypto.subtle, algorithm, ...more)
  })
  const opened = open()
  const session = await logIn(opened)
  assert.equal(session.keyProtection, 'software')
  assert.equal((await opened.auth.fetch(`${API}/orders`)).status, 200)
  assert.deepEqual(await opened.auth.logOut(), { revoked: true })
})

test('a storage that cannot keep keys of WebCrypto gets a software key', async () => {
  const kept = memoryStorage()
  const storage = {
    ...kept,
    set: async (name, value, instead) => {
      if (value.key?.privateKey !== undefined) throw new DOMException('cannot be cloned', 'DataCloneError')
      return kept.set(name, value, instead)
    },
  }
  const session = await logIn(open({ storage }))
  assert.equal(session.keyProtection, 'software')
})

test('no private key can be exported', async () => {
  const { auth, server, storage } = open()
  await logIn({ auth, server })
  const { key } = await storage.get('https://auth.test/')
  assert.equal(key.privateKey.extractable, false)
  for (const format of ['pkcs8', 'jwk', 'raw']) await assert.rejects(crypto.subtle.exportKey(format, key.privateKey))
})

test('another tab hears log-in and log-out, and shares the key', async () => {
  const { auth, server, storage } = open()
  const other = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage })
  const heard = []
  other.onChange((session, reason) => heard.push(reason))
  const session = await logIn({ auth, server })
  await until(() => other.session !== null)
  assert.deepEqual(other.session, session)
  const calls = Array.from({ length: 100 }, (_, n) => (n % 2 ? auth : other).fetch(`${API}/orders`))
  assert.deepEqual(new Set((await Promise.all(calls)).map((answer) => answer.status)), new Set([200]))
  await other.logOut()
  await until(() => auth.session === null)
  assert.deepEqual(heard, ['logged_in', 'logged_out'])
  auth.close()
  other.close()
})

test('a tab that heard no message looks before it signs', async () => {
  const server = createTestServer()
  const storage = memoryStorage()
  const tabs = ['one', 'two'].map(() => {
    const { BroadcastChannel } = globalThis
    globalThis.BroadcastChannel = undefined
    try {
      return createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage })
    } finally {
      globalThis.BroadcastChannel = BroadcastChannel
    }
  })
  server.serve(API, () => Response.json({}))
  await logIn({ auth: tabs[0], server })
  assert.equal((await tabs[1].fetch(`${API}/`)).status, 200)
  await tabs[0].logOut()
  const reasons = []
  tabs[1].onChange((_, reason) => reasons.push(reason))
  await assert.rejects(tabs[1].fetch(`${API}/`), { code: 'not_logged_in' })
  assert.deepEqual(reasons, ['logged_out'])
})

for (const minutes of [-10, 10]) {
  test(`a clock that is wrong by ${minutes} minutes costs one repeat of the first call`, async () => {
    const { auth, server, storage } = open()
    await logIn({ auth, server })
    // A page that was opened later has heard no time yet.
    const now = () => Date.now() + minutes * 60_000
    const later = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage, now })
    const before = server.requests.length
    assert.equal((await later.fetch(`${API}/orders`, { method: 'POST', body: 'tea' })).status, 200)
    assert.equal(server.requests.length, before + 2)
    assert.equal((await later.fetch(`${API}/orders`)).status, 200)
    assert.equal(server.requests.length, before + 3)
  })
}

test('the time is learned from the answers of the log-in', async () => {
  const opened = open({ now: () => Date.now() - 600_000 })
  await logIn(opened)
  const before = opened.server.requests.length
  await opened.auth.devices.list()
  assert.equal(opened.server.requests.length, before + 1)
})

test('a time that stays wrong is returned after one repeat', async () => {
  const opened = open()
  await logIn(opened)
  let asked = 0
  const refusing = async (input) => {
    asked += 1
    return Response.json({ error: { code: 'timestamp_out_of_window', message: '' } }, { status: 401 })
  }
  const auth = createAuthClient({ baseUrl: opened.server.baseUrl, fetch: refusing, storage: opened.storage })
  assert.equal((await auth.fetch(`${API}/`)).status, 401)
  assert.equal(asked, 2)
  assert.notEqual(auth.session, null)
})

test('an answer with a date that is none disturbs no later call', async () => {
  const { auth, server, storage } = open()
  await logIn({ auth, server })
  const dates = ['garbage', '', '5', 'Mon, 01 Jan 1900 00:00:00 GMT', 'Fri, 31 Dec 275760 00:00:00 GMT']
  let next
  const dating = async (input, init) => {
    const answer = await server.fetch(input, init)
    if (next === undefined) return answer
    const dated = new Response(answer.body, answer)
    dated.headers.set('date', next)
    return dated
  }
  const disturbed = createAuthClient({ baseUrl: server.baseUrl, fetch: dating, storage })
  for (next of dates) {
    assert.equal((await disturbed.fetch(`${API}/`)).status, 200, next)
    const spoilt = next
    next = undefined
    assert.equal((await disturbed.fetch(`${API}/`)).status, 200, spoilt)
  }
})

test('the time of a copy from a cache is not taken', async () => {
  const { auth, server, storage } = open()
  await logIn({ auth, server })
  const cached = async (input, init) => {
    const answer = await server.fetch(input, init)
    const copy = new Response(answer.body, answer)
    copy.headers.set('date', new Date(0).toUTCString())
    copy.headers.set('age', '600')
    return copy
  }
  const later = createAuthClient({ baseUrl: server.baseUrl, fetch: cached, storage })
  const before = server.requests.length
  await later.fetch(`${API}/`)
  await later.fetch(`${API}/`)
  assert.equal(server.requests.length, before + 2)
})

for (const [end, reason] of [['revoke', 'session_revoked'], ['remove', 'session_unknown']]) {
  test(`${reason} forgets the key`, async () => {
    const opened = open()
    const { deviceSessionId } = await logIn(opened)
    opened.server[end](deviceSessionId)
    const answer = await opened.auth.fetch(`${API}/orders`)
    assert.equal((await answer.json()).error.code, reason)
    assert.equal(opened.auth.session, null)
    assert.deepEqual(opened.changes.at(-1), [null, reason])
    assert.equal((await opened.storage.get('https://auth.test/')).key, undefined)
    await assert.rejects(opened.auth.fetch(`${API}/orders`), { code: 'not_logged_in' })
  })
}

test('no other answer forgets the key', async () => {
  const opened = open()
  const session = await logIn(opened)
  const codes = ['session_too_old', 'invalid_signature', 'request_replayed', 'sessions_unavailable', 'forbidden']
  const answers = [
    ...codes.map((code) => Response.json({ error: { code, message: '' } }, { status: 401 })),
    Response.json({ error: { code: 'session_revoked', message: '' } }, { status: 403 }),
    new Response('{"error":{"code":"session_revoked"}}', { status: 401 }),
    Response.json({ error: 'session_revoked' }, { status: 401 }),
    Response.json(null, { status: 401 }),
    new Response('<h1>session_revoked</h1>', { status: 401, headers: { 'content-type': 'application/json' } }),
    new Response(null, { status: 500 }),
  ]
  for (const answer of answers) {
    const fetch = async () => answer
    const auth = createAuthClient({ baseUrl: opened.server.baseUrl, fetch, storage: opened.storage })
    assert.equal((await auth.fetch(`${API}/`)).status, answer.status)
    assert.deepEqual(auth.session, session)
  }
  const away = async () => {
    throw new TypeError('no network')
  }
  const auth = createAuthClient({ baseUrl: opened.server.baseUrl, fetch: away, storage: opened.storage })
  await assert.rejects(auth.fetch(`${API}/`), TypeError)
  await assert.rejects(auth.devices.list(), { code: 'network_error' })
  assert.deepEqual(auth.session, session)
})

test('a refusal of an earlier session does not end the one that took its place', async () => {
  const { auth, server, storage } = open()
  const first = await logIn({ auth, server })
  let letGo
  const held = new Promise((resolve) => (letGo = resolve))
  const slow = async (input, init) => {
    const answer = await server.fetch(input, init)
    await held
    return answer
  }
  const other = createAuthClient({ baseUrl: server.baseUrl, fetch: slow, storage })
  server.revoke(first.deviceSessionId)
  const calling = other.fetch(`${API}/`)
  await until(() => server.requests.at(-1) === 'GET /')
  const second = await logIn({ auth, server })
  letGo()
  assert.equal((await calling).status, 401)
  assert.deepEqual(await auth.ready(), second)
  assert.deepEqual(await other.ready(), second)
})

test('a key that is gone from the storage is told as lost, and a new log-in works', async () => {
  const opened = open()
  const { auth, changes, storage } = opened
  await logIn(opened)
  await storage.delete('https://auth.test/')
  await assert.rejects(auth.fetch(`${API}/orders`), { code: 'not_logged_in' })
  assert.deepEqual(changes.at(-1), [null, 'key_lost'])
  const session = await logIn(opened)
  assert.deepEqual(changes.at(-1), [session.deviceSessionId, 'logged_in'])
  assert.equal((await auth.fetch(`${API}/orders`)).status, 200)
})

test('log-out forgets the key also when the server is away', async () => {
  const opened = open()
  await logIn(opened)
  const [id] = opened.server.active()
  opened.server.disturb(id, 'request_lost', 2)
  assert.deepEqual(await opened.auth.logOut(), { revoked: false })
  assert.equal(opened.auth.session, null)
  assert.equal((await opened.storage.get('https://auth.test/')).key, undefined)
  assert.deepEqual(await opened.auth.logOut(), { revoked: false })
})

test('log-out forgets the key of a confirm that got no answer', async () => {
  const { auth, server, storage } = open()
  const challenge = await auth.sendCode('anna@example.com')
  server.disturb('confirm-email-code', 'answer_lost', 3)
  await assert.rejects(auth.confirmCode(challenge, server.codeFor('anna@example.com')), { code: 'network_error' })
  assert.equal((await storage.get('https://auth.test/ pending')).kind, 'pending')
  await auth.logOut()
  assert.equal(await storage.get('https://auth.test/ pending'), undefined)
})

test('log-out whose answer was lost is repeated as it was signed', async () => {
  const opened = open()
  const { deviceSessionId } = await logIn(opened)
  opened.server.disturb(deviceSessionId, 'answer_lost')
  assert.deepEqual(await opened.auth.logOut(), { revoked: true })
})

test('a session of an earlier visit is restored', async () => {
  const { auth, server, storage } = open()
  const session = await logIn({ auth, server })
  const reasons = []
  const later = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage })
  later.onChange((_, reason) => reasons.push(reason))
  assert.equal(later.session, null)
  assert.deepEqual(await later.ready(), session)
  assert.deepEqual(reasons, ['restored'])
})

test('the devices of the user are listed, named and ended', async () => {
  const first = open()
  const { server } = first
  const second = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage: memoryStorage() })
  const one = await logIn(first, 'anna@example.com', { label: 'Firefox on Linux' })
  const two = await logIn({ auth: second, server })
  await second.devices.rename('Work laptop')
  assert.deepEqual(
    (await first.auth.devices.list()).map(({ createdAt, ...device }) => device),
    [
      { deviceSessionId: two.deviceSessionId, label: 'Work laptop', lastSeenOn: undefined, isCurrent: false },
      { deviceSessionId: one.deviceSessionId, label: 'Firefox on Linux', lastSeenOn: undefined, isCurrent: true },
    ],
  )
  assert.deepEqual(await first.auth.devices.revokeOthers(), { outcome: 'revoked', affectedSessionCount: 1 })
  await assert.rejects(second.devices.list(), { code: 'session_revoked', status: 401 })
  assert.equal(second.session, null)
  await assert.rejects(first.auth.devices.revoke('device-session-none'), { code: 'session_not_found', status: 404 })
  const ended = { outcome: 'revoked', deviceSessionId: one.deviceSessionId }
  assert.deepEqual(await first.auth.devices.revoke(one.deviceSessionId), ended)
  assert.deepEqual(first.changes.at(-1), [null, 'logged_out'])
})

test('every refusal is an AuthError with its code, status, pause and request id', async () => {
  const headers = { 'retry-after': '7', 'x-request-id': 'request-1' }
  const refusal = { error: { code: 'rate_limited', message: 'slowly' } }
  const fetch = async () => Response.json(refusal, { status: 429, headers })
  const auth = createAuthClient({ baseUrl: 'https://auth.test', fetch })
  const error = await auth.sendCode('anna@example.com').catch((fault) => fault)
  assert.ok(error instanceof AuthError)
  const { code, status, retryAfter, requestId, message } = error
  assert.deepEqual(
    { code, status, retryAfter, requestId, message },
    { code: 'rate_limited', status: 429, retryAfter: 7, requestId: 'request-1', message: 'slowly' },
  )
})

test('an answer of something else than the server is unexpected', async () => {
  const answers = [
    new Response('<h1>It works</h1>', { headers: { 'content-type': 'text/html' } }),
    Response.json({ other: 1 }),
    Response.json([]),
    new Response('Bad Gateway', { status: 502 }),
    new Response(null, { status: 204 }),
  ]
  for (const answer of answers) {
    const auth = createAuthClient({ baseUrl: 'https://auth.test', fetch: async () => answer })
    const told = { code: 'unexpected_answer', status: answer.status }
    await assert.rejects(auth.sendCode('anna@example.com'), told)
  }
})

test('a wrong code costs one call, and text that is no code costs none', async () => {
  const { auth, server } = open()
  const challenge = await auth.sendCode('anna@example.com')
  const code = server.codeFor('anna@example.com')
  const wrong = code === '000000' ? '000001' : '000000'
  await assert.rejects(auth.confirmCode(challenge, wrong), { code: 'invalid_code', status: 400 })
  await assert.rejects(auth.confirmCode(challenge, '12345'), { code: 'invalid_code', status: 400 })
  assert.equal(confirms(server), 1)
  await auth.confirmCode(challenge, ` ${code.slice(0, 3)}–${code.slice(3)}`)
})

test('the proof is sent always, and left out only for a server that can check none', async () => {
  const bodies = []
  const server = createTestServer({ publicHost: null })
  const fetch = (input, init) => {
    if (input.endsWith('confirm-email-code')) bodies.push(Object.keys(JSON.parse(init.body)))
    return server.fetch(input, init)
  }
  const auth = createAuthClient({ baseUrl: server.baseUrl, fetch, storage: memoryStorage() })
  await logIn({ auth, server })
  assert.deepEqual(bodies.map((names) => names.includes('client_key_proof')), [true, false])

  const checking = open({ publicHost: 'other.test' })
  await assert.rejects(logIn(checking), { code: 'invalid_client_public_key' })
  assert.equal(confirms(checking.server), 1)
})

for (const baseUrl of ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080/']) {
  test(`the proof for ${baseUrl} is made for localhost`, async () => {
    const opened = open({}, { baseUrl, publicHost: 'localhost' })
    await logIn(opened)
    assert.equal(confirms(opened.server), 1)
  })
}

test('a fault of a listener harms neither the log-in nor other listeners', async (context) => {
  const opened = open()
  const told = context.mock.method(console, 'error', () => undefined)
  const heard = []
  opened.auth.onChange(() => {
    throw new Error('of the listener')
  })
  const off = opened.auth.onChange((_, reason) => heard.push(reason))
  await logIn(opened)
  off()
  await opened.auth.logOut()
  assert.deepEqual(heard, ['logged_in'])
  assert.equal(told.mock.callCount(), 2)
})

test('a storage that fails is told as such', async () => {
  const failing = async () => {
    throw new DOMException('The operation is insecure.', 'SecurityError')
  }
  const opened = open({ storage: { get: failing, set: failing, delete: failing } })
  await assert.rejects(opened.auth.ready(), { code: 'storage_unavailable' })
  await assert.rejects(logIn(opened), { code: 'storage_unavailable' })
  assert.equal(confirms(opened.server), 0)
})

test('a closed client still logs in and out', async () => {
  const opened = open()
  opened.auth.close()
  await logIn(opened)
  assert.deepEqual(await opened.auth.logOut(), { revoked: true })
})

test('two tabs that confirm at once have a key each', async () => {
  const { server, storage } = open()
  const keys = []
  const seeing = (input, init) => {
    if (input.endsWith('confirm-email-code')) keys.push(JSON.parse(init.body).client_public_key)
    return server.fetch(input, init)
  }
  let waiting = 0
  let letGo
  const bothWrote = new Promise((resolve) => (letGo = resolve))
  const meeting = {
    ...storage,
    set: async (name, value, instead) => {
      await storage.set(name, value, instead)
      if (value.kind !== 'pending') return
      if (++waiting === 2) letGo()
      await bothWrote
    },
  }
  const people = ['anna@example.com', 'ben@example.com']
  await Promise.all(
    people.map(async (email) => {
      const auth = createAuthClient({ baseUrl: server.baseUrl, fetch: seeing, storage: meeting })
      await logIn({ auth, server }, email)
      auth.close()
    }),
  )
  assert.equal(new Set(keys).size, 2)
})

test('a log-out in another tab at the end of a confirm is heard', async () => {
  const { server, storage } = open()
  const other = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage })
  const meeting = {
    ...storage,
    delete: async (name) => {
      await storage.delete(name)
      await other.logOut()
    },
  }
  const auth = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage: meeting })
  await logIn({ auth, server })
  assert.equal(auth.session, null)
  auth.close()
  other.close()
})

test('an answer that breaks off in its body is lost, and repeated', async () => {
  const { server, storage } = open()
  let broken = 0
  const cutting = async (input, init) => {
    const answer = await server.fetch(input, init)
    if (!input.endsWith('confirm-email-code') || broken++ > 0) return answer
    const cut = new ReadableStream({
      start: (body) => body.enqueue(new TextEncoder().encode('{"device_')),
      pull: (body) => body.error(new TypeError('terminated')),
    })
    return new Response(cut, answer)
  }
  const auth = createAuthClient({ baseUrl: server.baseUrl, fetch: cutting, storage })
  const session = await logIn({ auth, server })
  assert.deepEqual(server.active(), [session.deviceSessionId])
  assert.equal(confirms(server), 2)
})

test('log-out deletes the key before an answer comes, because the page may close', async () => {
  const { auth, server, storage } = open()
  await logIn({ auth, server })
  let sent
  const silent = (input, init) => {
    sent = init
    return new Promise(() => undefined)
  }
  const leaving = createAuthClient({ baseUrl: server.baseUrl, fetch: silent, storage })
  void leaving.logOut()
  await until(() => sent !== undefined)
  await until(async () => (await storage.get('https://auth.test/')).kind === 'ended')
  assert.equal(leaving.session, null)
  assert.equal(sent.keepalive, true)
})

test('no redirect is followed, so that no other server gets a code or a signature', async () => {
  const heard = []
  const other = await listen((request, answer) => {
    heard.push(request.url)
    answer.end('{}')
  })
  const redirecting = await listen((request, answer) => {
    answer.writeHead(307, { location: `${other.url}${request.url}` }).end()
  })
  const { server, storage } = open()
  const name = server.baseUrl
  await logIn({ auth: createAuthClient({ baseUrl: name, name, fetch: server.fetch, storage }), server })
  const auth = createAuthClient({ baseUrl: redirecting.url, name, storage })
  await assert.rejects(auth.sendCode('anna@example.com'), { code: 'network_error' })
  await assert.rejects(auth.devices.list(), { code: 'network_error' })
  await assert.rejects(auth.fetch(`${redirecting.url}/orders`, { method: 'POST', body: 'tea' }), TypeError)
  assert.equal((await auth.fetch(`${redirecting.url}/orders`, { redirect: 'manual' })).status, 307)
  assert.deepEqual(heard, [])
  redirecting.close()
  other.close()
})

test('with a list of origins nothing is signed for others', async () => {
  const opened = open({ origins: [API, 'https://files.test:8443/'] })
  await logIn(opened)
  const before = opened.server.requests.length
  for (const url of ['https://api.test.evil.test/', 'http://api.test/', 'https://api.test:444/', 'https://files.test/']) {
    await assert.rejects(opened.auth.fetch(url), { code: 'origin_not_allowed', status: 0 })
  }
  assert.equal(opened.server.requests.length, before)
  assert.equal((await opened.auth.fetch(`${API}:443/orders`)).status, 200)
})

test('a target that ends with a question mark is verified as it was signed', async () => {
  const opened = open()
  await logIn(opened)
  for (const target of ['/a?', '/a??', '/a?b?', '/a?b=?&c?', '/?', '/a%3F?']) {
    assert.equal((await opened.auth.fetch(`${API}${target}`)).status, 200, target)
  }
})

async function listen(answer) {
  const server = createServer(answer)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() && server.closeAllConnections() }
}

test('clients of two servers keep their sessions apart', async () => {
  const storage = memoryStorage()
  const one = open({ storage })
  const server = createTestServer({ baseUrl: 'https://other.test/path' })
  const other = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage })
  await logIn(one)
  assert.equal(await other.ready(), null)
  one.auth.close()
  other.close()
})
