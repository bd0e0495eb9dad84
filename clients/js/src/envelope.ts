/** The signed request `galaxy-request-v1`, and the proof of a new key: their exact bytes. */

import { base64, concat, lengthPrefixed, sha256, type Bytes } from './bytes.js'

const VERSION = 'v1'

export interface SignedFields {
  deviceSessionId: string
  /** Method and target of the request line as sent, such as `POST /orders?dry=1`. */
  messageType: string
  timestampMs: number | bigint
  requestId: string
  /** SHA-256 of the whole body, also of an empty one. */
  payloadHash: Uint8Array
}

/** The bytes that a request's signature covers. */
export function signedBytes(fields: SignedFields): Bytes {
  const time = new Uint8Array(8)
  new DataView(time.buffer).setBigUint64(0, BigInt(fields.timestampMs))
  return concat([
    lengthPrefixed('galaxy-request-v1', VERSION, fields.deviceSessionId, fields.messageType),
    time,
    lengthPrefixed(fields.requestId, fields.payloadHash),
  ])
}

/** The bytes that `client_key_proof` covers. `host` is in lower case without a port, `code` has six ASCII digits. */
export function proofBytes(host: string, challengeId: string, code: string): Bytes {
  return lengthPrefixed('authsession-confirm-v1', host, challengeId, code)
}

/** Method and target of the request line, as a browser sends them. */
export function messageTypeOf(method: string, url: string): string {
  const { pathname, search } = new URL(url)
  return `${method} ${pathname}${search}`
}

export interface Signing {
  deviceSessionId: string
  messageType: string
  timestampMs: number
  body: Bytes
  /** Default: 144 random bits. Every request needs another one. */
  requestId?: string
}

/** The six headers of a request. */
export async function envelopeOf(
  request: Signing,
  sign: (message: Bytes) => Promise<Uint8Array>,
): Promise<[string, string][]> {
  const { requestId = base64(crypto.getRandomValues(new Uint8Array(18))) } = request
  const payloadHash = await sha256(request.body)
  const signature = await sign(signedBytes({ ...request, requestId, payloadHash }))
  return [
    ['galaxy-protocol-version', VERSION],
    ['galaxy-device-session-id', request.deviceSessionId],
    ['galaxy-timestamp-ms', String(request.timestampMs)],
    ['galaxy-request-id', requestId],
    ['galaxy-payload-hash', base64(payloadHash)],
    ['galaxy-signature', base64(signature)],
  ]
}
