// The golden data of contracts/vectors that concern a client. It runs in Node.js and in browsers.
import { createAuthClient, memoryStorage } from '../dist/index.js'
import { envelopeOf, keyFromSeed, signWith } from '../dist/testing.js'
import { isSignedBy, NotTrusted, proofBytes, readCode, signedBytes } from '../dist/verify.js'
import { bytesOf, verifyManifest, verifyRequest, verifyStatement } from '../dist/verify.js'

/** The files that `check` wants, by name without `.json`. */
export const FILES = [
  'client_key_proofs',
  'client_public_keys',
  'config_manifests',
  'config_statements',
  'exchanges',
  'login_codes',
  'request_checks',
  'signed_requests',
]

const RFC_8032_TEST_1 = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')

function fromHex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The number of checked cases, and a line for each wrong one. `files` has the content of each file. */
export async function check(files) {
  const wrong = []
  let count = 0
  const same = (name, found, right) => {
    count += 1
    const [one, other] = [JSON.stringify(found), JSON.stringify(right)]
    if (one !== other) wrong.push(`${name}: ${one}, not ${other}`)
  }
  for (const kind of [exchanged, signed, proofs, keys, codes, requests, manifests, statements]) await kind(files, same)
  return { count, wrong }
}

/** What the client calls for each operation, and its result in the words of the wire. */
const OPERATIONS = {
  send_email_code: async (auth, { email }) => ({ challenge_id: (await auth.sendCode(email)).challengeId }),
  confirm_email_code: async (auth, { challenge_id: challengeId, code, device_label: label }) => {
    const session = await auth.confirmCode({ challengeId }, code, label === undefined ? {} : { label })
    return { device_session_id: session.deviceSessionId }
  },
  list_device_sessions: async (auth) => ({
    device_sessions: (await auth.devices.list()).map((device) => ({
      device_session_id: device.deviceSessionId,
      label: device.label,
      created_at: device.createdAt,
      last_seen_on: device.lastSeenOn,
      is_current: device.isCurrent,
    })),
  }),
  end_device_session: async (auth, _, path) => {
    const { outcome, deviceSessionId } = await auth.devices.revoke(path.split('/').at(-1))
    return { outcome, device_session_id: deviceSessionId }
  },
  end_other_device_sessions: async (auth) => {
    const { outcome, affectedSessionCount } = await auth.devices.revokeOthers()
    return { outcome, affected_session_count: affectedSessionCount }
  },
  name_device_session: (auth, { label }) => auth.devices.rename(label),
}

/** The client sends each golden request, and understands each golden answer. */
async function exchanged({ exchanges: { exchanges } }, same) {
  const key = await keyFromSeed(RFC_8032_TEST_1)
  for (const each of exchanges.filter(({ operation }) => operation in OPERATIONS)) {
    const sent = []
    const fetch = async (url, { method, body }) => {
      const text = await new Response(body).text()
      sent.push([method, new URL(url).pathname, text === '' ? {} : JSON.parse(text)])
      return Response.json(each.response, { status: each.status })
    }
    const storage = memoryStorage()
    await storage.set('https://auth.test/', { kind: 'session', deviceSessionId: 'device-session-123', key })
    const auth = createAuthClient({ baseUrl: 'https://auth.test', fetch, storage })
    const result = await OPERATIONS[each.operation](auth, each.request, each.path).catch((fault) => fault)
    auth.close()
    const [method, path, body] = sent[0]
    same(`call: ${each.name}`, [method, path], [each.method, each.path])
    for (const own of ['client_public_key', 'client_key_proof', 'time_zone']) {
      delete body[own]
      delete (each.request ?? {})[own]
    }
    same(`request: ${each.name}`, body, each.request ?? {})
    if (each.status === 200) same(`answer: ${each.name}`, result, result && each.response)
    else same(`refusal: ${each.name}`, [result.status, result.code], [each.status, each.response.error.code])
  }
}

/** Both kinds of keys sign alike: that of WebCrypto and the software key. */
async function signers() {
  const key = await keyFromSeed(RFC_8032_TEST_1)
  return { 'non-extractable': key, software: { publicKey: key.publicKey, seed: RFC_8032_TEST_1 } }
}

async function signed({ signed_requests: { messages } }, same) {
  for (const each of messages) {
    const fields = {
      deviceSessionId: each.device_session_id,
      messageType: each.message_type,
      timestampMs: each.timestamp_ms,
      requestId: each.request_id,
    }
    const message = signedBytes({ ...fields, payloadHash: fromHex(each.payload_hash_hex) })
    same(`signed bytes: ${each.name}`, toHex(message), each.message_hex)
    const isSigned = await isSignedBy(bytesOf(each.client_public_key), bytesOf(each.signature), message)
    same(`verified: ${each.name}`, isSigned, true)
    for (const [kind, key] of Object.entries(await signers())) {
      const body = fromHex(each.body_hex)
      const headers = Object.fromEntries(await envelopeOf({ ...fields, body }, (bytes) => signWith(key, bytes)))
      same(`${kind}: ${each.name}`, headers['galaxy-signature'], each.signature)
    }
  }
}

async function proofs({ client_key_proofs }, same) {
  for (const each of client_key_proofs.proofs) {
    const message = proofBytes(each.host, each.challenge_id, each.code)
    same(`proof bytes: ${each.name}`, toHex(message), each.message_hex)
    for (const [kind, key] of Object.entries(await signers())) {
      same(`${kind} key: ${each.name}`, key.publicKey, each.client_public_key)
      const proof = await signWith(key, message)
      same(`${kind} proof: ${each.name}`, toHex(proof), toHex(bytesOf(each.client_key_proof)))
    }
  }
}

/** The bytes of a key. Whether a key is one of small order is the server's to judge. */
async function keys({ client_public_keys: { accepted } }, same) {
  for (const each of accepted) same(`key: ${each.name}`, toHex(bytesOf(each.client_public_key, 32)), each.hex)
}

async function codes({ login_codes: { read, refused } }, same) {
  for (const each of read) same(`code: ${each.name}`, readCode(each.text), each.code)
  for (const each of refused) same(`code: ${each.name}`, readCode(each.text), undefined)
}

async function requests({ request_checks: { checks } }, same) {
  for (const each of checks) {
    const { method, target, headers, body_hex: bodyHex } = each.request
    const found = { status: each.session, clientPublicKey: each.client_public_key }
    const checking = verifyRequest(
      { method, target, headers, body: fromHex(bodyHex) },
      { find: () => found, take: () => !each.is_replayed, windowMs: each.window_ms, now: () => each.now_ms },
    )
    same(`request: ${each.name}`, await verdict(checking), each.verdict)
  }
}

async function manifests({ config_manifests }, same) {
  for (const each of config_manifests.manifests) {
    const named = { pool: each.pool, position: each.position, digest: each.digest, now: each.now_ms }
    const verifying = verifyManifest(each.signed, each.config_keys, named)
    same(`manifest: ${each.name}`, await verdict(verifying), each.verdict)
    if (each.verdict !== 'accepted') continue
    const digests = (await verifying).documents.map((document) => document.digest)
    same(`documents: ${each.name}`, digests, each.documents)
  }
}

async function statements({ config_statements }, same) {
  for (const each of config_statements.statements) {
    const asked = { nodeId: each.node_id, requestId: each.request_id, pool: each.pool }
    const verifying = verifyStatement(each.signed, each.config_keys, asked)
    same(`statement: ${each.name}`, await verdict(verifying), each.verdict)
    if (each.verdict !== 'accepted') continue
    const { position, digest } = await verifying
    same(`named: ${each.name}`, [position, digest], [each.position, each.digest])
  }
}

async function verdict(checking) {
  try {
    await checking
    return 'accepted'
  } catch (fault) {
    if (!(fault instanceof NotTrusted)) throw fault
    return fault.reason
  }
}
