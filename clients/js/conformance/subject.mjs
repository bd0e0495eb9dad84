// Our own client as a program for the examination. It reads one JSON object a line from stdin and answers with one
// line on stdout. docs/guides/client-app.md describes the questions. `software` as argument: keys of the fallback.
import { createInterface } from 'node:readline'
import { AuthError, createAuthClient, memoryStorage } from '../dist/index.js'
import { envelopeOf, keyFromSeed, signWith } from '../dist/testing.js'
import { proofBytes, readCode, signedBytes } from '../dist/verify.js'

const isSoftware = process.argv[2] === 'software'
if (isSoftware) crypto.subtle.generateKey = () => Promise.reject(new DOMException('none', 'NotSupportedError'))
let auth

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const hex = (raw) => Buffer.from(raw).toString('hex')

async function keyOf({ signing_key_hex: seedHex }) {
  const seed = bytes(seedHex)
  const key = await keyFromSeed(seed)
  return isSoftware ? { publicKey: key.publicKey, seed } : key
}

const fieldsOf = (asked) => ({
  deviceSessionId: asked.device_session_id,
  messageType: `${asked.method} ${asked.target}`,
  timestampMs: asked.timestamp_ms,
  requestId: asked.request_id,
})

const answers = {
  code: ({ text }) => {
    const code = readCode(text)
    return code === undefined ? { refused: true } : { code }
  },
  proof_bytes: ({ host, challenge_id: challengeId, code }) => ({ message_hex: hex(proofBytes(host, challengeId, code)) }),
  proof: async (asked) => {
    const key = await keyOf(asked)
    const proof = await signWith(key, proofBytes(asked.host, asked.challenge_id, readCode(asked.code)))
    return { client_public_key: key.publicKey, client_key_proof: Buffer.from(proof).toString('base64') }
  },
  signed_bytes: async (asked) => {
    const payloadHash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes(asked.body_hex)))
    return { message_hex: hex(signedBytes({ ...fieldsOf(asked), payloadHash })) }
  },
  headers: async (asked) => {
    const key = await keyOf(asked)
    const signing = { ...fieldsOf(asked), body: bytes(asked.body_hex) }
    return Object.fromEntries(await envelopeOf(signing, (message) => signWith(key, message)))
  },
  open: ({ base_url: baseUrl, public_host: publicHost, clock_ahead_ms: ahead = 0 }) => {
    auth?.close()
    auth = createAuthClient({ baseUrl, publicHost, storage: memoryStorage(), now: () => Date.now() + ahead })
    return { opened: true }
  },
  send_code: async ({ email }) => ({ challenge_id: (await auth.sendCode(email)).challengeId }),
  confirm_code: async ({ challenge_id: challengeId, code, label }) => {
    const options = label === undefined ? {} : { label }
    return { device_session_id: (await auth.confirmCode({ challengeId }, code, options)).deviceSessionId }
  },
  call: async ({ method, url, body_hex: bodyHex }) => {
    const body = bytes(bodyHex ?? '')
    return { status: (await auth.fetch(url, { method, ...(body.length > 0 ? { body } : {}) })).status }
  },
  session: async () => ({ device_session_id: (await auth.ready())?.deviceSessionId ?? null }),
  log_out: () => auth.logOut(),
  devices: async ({ do: task, with: argument }) => ({ answer: (await auth.devices[task](argument)) ?? null }),
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  let answer
  try {
    answer = await answers[asked.ask](asked)
  } catch (fault) {
    answer = { error: fault instanceof AuthError ? fault.code : String(fault) }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
