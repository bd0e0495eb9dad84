/** For the tests of an app: a server in memory. It checks signatures and proofs as the real one does. */

import { base64, type Bytes } from './bytes.js'
import { readCode } from './code.js'
import { proofBytes } from './envelope.js'
import { bytesOf, isSignedBy, NotTrusted, verifyRequest } from './verify.js'

export { envelopeOf, messageTypeOf, type Signing } from './envelope.js'
export { protectionOf, signWith } from './keys.js'

/** What `disturb` does to the next request of a path: the server never gets it, or its answer never arrives. */
export type Disturbance = 'request_lost' | 'answer_lost' | 'busy'

export interface Signer {
  userId: string
  deviceSessionId: string
}

export interface TestServerOptions {
  /** Default: `https://auth.test`. */
  baseUrl?: string
  /** The host in proofs. Default: that of `baseUrl`. Null: the server has none, so that it can check no proof. */
  publicHost?: string | null
  /** The server's time in milliseconds since 1970. Default: `Date.now`. */
  now?: () => number
}

export interface TestServer {
  readonly baseUrl: string
  /** For `createAuthClient({ baseUrl, fetch })`. */
  readonly fetch: (input: string, init?: RequestInit) => Promise<Response>
  /** The method and path of every request that arrived, in order. */
  readonly requests: readonly string[]
  /** The newest code that was mailed to the address. */
  codeFor(email: string): string
  /** Ends a session, as an operator does. */
  revoke(deviceSessionId: string): void
  /** Forgets a session. */
  remove(deviceSessionId: string): void
  /** The ids of the active sessions. */
  active(): string[]
  /** Answers signed requests to `origin`, such as your API. Without a handler an origin answers 404. */
  serve(origin: string, handler: (request: Request, signer: Signer) => Response | Promise<Response>): void
  /** Disturbs the next `times` requests whose path ends so. */
  disturb(path: string, how: Disturbance, times?: number): void
}

interface KnownChallenge {
  email: string
  code: string
  wrong: number
  confirmed?: { code: string; key: string; deviceSessionId: string }
}

interface KnownDevice {
  userId: string
  clientPublicKey: string
  label: string | undefined
  createdAt: string
  status: 'active' | 'revoked'
}

interface Confirm {
  challenge_id: string
  code: string
  client_public_key: string
  client_key_proof?: string
  device_label?: string
}

const PUBLIC = '/api/v1/public'

export function createTestServer(options: TestServerOptions = {}): TestServer {
  return new Server(options)
}

class Server implements TestServer {
  readonly baseUrl: string
  readonly requests: string[] = []
  readonly #publicHost: string | null
  readonly #now: () => number
  readonly #challenges = new Map<string, KnownChallenge>()
  readonly #devices = new Map<string, KnownDevice>()
  readonly #taken = new Set<string>()
  readonly #orders = new Map<string, Response>()
  readonly #handlers = new Map<string, (request: Request, signer: Signer) => Response | Promise<Response>>()
  readonly #disturbed: { path: string; how: Disturbance }[] = []

  constructor({ baseUrl = 'https://auth.test', publicHost, now = () => Date.now() }: TestServerOptions) {
    this.baseUrl = baseUrl
    this.#publicHost = publicHost === undefined ? new URL(baseUrl).hostname : publicHost
    this.#now = now
  }

  readonly fetch = async (input: string, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    const { pathname } = new URL(request.url)
    const at = this.#disturbed.findIndex(({ path }) => pathname.endsWith(path))
    const how = at < 0 ? undefined : this.#disturbed.splice(at, 1)[0]?.how
    if (how === 'request_lost') throw new TypeError('the request is lost')
    this.requests.push(`${request.method} ${pathname}`)
    if (how === 'busy') return this.#dated(refused(503, 'service_unavailable', { 'retry-after': '0' }))
    const answer = await this.#answer(request)
    if (how === 'answer_lost') throw new TypeError('the answer is lost')
    return this.#dated(answer)
  }

  codeFor(email: string): string {
    const mailed = [...this.#challenges.values()].filter((challenge) => challenge.email === email)
    const newest = mailed.at(-1)
    if (newest === undefined) throw new Error('no code was mailed to this address')
    return newest.code
  }

  revoke(deviceSessionId: string): void {
    this.#device(deviceSessionId).status = 'revoked'
  }

  remove(deviceSessionId: string): void {
    this.#devices.delete(deviceSessionId)
  }

  active(): string[] {
    return [...this.#devices].filter(([, device]) => device.status === 'active').map(([id]) => id)
  }

  serve(origin: string, handler: (request: Request, signer: Signer) => Response | Promise<Response>): void {
    this.#handlers.set(origin, handler)
  }

  disturb(path: string, how: Disturbance, times = 1): void {
    for (let time = 0; time < times; time++) this.#disturbed.push({ path, how })
  }

  async #answer(request: Request): Promise<Response> {
    const { origin, pathname } = new URL(request.url)
    const isAuth = origin === new URL(this.baseUrl).origin
    const path = isAuth ? pathname.slice(PUBLIC.length) : ''
    if (path === '/auth/send-email-code') return this.#send((await request.json()) as { email: string })
    if (path === '/auth/confirm-email-code') return this.#confirm((await request.json()) as Confirm)
    const handler = this.#handlers.get(origin)
    if (isAuth ? !path.startsWith('/device-sessions') : handler === undefined) return refused(404, 'not_found')
    const repeated = isAuth ? this.#orders.get(request.headers.get('galaxy-signature') ?? '') : undefined
    if (repeated !== undefined) return repeated.clone()
    const checked = await this.#checked(request.clone())
    if (checked instanceof Response) return checked
    if (handler !== undefined) return handler(request, checked)
    const answer = await this.#serveDevices(request, checked)
    this.#orders.set(request.headers.get('galaxy-signature') ?? '', answer.clone())
    return answer
  }

  async #checked(request: Request): Promise<Signer | Response> {
    const { pathname, search } = new URL(request.url)
    const body = new Uint8Array(await request.arrayBuffer())
    try {
      const { deviceSessionId } = await verifyRequest(
        { method: request.method, target: `${pathname}${search}`, headers: request.headers, body },
        {
          find: (id) => this.#devices.get(id) ?? { status: 'unknown' },
          take: (id, requestId) => this.#taken.size < this.#taken.add(`${id} ${requestId}`).size,
          now: this.#now,
        },
      )
      return { deviceSessionId, userId: this.#device(deviceSessionId).userId }
    } catch (fault) {
      if (!(fault instanceof NotTrusted)) throw fault
      return refused(fault.reason.startsWith('invalid_e') || fault.reason.startsWith('unsup') ? 400 : 401, fault.reason)
    }
  }

  #send({ email }: { email: string }): Response {
    const challengeId = `challenge-${crypto.randomUUID()}`
    const code = String(crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000).padStart(6, '0')
    this.#challenges.set(challengeId, { email, code, wrong: 0 })
    return Response.json({ challenge_id: challengeId })
  }

  async #confirm(asked: Confirm): Promise<Response> {
    const { challenge_id: challengeId, client_public_key: key, client_key_proof: proof } = asked
    const code = readCode(asked.code) ?? asked.code
    if (proof !== undefined && this.#publicHost === null) {
      const message = 'client_key_proof cannot be checked here: no public host is configured'
      return Response.json({ error: { code: 'invalid_request', message } }, { status: 400 })
    }
    if (!(await this.#isProven(challengeId, code, key, proof))) return refused(400, 'invalid_client_public_key')
    const challenge = this.#challenges.get(challengeId)
    if (challenge === undefined) return refused(404, 'challenge_not_found')
    if (challenge.confirmed !== undefined) {
      const { deviceSessionId, ...first } = challenge.confirmed
      return first.code === code && first.key === key ? confirmed(deviceSessionId) : refused(400, 'invalid_code')
    }
    if (challenge.wrong === 5) return refused(410, 'challenge_expired')
    if (challenge.code !== code) {
      challenge.wrong += 1
      return refused(400, 'invalid_code')
    }
    const deviceSessionId = `device-session-${crypto.randomUUID()}`
    const createdAt = `${new Date(this.#now()).toISOString().slice(0, 19)}Z`
    const device: KnownDevice = {
      userId: `user-${challenge.email}`,
      clientPublicKey: key,
      label: asked.device_label,
      createdAt,
      status: 'active',
    }
    this.#devices.set(deviceSessionId, device)
    challenge.confirmed = { code, key, deviceSessionId }
    return confirmed(deviceSessionId)
  }

  async #isProven(challengeId: string, code: string, key: string, proof: string | undefined): Promise<boolean> {
    if (this.#publicHost === null) return true
    const [publicKey, signature]: (Bytes | undefined)[] = [bytesOf(key, 32), bytesOf(proof, 64)]
    const message = proofBytes(this.#publicHost, challengeId, code)
    return publicKey !== undefined && signature !== undefined && isSignedBy(publicKey, signature, message)
  }

  async #serveDevices(request: Request, signer: Signer): Promise<Response> {
    const own = [...this.#devices].filter(([, { userId, status }]) => userId === signer.userId && status === 'active')
    const target = new URL(request.url).pathname.slice(`${PUBLIC}/device-sessions`.length)
    switch (`${request.method} ${target}`) {
      case 'GET ':
        return Response.json({ device_sessions: own.reverse().map(([id, device]) => shown(id, device, signer)) })
      case 'POST /revoke-others': {
        const others = own.filter(([id]) => id !== signer.deviceSessionId)
        for (const [id] of others) this.revoke(id)
        const outcome = others.length > 0 ? 'revoked' : 'no_active_sessions'
        return Response.json({ outcome, affected_session_count: others.length })
      }
      case 'PATCH /current': {
        const { label } = (await request.json()) as { label: string }
        this.#device(signer.deviceSessionId).label = label.trim()
        return Response.json({ outcome: 'named', device_session_id: signer.deviceSessionId, label: label.trim() })
      }
      default:
        return request.method === 'DELETE' ? this.#end(target.slice(1), signer) : refused(404, 'not_found')
    }
  }

  #end(deviceSessionId: string, signer: Signer): Response {
    const device = this.#devices.get(deviceSessionId)
    if (device === undefined || device.userId !== signer.userId) return refused(404, 'session_not_found')
    const outcome = device.status === 'active' ? 'revoked' : 'already_revoked'
    device.status = 'revoked'
    return Response.json({ outcome, device_session_id: deviceSessionId })
  }

  #device(deviceSessionId: string): KnownDevice {
    const device = this.#devices.get(deviceSessionId)
    if (device === undefined) throw new Error('there is no such session')
    return device
  }

  #dated(answer: Response): Response {
    const dated = new Response(answer.body, answer)
    dated.headers.set('date', new Date(this.#now()).toUTCString())
    return dated
  }
}

function confirmed(deviceSessionId: string): Response {
  return Response.json({ device_session_id: deviceSessionId })
}

function refused(status: number, code: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error: { code, message: code.replaceAll('_', ' ') } }, { status, headers })
}

function shown(deviceSessionId: string, device: KnownDevice, signer: Signer): object {
  return {
    device_session_id: deviceSessionId,
    ...(device.label === undefined ? {} : { label: device.label }),
    created_at: device.createdAt,
    is_current: deviceSessionId === signer.deviceSessionId,
  }
}

/** An Ed25519 key of WebCrypto from its 32 private bytes, as golden data give them. */
export async function keyFromSeed(seed: Bytes): Promise<{ publicKey: string; privateKey: CryptoKey }> {
  const prefix = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20])
  const raw = new Uint8Array([...prefix, ...seed])
  const readable = await crypto.subtle.importKey('pkcs8', raw, 'Ed25519', true, ['sign'])
  const { x } = await crypto.subtle.exportKey('jwk', readable)
  const publicKey = base64(Uint8Array.from(atob(x!.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0)))
  return { publicKey, privateKey: await crypto.subtle.importKey('pkcs8', raw, 'Ed25519', false, ['sign']) }
}
