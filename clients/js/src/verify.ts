/** Checks what others signed: requests of devices, and manifests and statements of the control plane. */

import { base64, lengthPrefixed, sha256, type Bytes } from './bytes.js'
import { signedBytes } from './envelope.js'

export { readCode } from './code.js'
export { proofBytes, signedBytes, type SignedFields } from './envelope.js'

/** The reasons to refuse a request, in the order of the checks. */
export type RequestRefusal =
  | 'unsupported_protocol_version'
  | 'invalid_envelope'
  | 'session_unknown'
  | 'session_revoked'
  | 'sessions_unavailable'
  | 'payload_hash_mismatch'
  | 'invalid_signature'
  | 'timestamp_out_of_window'
  | 'request_replayed'

/** The reasons not to use what claims to come from the control plane. */
export type Distrust =
  | 'untrusted_manifest'
  | 'untrusted_statement'
  | 'malformed_answer'
  | 'another_node'
  | 'not_fresh'
  | 'another_pool'
  | 'another_manifest'
  | 'incompatible'
  | 'expired'

/** Something that must not be used. `reason` is stable. */
export class NotTrusted<Reason extends string = RequestRefusal | Distrust> extends Error {
  override readonly name = 'NotTrusted'

  constructor(readonly reason: Reason) {
    super(reason)
  }
}

/** Whether the key signed the message. False for a key that is none. */
export async function isSignedBy(publicKey: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify'])
    return await crypto.subtle.verify('Ed25519', key, signature, message)
  } catch {
    return false
  }
}

/** Padded standard base64 as bytes, or undefined for any other text. `atob` alone accepts more. */
export function bytesOf(text: unknown, length?: number): Bytes | undefined {
  if (typeof text !== 'string') return undefined
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    return base64(bytes) === text && (length === undefined || bytes.length === length) ? bytes : undefined
  } catch {
    return undefined
  }
}

// Signed requests.

export interface ReceivedRequest {
  method: string
  /** The target of the request line as it arrived: path and query. */
  target: string
  /** Names and values, such as pairs of Node's `rawHeaders`, or a `Headers`. */
  headers: Iterable<readonly [string, string]>
  body: Bytes
}

/** What is known of a session. `clientPublicKey` is the padded base64 of the record in Redis. */
export type KnownSession =
  | { status: 'active'; clientPublicKey: string }
  | { status: 'revoked' | 'unknown' | 'unavailable' }

export interface RequestChecks {
  find(deviceSessionId: string): Promise<KnownSession> | KnownSession
  /** Marks the id as taken, and says whether it was new. The mark must last for three windows. */
  take(deviceSessionId: string, requestId: string): Promise<boolean> | boolean
  /** The largest difference of clocks in milliseconds. Default: 30 seconds. */
  windowMs?: number
  now?: () => number
}

/** The session that made the request. Throws `NotTrusted`. */
export async function verifyRequest(
  request: ReceivedRequest,
  checks: RequestChecks,
): Promise<{ deviceSessionId: string }> {
  const { deviceSessionId, requestId, timestampMs, payloadHash, signature } = envelopeIn(request.headers)
  const publicKey = await activeKey(checks, deviceSessionId)
  if (base64(await sha256(request.body)) !== base64(payloadHash)) throw new NotTrusted('payload_hash_mismatch')
  const messageType = `${request.method} ${request.target.replace(/^([^?]*)\?$/, '$1')}`
  const message = signedBytes({ deviceSessionId, messageType, timestampMs, requestId, payloadHash })
  if (publicKey === undefined || !(await isSignedBy(publicKey, signature, message))) {
    throw new NotTrusted('invalid_signature')
  }
  const now = (checks.now ?? Date.now)()
  if (Math.abs(now - Number(timestampMs)) > (checks.windowMs ?? 30_000)) throw new NotTrusted('timestamp_out_of_window')
  if (!(await checks.take(deviceSessionId, requestId))) throw new NotTrusted('request_replayed')
  await activeKey(checks, deviceSessionId) // time has passed
  return { deviceSessionId }
}

async function activeKey(checks: RequestChecks, deviceSessionId: string): Promise<Bytes | undefined> {
  const session = await checks.find(deviceSessionId)
  switch (session.status) {
    case 'active':
      return bytesOf(session.clientPublicKey, 32)
    case 'unavailable':
      throw new NotTrusted('sessions_unavailable')
    default:
      throw new NotTrusted(`session_${session.status}`)
  }
}

interface Envelope {
  deviceSessionId: string
  requestId: string
  timestampMs: bigint
  payloadHash: Bytes
  signature: Bytes
}

/** The envelope in these headers. A repeated header counts as empty. */
function envelopeIn(headers: Iterable<readonly [string, string]>): Envelope {
  const given = new Map<string, string>()
  for (const [name, value] of headers) {
    const known = name.toLowerCase()
    given.set(known, given.has(known) ? '' : value)
  }
  const text = (name: string, form: RegExp): string => {
    const value = given.get(`galaxy-${name}`)
    if (value === undefined || !form.test(value)) throw new NotTrusted('invalid_envelope')
    return value
  }
  const bytes = (name: string, length: number): Bytes => {
    const value = bytesOf(given.get(`galaxy-${name}`), length)
    if (value === undefined) throw new NotTrusted('invalid_envelope')
    return value
  }
  if (given.get('galaxy-protocol-version') !== 'v1') throw new NotTrusted('unsupported_protocol_version')
  return {
    deviceSessionId: text('device-session-id', /^[A-Za-z0-9_-]{1,128}$/),
    timestampMs: BigInt(text('timestamp-ms', /^(0|[1-9][0-9]{0,15})$/)),
    requestId: text('request-id', /^[!-~]{1,128}$/),
    payloadHash: bytes('payload-hash', 32),
    signature: bytes('signature', 64),
  }
}

// Manifests and statements.

export interface Signed {
  /** The payload in base64. Nothing in it may be used before a signature is verified. */
  bytes: string
  signatures: readonly { key_id: string; signature: string }[]
}

export interface ConfigKey {
  key_id: string
  public_key: string
}

/** The place of a configuration: epoch and sequence. [0, 0]: none was ever activated. */
export type Position = readonly [epoch: number, sequence: number]

export interface Statement {
  position: Position
  /** The SHA-256 of the manifest in hex, or null at [0, 0]. */
  digest: string | null
}

export interface Manifest {
  pool: string
  position: Position
  expiresAt: string
  configKeys: readonly ConfigKey[]
  /** As they stand in the manifest. */
  documents: readonly { kind: string; name: string; version: number; digest: string; bytes: number }[]
  secrets: readonly { secret_id: string; version: number; for: string }[]
}

/** The statement, if it answers this request of this node. Throws `NotTrusted`. */
export async function verifyStatement(
  signed: Signed,
  trusted: readonly ConfigKey[],
  asked: { nodeId: string; requestId: string; pool: string },
): Promise<Statement> {
  const payload = await verified(signed, 'authsession-statement-v1', trusted, 'untrusted_statement')
  const fields = objectIn(payload)
  const position = positionIn(fields)
  const digest = fields['digest'] ?? null
  const isNowhere = position[0] === 0 && position[1] === 0
  if (isNowhere ? digest !== null : !isDigest(digest)) throw new NotTrusted('malformed_answer')
  if (fields['node_id'] !== asked.nodeId) throw new NotTrusted('another_node')
  if (fields['request_id'] !== asked.requestId) throw new NotTrusted('not_fresh')
  if (fields['pool'] !== asked.pool) throw new NotTrusted('another_pool')
  return { position, digest: digest as string | null }
}

/** The manifest that the statement names, if a trusted key and a key of its own list signed it. Throws `NotTrusted`. */
export async function verifyManifest(
  signed: Signed,
  trusted: readonly ConfigKey[],
  named: Statement & { pool: string; now?: number },
): Promise<Manifest> {
  const marker = 'authsession-manifest-v1'
  const payload = await verified(signed, marker, trusted, 'untrusted_manifest')
  const fields = objectIn(payload)
  const manifest = manifestIn(fields)
  await verified(signed, marker, manifest.configKeys, 'untrusted_manifest')
  if (manifest.pool !== named.pool) throw new NotTrusted('another_pool')
  const isNamed = manifest.position[0] === named.position[0] && manifest.position[1] === named.position[1]
  if (!isNamed || hex(await sha256(payload)) !== named.digest) throw new NotTrusted('another_manifest')
  if ((fields['compatibility'] as number) > 1) throw new NotTrusted('incompatible')
  if (Date.parse(manifest.expiresAt) <= (named.now ?? Date.now())) throw new NotTrusted('expired')
  return manifest
}

/** The payload, if one of the keys signed it. The key id only selects: it proves nothing. */
async function verified(
  signed: Signed,
  marker: string,
  keys: readonly ConfigKey[],
  otherwise: Distrust,
): Promise<Bytes> {
  const payload = bytesOf(signed.bytes)
  if (payload === undefined) throw new NotTrusted('malformed_answer')
  const message = lengthPrefixed(marker, payload)
  for (const { key_id, signature } of signed.signatures.slice(0, 8)) {
    const key = bytesOf(keys.find((each) => each.key_id === key_id)?.public_key, 32)
    const value = bytesOf(signature, 64)
    if (key !== undefined && value !== undefined && (await isSignedBy(key, value, message))) return payload
  }
  throw new NotTrusted(otherwise)
}

type Fields = Record<string, unknown>

const KEY_FORM = { key_id: isText, public_key: (value: unknown) => bytesOf(value, 32) !== undefined }
const DOCUMENT_FORM = { kind: isText, name: isText, version: isCount, digest: isDigest, bytes: isCount }

function manifestIn(fields: Fields): Manifest {
  const { format, pool, compatibility, expires_at: expiresAt } = fields
  const isWhole = format === 1 && isCount(compatibility) && typeof pool === 'string' && typeof expiresAt === 'string'
  if (!isWhole || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(expiresAt) || Number.isNaN(Date.parse(expiresAt))) {
    throw new NotTrusted('malformed_answer')
  }
  return {
    pool,
    position: positionIn(fields),
    expiresAt,
    configKeys: listIn(fields, 'config_keys', KEY_FORM) as never,
    documents: listIn(fields, 'documents', DOCUMENT_FORM) as never,
    secrets: listIn(fields, 'secrets', { secret_id: isText, version: isCount, for: isText }) as never,
  }
}

function objectIn(payload: Bytes): Fields {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  } catch {
    // as another type
  }
  throw new NotTrusted('malformed_answer')
}

function listIn(fields: Fields, name: string, checks: Record<string, (value: unknown) => boolean>): Fields[] {
  const value = fields[name]
  const isOne = (each: unknown): boolean =>
    typeof each === 'object' &&
    each !== null &&
    Object.entries(checks).every(([field, check]) => check((each as Fields)[field]))
  if (!Array.isArray(value) || value.length > 256 || !value.every(isOne)) throw new NotTrusted('malformed_answer')
  return value as Fields[]
}

function positionIn({ epoch, sequence }: Fields): Position {
  if (!isCount(epoch) || !isCount(sequence)) throw new NotTrusted('malformed_answer')
  return [epoch, sequence]
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isDigest(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function hex(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
