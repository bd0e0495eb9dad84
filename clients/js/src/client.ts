/** The client: log-in, the session of this device, signed requests, and the user's devices. */

import { utf8, base64, type Bytes } from './bytes.js'
import { ServerClock } from './clock.js'
import { readCode } from './code.js'
import { envelopeOf, messageTypeOf, proofBytes } from './envelope.js'
import { AuthError, refusalOf } from './errors.js'
import { generateKey, generateSoftwareKey, protectionOf, signWith, type DeviceKey, type KeyProtection } from './keys.js'
import { reliable, type DeviceStorage, type EndReason, type Kept } from './storage.js'
import { objectOf, PATIENT, postOf, sendAndRepeat, sendOnce, textOf, type Fetch, type Patience } from './wire.js'

export interface AuthClientOptions {
  /** The public API, such as `https://auth.example.com`. */
  baseUrl: string | URL
  /** The server's `AUTHSESSION_PUBLIC_HOST`. Default: the host in `baseUrl`; for a loopback address `localhost`. */
  publicHost?: string
  /** The name under which this client keeps its key. Default: `baseUrl`. */
  name?: string
  /**
   * The origins that `fetch` signs for, such as `https://api.example.com`. Default: every one. A signature names method
   * and path and no host, so that a server that gets one could use it at another of your servers.
   */
  origins?: readonly (string | URL)[]
  /** Where the key is kept. Default: IndexedDB; where there is none, memory. */
  storage?: DeviceStorage
  fetch?: (input: string, init?: RequestInit) => Promise<Response>
  /** This machine's time in milliseconds since 1970. Default: `Date.now`. */
  now?: () => number
}

export interface Challenge {
  readonly challengeId: string
  /** The seconds until another letter can be asked for. */
  readonly resendAfter: number
}

/** The session of this device. It is a plain value, and a new object after each change. */
export interface Session {
  readonly deviceSessionId: string
  readonly keyProtection: KeyProtection
}

/** `restored`: a session from an earlier visit. `logged_in`: here, or in another tab. */
export type ChangeReason = 'restored' | 'logged_in' | EndReason

export type ChangeListener = (session: Session | null, reason: ChangeReason) => void

export interface Device {
  readonly deviceSessionId: string
  readonly label: string | undefined
  /** An instant in UTC, such as `2026-04-02T09:21:40Z`. */
  readonly createdAt: string
  /** A day in UTC, such as `2026-04-02`; undefined if no gateway has told of a use yet. */
  readonly lastSeenOn: string | undefined
  readonly isCurrent: boolean
}

export interface Devices {
  /** The active sessions of this user, the newest first. */
  list(): Promise<Device[]>
  /** Ends a session of this user. The own one: as `logOut`, but a refusal raises an error. */
  revoke(deviceSessionId: string): Promise<{ outcome: 'revoked' | 'already_revoked'; deviceSessionId: string }>
  /** Ends all sessions of this user but this one. */
  revokeOthers(): Promise<{ outcome: string; affectedSessionCount: number }>
  /** Names this device in the list. */
  rename(label: string): Promise<void>
}

export interface AuthClient {
  /** The session as last known: null also while the storage is read for the first time. See `ready`. */
  readonly session: Session | null
  readonly devices: Devices
  /** Reads the storage, and returns the session that it holds. */
  ready(): Promise<Session | null>
  /** Mails a login code. The answer is the same for every address. `locale` chooses the letter's language. */
  sendCode(email: string, options?: { locale?: string }): Promise<Challenge>
  /** Logs in. `label` names this device in the list of devices; `deviceLabel()` proposes one. */
  confirmCode(challenge: Pick<Challenge, 'challengeId'>, code: string, options?: { label?: string }): Promise<Session>
  /**
   * As the global `fetch`, with a signature of this device. Answers are not taken from the browser's cache, and
   * redirects are not followed, because a signature is for one target.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>
  /** Ends the session at the server, and forgets the key at once. `revoked` says whether the server confirmed it. */
  logOut(): Promise<{ revoked: boolean }>
  /** Calls the listener after each change. The returned function ends that. */
  onChange(listener: ChangeListener): () => void
  /** Stops listening to other tabs. */
  close(): void
}

/** A client for one server. All tabs of an origin share its session. */
export function createAuthClient(options: AuthClientOptions): AuthClient {
  return new Client(options)
}

type KeptSession = Extract<Kept, { kind: 'session' }>

/** `authsession up` calls its public host `localhost`. */
const LOOPBACK = /^(127\.[\d.]+|\[::1\])$/
const RESEND_AFTER_SECONDS = 60
const PUBLIC = 'api/v1/public'
const LOG_OUT: Patience = { tries: 2, timeoutMs: 4000, outlivesPage: true }

class Client implements AuthClient {
  readonly devices: Devices
  readonly #base: URL
  readonly #publicHost: string
  readonly #name: string
  readonly #storage: DeviceStorage
  readonly #sendRequest: Fetch
  readonly #clock: ServerClock
  readonly #origins: ReadonlySet<string> | undefined
  #channel: BroadcastChannel | undefined
  readonly #listeners = new Set<ChangeListener>()
  #kept: KeptSession | undefined
  #session: Session | null = null
  #hasLooked = false
  #pending: { challengeId: string; key: Promise<DeviceKey> } | undefined

  constructor(options: AuthClientOptions) {
    this.#base = new URL(options.baseUrl)
    if (!this.#base.pathname.endsWith('/')) this.#base.pathname += '/'
    const host = this.#base.hostname
    this.#publicHost = (options.publicHost ?? (LOOPBACK.test(host) ? 'localhost' : host)).toLowerCase()
    this.#name = options.name ?? this.#base.href
    this.#origins = options.origins && new Set(options.origins.map((origin) => new URL(origin).origin))
    this.#storage = reliable(options.storage)
    this.#sendRequest = options.fetch ?? ((input, init) => fetch(input, init))
    this.#clock = new ServerClock(options.now ?? (() => Date.now()))
    this.devices = {
      list: () => this.#list(),
      revoke: (deviceSessionId) => this.#revoke(deviceSessionId, PATIENT),
      revokeOthers: () => this.#revokeOthers(),
      rename: async (label) => void (await this.#serve('PATCH', '/current', { label })),
    }
    this.#channel = this.#listen()
    // A page that was frozen has missed messages.
    globalThis.document?.addEventListener('visibilitychange', this.#lookQuietly)
    this.#lookQuietly()
  }

  get session(): Session | null {
    return this.#session
  }

  async ready(): Promise<Session | null> {
    this.#adopt(await this.#storage.get(this.#name))
    return this.#session
  }

  async sendCode(email: string, { locale }: { locale?: string } = {}): Promise<Challenge> {
    const call = postOf(this.#url('auth/send-email-code'), { email }, locale ? { 'accept-language': locale } : {})
    const answer = await objectOf(await sendOnce(this.#heard, call, PATIENT))
    return { challengeId: textOf(answer, 'challenge_id'), resendAfter: RESEND_AFTER_SECONDS }
  }

  async confirmCode(
    { challengeId }: Pick<Challenge, 'challengeId'>,
    code: string,
    { label }: { label?: string } = {},
  ): Promise<Session> {
    const digits = readCode(code)
    if (digits === undefined) throw new AuthError('invalid_code', 'a code has six digits', { status: 400 })
    const key = await this.#keyFor(challengeId)
    const deviceSessionId = await this.#register(key, challengeId, digits, label)
    const kept: KeptSession = { kind: 'session', deviceSessionId, key }
    await this.#storage.set(this.#name, kept)
    await this.#storage.delete(this.#pendingName)
    // Another tab may have logged out already.
    await this.ready()
    this.#channel?.postMessage(null)
    return { deviceSessionId, keyProtection: protectionOf(key) }
  }

  async fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const asked = new Request(input, init)
    if (this.#origins?.has(new URL(asked.url).origin) === false) {
      throw new AuthError('origin_not_allowed', 'nothing is signed for this origin: see `origins`')
    }
    const body = new Uint8Array(await asked.arrayBuffer())
    const { url, credentials, integrity, keepalive, mode, referrer, referrerPolicy, signal } = asked
    // Browsers leave `patch` in lower case, and servers read it as `PATCH`.
    const method = asked.method.toUpperCase()
    const redirect = asked.redirect === 'follow' ? 'error' : asked.redirect
    const cache = asked.cache === 'default' ? 'no-store' : asked.cache
    const more = { credentials, integrity, keepalive, mode, redirect, referrer, referrerPolicy, signal, cache }
    return this.#signed({ method, url, body }, (envelope) => {
      const headers = new Headers(asked.headers)
      for (const [name, value] of envelope) headers.set(name, value)
      return this.#heard(url, { ...more, method, headers, ...(body.length > 0 ? { body } : {}) })
    })
  }

  async logOut(): Promise<{ revoked: boolean }> {
    await this.ready()
    await this.#forgetPending()
    const kept = this.#kept
    if (kept === undefined) return { revoked: false }
    // The page may close before the answer comes, so that the end here does not wait for it.
    const [told, forgotten] = await Promise.allSettled([
      this.#revoke(kept.deviceSessionId, LOG_OUT, kept),
      this.#end(kept.deviceSessionId, 'logged_out'),
    ])
    if (forgotten.status === 'rejected') throw forgotten.reason
    if (told.status === 'fulfilled') return { revoked: true }
    if (told.reason instanceof AuthError) return { revoked: told.reason.code === 'session_revoked' }
    throw told.reason
  }

  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    this.#channel?.close()
    this.#channel = undefined
    globalThis.document?.removeEventListener('visibilitychange', this.#lookQuietly)
    this.#listeners.clear()
  }

  // The storage is the truth for all tabs. A message only says that it is worth a look.

  readonly #lookQuietly = (): void => void this.ready().catch(() => undefined)

  #listen(): BroadcastChannel | undefined {
    if (globalThis.BroadcastChannel === undefined) return undefined
    const channel = new BroadcastChannel(`authsession ${this.#name}`)
    channel.onmessage = this.#lookQuietly
    const { unref } = channel as { unref?: () => void } // Node.js would wait for messages for ever
    unref?.call(channel)
    return channel
  }

  /** Takes what the storage holds, and tells a change. */
  #adopt(found: Kept | undefined): void {
    const before = this.#kept
    const isFirst = !this.#hasLooked
    this.#hasLooked = true
    this.#kept = found?.kind === 'session' ? found : undefined
    if (this.#kept?.deviceSessionId === before?.deviceSessionId) return
    if (this.#kept !== undefined) {
      const { deviceSessionId, key } = this.#kept
      this.#tell({ deviceSessionId, keyProtection: protectionOf(key) }, isFirst ? 'restored' : 'logged_in')
    } else {
      this.#tell(null, found?.kind === 'ended' ? found.reason : 'key_lost')
    }
  }

  #tell(session: Session | null, reason: ChangeReason): void {
    this.#session = session
    for (const listener of [...this.#listeners]) {
      try {
        listener(session, reason)
      } catch (fault) {
        // A fault of a listener is its own: neither other listeners nor the log-in suffer from it.
        ;(globalThis.reportError ?? console.error)(fault)
      }
    }
  }

  /** Forgets the key of this session, unless another one has taken its place. */
  async #end(deviceSessionId: string, reason: EndReason): Promise<void> {
    await this.#storage.set(this.#name, { kind: 'ended', deviceSessionId, reason }, deviceSessionId)
    await this.ready()
    this.#channel?.postMessage(null)
  }

  // Log-in.

  /** Forgets a key whose confirm may have arrived without an answer. */
  async #forgetPending(): Promise<void> {
    this.#pending = undefined
    await this.#storage.delete(this.#pendingName)
  }

  get #pendingName(): string {
    return `${this.#name} pending`
  }

  /** The key of a confirm. One challenge has one key, so that a repeat is the same confirm for the server. */
  #keyFor(challengeId: string): Promise<DeviceKey> {
    if (this.#pending?.challengeId !== challengeId) {
      const key = this.#makeKey(challengeId)
      this.#pending = { challengeId, key }
      key.catch(() => {
        this.#pending = undefined
      })
    }
    return this.#pending.key
  }

  async #makeKey(challengeId: string): Promise<DeviceKey> {
    const kept = await this.#storage.get(this.#pendingName)
    if (kept?.kind === 'pending' && kept.challengeId === challengeId) return kept.key
    try {
      return await this.#keepKey(challengeId, await generateKey())
    } catch (fault) {
      // Some browsers have Ed25519, and cannot keep its keys.
      if (!(fault instanceof DOMException && fault.name === 'DataCloneError')) throw fault
      return this.#keepKey(challengeId, await generateSoftwareKey())
    }
  }

  /** Keeps the key before the server knows it, and returns it as the storage gives it back. */
  async #keepKey(challengeId: string, key: DeviceKey): Promise<DeviceKey> {
    await this.#storage.set(this.#pendingName, { kind: 'pending', challengeId, key })
    const kept = await this.#storage.get(this.#pendingName)
    if (kept?.kind !== 'pending') throw new AuthError('storage_unavailable', 'the storage did not keep the key')
    // Another tab that confirms at the same time has put its key here.
    return kept.challengeId === challengeId ? kept.key : key
  }

  /** Confirms, and returns the id of the session. */
  async #register(key: DeviceKey, challengeId: string, code: string, label: string | undefined): Promise<string> {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
    const body = {
      challenge_id: challengeId,
      code,
      client_public_key: key.publicKey,
      ...(timeZone ? { time_zone: timeZone } : {}),
      ...(label ? { device_label: label } : {}),
    }
    const proof = base64(await signWith(key, proofBytes(this.#publicHost, challengeId, code)))
    const confirm = (more: object): Promise<Response> =>
      sendAndRepeat(this.#heard, postOf(this.#url('auth/confirm-email-code'), { ...body, ...more }), PATIENT)
    let answer = await confirm({ client_key_proof: proof })
    if (await isUncheckable(answer)) answer = await confirm({})
    return textOf(await objectOf(answer), 'device_session_id')
  }

  // Signed calls.

  /** Sends with an envelope; once more with a new one, if only the time was wrong. */
  async #signed(
    request: { method: string; url: string; body: Bytes },
    send: (envelope: [string, string][]) => Promise<Response>,
    signer?: KeptSession,
  ): Promise<Response> {
    if (signer === undefined) await this.ready()
    const kept = signer ?? this.#kept
    if (kept === undefined) throw new AuthError('not_logged_in', 'there is no session on this device')
    const messageType = messageTypeOf(request.method, request.url)
    for (let sent = 1; ; sent++) {
      const signing = { ...kept, messageType, body: request.body, timestampMs: this.#clock.now() }
      const answer = await send(await envelopeOf(signing, (message) => signWith(kept.key, message)))
      const code = answer.status === 401 ? (await refusalOf(answer))?.code : undefined
      if (code === 'timestamp_out_of_window' && sent === 1) continue
      if (code === 'session_revoked' || code === 'session_unknown') await this.#end(kept.deviceSessionId, code)
      return answer
    }
  }

  async #serve(
    method: string,
    path: string,
    fields?: object,
    patience = PATIENT,
    signer?: KeptSession,
  ): Promise<Record<string, unknown>> {
    const url = this.#url(`device-sessions${path}`)
    const body = fields === undefined ? new Uint8Array() : utf8(JSON.stringify(fields))
    const headers: [string, string][] = fields === undefined ? [] : [['content-type', 'application/json']]
    const answer = await this.#signed({ method, url, body }, (envelope) => {
      const init = { method, headers: [...headers, ...envelope], ...(body.length > 0 ? { body } : {}) }
      return sendAndRepeat(this.#heard, { url, init }, patience)
    }, signer)
    return objectOf(answer)
  }

  async #list(): Promise<Device[]> {
    const { device_sessions: rows } = await this.#serve('GET', '')
    return (Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []).map((row) => ({
      deviceSessionId: textOf(row, 'device_session_id'),
      label: row['label'] === undefined ? undefined : textOf(row, 'label'),
      createdAt: textOf(row, 'created_at'),
      lastSeenOn: row['last_seen_on'] === undefined ? undefined : textOf(row, 'last_seen_on'),
      isCurrent: row['is_current'] === true,
    }))
  }

  async #revoke(deviceSessionId: string, patience: Patience, signer?: KeptSession): ReturnType<Devices['revoke']> {
    const answer = await this.#serve('DELETE', `/${encodeURIComponent(deviceSessionId)}`, undefined, patience, signer)
    if (this.#kept?.deviceSessionId === deviceSessionId) await this.#end(deviceSessionId, 'logged_out')
    const outcome = textOf(answer, 'outcome') === 'revoked' ? 'revoked' : 'already_revoked'
    return { outcome, deviceSessionId: textOf(answer, 'device_session_id') }
  }

  async #revokeOthers(): ReturnType<Devices['revokeOthers']> {
    const answer = await this.#serve('POST', '/revoke-others')
    return { outcome: textOf(answer, 'outcome'), affectedSessionCount: Number(answer['affected_session_count']) }
  }

  /** Sends, and learns the server's time from the answer. */
  readonly #heard: Fetch = async (input, init) => {
    const answer = await this.#sendRequest(input, init)
    if (init?.cache === 'no-store') this.#clock.learn(answer)
    return answer
  }

  #url(path: string): string {
    return new URL(`${PUBLIC}/${path}`, this.#base).href
  }
}

/** Whether the server has no public host, so that it can check no proof. Then it asks for none either. */
async function isUncheckable(answer: Response): Promise<boolean> {
  if (answer.status !== 400) return false
  const told = await refusalOf(answer)
  return told?.code === 'invalid_request' && told.message.startsWith('client_key_proof cannot be checked')
}
